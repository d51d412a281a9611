"""`seglam trace`: from one answer to everybody who had a part in it, and whether their words agree."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seglam.cli import client
from seglam.cli.cluster import Context, Kubeconfig, Namespace, Place
from seglam.cli.exits import CliError, Exit
from seglam.cli.links import WORDS, say_checks, say_import
from seglam.cli.opening import DataDir, Server, store_errors
from seglam.cli.output import Json, Output, one_line, visible
from seglam.cli.packs.options import ConfigDir, Registry, Roots
from seglam.cli.recorded import recorded, told

if TYPE_CHECKING:
    from seglam.cli.packs.places import Places
    from seglam.gateway.answers.history import Row
    from seglam.gateway.answers.walk import Walk


def trace(
    answer: Annotated[str, typer.Argument(metavar="ANSWER-ID", help="The id of an answer, as every API returns it.")],
    server: Server = None,
    token_file: Annotated[
        Path | None, typer.Option(help="Token of the tenant's, for a cluster's gateway.", show_default=False)
    ] = None,
    root: Roots = None,
    registry_url: Registry = None,
    data_dir: DataDir = None,
    config_dir: ConfigDir = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = None,
    as_json: Json = False,
) -> None:
    """Print how an answer came to be, and check that what was signed agrees with what is kept.

    The revision that answered, the compilation that wrote it (model, prompt digests, gates), who approved it, and where
    it came by a pack: the statements about that pack, verified anew, and who imported it. Digests are computed again;
    trace ids that provenance signed are compared with those kept here. Works without any network, also while `seglam
    serve` runs. Exit code 1 if something does not agree. The way back is `seglam pack audit`.

    In a cluster the gateway (--server) has the record, and the resources of the tenant's namespace, read with your own
    credentials, the rest. A pack is asked for at the source that a TrustRoot names, or at --registry.

    \b
    Examples:
      seglam trace 4f0c2a1be7d94f6f9a6f0d6a1c2b3d4e
      seglam trace chatcmpl-4f0c2a1be7d94f6f9a6f0d6a1c2b3d4e --json
      kubectl seglam trace 4f0c2a1be7d94f6f9a6f0d6a1c2b3d4e -n shop --server http://127.0.0.1:8080 --token-file token
    """
    from seglam.cli.packs.places import Places

    out = Output(as_json)
    places, place = Places.of(registry_url, data_dir, config_dir), Place(kubeconfig, context, namespace)
    if server is not None:
        walked = _in_cluster(out, places, place, answer, server, token_file, root)
    elif place.meant or token_file is not None:
        raise CliError("a cluster's record of answers is its gateway's", "name that with --server", Exit.USAGE)
    else:
        walked = _here(places, answer, root)
    _say(out, walked)
    out.json(walked.document())
    raise typer.Exit(Exit.OK if walked.whole else Exit.NEGATIVE)


def _here(places: Places, answer: str, root: Sequence[Path] | None) -> Walk:
    from seglam.cli.packs.auditing import own_root
    from seglam.gateway.answers.walk import follow

    found = recorded(places, answer)
    path = places.data_dir / "seglam.sqlite3"
    if not path.is_file():
        raise CliError("there is no store", "name its directory with --data-dir", Exit.DATA, where=str(path))
    roots = [*places.trust(None, root).roots.values(), *own_root(places)]
    with store_errors():
        return follow(found, path, places.library, roots)


def _in_cluster(
    out: Output,
    places: Places,
    place: Place,
    answer: str,
    server: str,
    token_file: Path | None,
    root: Sequence[Path] | None,
) -> Walk:
    from seglam.cli.resources import Resources, packed
    from seglam.gateway.answers.walk import walk

    resources = Resources(place)
    token = client.token_of(token_file) if token_file is not None else None
    found, spans = told(server, token, resources.namespace, answer)
    behind = resources.behind(found, spans)
    trust = places.trust(None, root)
    if not root:
        trust = resources.trust(trust, out.note)
    return walk(found, behind.known, lambda row: packed(behind, places, trust, row), list(trust.roots.values()),
                behind.checks)  # fmt: skip


def _say(out: Output, walked: Walk) -> None:
    answer, known = walked.answer, walked.known
    out.say(f"Answer {answer.id}", style="bold")
    why = f", {answer.reason}" if answer.reason else ""
    out.say(f"  {answer.outcome}{visible(why)} at {answer.at} by the {visible(answer.source)} API")
    _trace(out, answer.trace_id, answer.span_id)
    if known.revision is not None:
        row = known.revision
        out.say(f"\nRevision {one_line(row['name'])}", style="bold")
        out.say(f"  {row['digest']}\n  {row['state']}, from {row['origin']}, since {row['created'][:19]}")
        out.say(f"  authors {one_line(', '.join(row['authors']), WORDS)}")
    if known.compilation is not None:
        _compilation(out, known.compilation)
    for review in known.reviews:
        out.say(f"\nReviewed by {one_line(review['reviewer'])}", style="bold")
        at = f" at {review['at'][:19]}" if review["at"] else ""
        out.say(f"  {review['decision']}{at}: {one_line(review['reason'] or 'no reason given', WORDS)}")
        _trace(out, review["trace_id"], review["span_id"])
    for each in known.imports:
        out.say(f"\nImported in {one_line(each['release'])}", style="bold")
        out.say(f"  {each['digest']}")
        say_import(out, each)
        _trace(out, each["trace_id"], each["span_id"])
    _statements(out, walked)
    say_checks(out, walked.checks)


def _compilation(out: Output, row: Row) -> None:
    out.say(f"\nCompilation {one_line(row['id'])}", style="bold")
    since = f" since the request was {visible(row['reason'])}" if row["reason"] else ""
    out.say(f"  {row['outcome'] or row['progress']} at {(row['finished'] or row['created'])[:19]}, asked for by "
            f"{one_line(row['requester'])}{since}")  # fmt: skip
    for call in _calls(row["calls"]):
        out.say(f"  {call}")
    passed = [each["gate"] for each in row["gates"] if each["passed"]]
    failed = [each["gate"] for each in row["gates"] if not each["passed"]]
    if passed or failed:
        out.say(f"  gates passed {', '.join(passed) or 'none'}{'; FAILED ' + ', '.join(failed) if failed else ''}")
    _trace(out, row["trace_id"], row["span_id"])


def _calls(calls: Sequence[Row]) -> list[str]:
    said = (
        f"{each['role']} {each['purpose']}: {one_line(each['model'])}"
        f"{', prompt ' + each['prompt_digest'][:19] if each['prompt_digest'] else ''}"
        f"{', recorded' if each['recording'] else ''}{', failed' if each['error'] else ''}"
        for each in calls
    )
    return list(dict.fromkeys(said))


def _statements(out: Output, walked: Walk) -> None:
    for chain in walked.chains:
        out.say(f"\nSigned about {chain.packed.pack.release}", style="bold")
        for each in chain.statements:
            signer = one_line(each.signature.words, WORDS) if each.signature else "nobody that is known here"
            out.say(f"  {each.claimed or 'unknown':<20} {each.digest[:19]}  {signer}")


def _trace(out: Output, trace_id: str | None, span_id: str | None) -> None:
    if trace_id:
        out.say(f"  trace {trace_id}" + (f", span {span_id}" if span_id else ""))
