"""`seglam trace`: from one answer to everybody who had a part in it, and whether their words agree."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seglam.cli.exits import CliError, Exit
from seglam.cli.opening import DataDir, store_errors
from seglam.cli.output import Json, Output, one_line, visible
from seglam.cli.packs.options import ConfigDir, Roots

if TYPE_CHECKING:
    from seglam.cli.packs.places import Places
    from seglam.cli.walk import Walk
    from seglam.gateway.answers import Recorded
    from seglam.gateway.answers.history import Row

WORDS = 600


def trace(
    answer: Annotated[str, typer.Argument(metavar="ANSWER-ID", help="The id of an answer, as every API returns it.")],
    root: Roots = None,
    data_dir: DataDir = None,
    config_dir: ConfigDir = None,
    as_json: Json = False,
) -> None:
    """Print how an answer came to be, and check that what was signed agrees with what is kept here.

    The revision that answered, the compilation that wrote it (model, prompt digests, gates), who approved it, and where
    it came by a pack: the statements about that pack, verified anew, and who imported it. Digests are computed again;
    trace ids that provenance signed are compared with those kept here. Works without any network, also while `seglam
    serve` runs. Exit code 1 if something does not agree. The way back is `seglam pack audit`.

    \b
    Examples:
      seglam trace 4f0c2a1be7d94f6f9a6f0d6a1c2b3d4e
      seglam trace chatcmpl-4f0c2a1be7d94f6f9a6f0d6a1c2b3d4e --json
    """
    from seglam.cli.packs.auditing import own_root
    from seglam.cli.packs.places import Places
    from seglam.cli.walk import walk
    from seglam.gateway.answers.history import history

    out = Output(as_json)
    places = Places.of(None, data_dir, config_dir)
    found = recorded(places, answer)
    path = places.data_dir / "seglam.sqlite3"
    if not path.is_file():
        raise CliError("there is no store", "name its directory with --data-dir", Exit.DATA, where=str(path))
    trust = places.trust(None, root)
    with store_errors():
        known = history(path, found.tenant, found.revision, found.compilation)
        walked = walk(found, known, places.library, [*trust.roots.values(), *own_root(places)])
    _say(out, walked)
    out.json(walked.document())
    raise typer.Exit(Exit.OK if walked.whole else Exit.NEGATIVE)


def recorded(places: Places, text: str) -> Recorded:
    """The record of an answer; `CliError` if there is none."""
    from sqlalchemy.exc import SQLAlchemyError

    from seglam.gateway.answers import AnswerSettings, Records, answer_id

    identity = answer_id(text)
    if identity is None:
        raise CliError(f"{text!r} is no id of an answer", "take the member `id` of one", Exit.USAGE)
    try:
        settings = AnswerSettings.of(places.data_dir, os.environ)
        found = Records(settings).get(identity)
    except ValueError as error:
        raise CliError(str(error), "correct it", Exit.USAGE) from error
    except SQLAlchemyError as error:
        words = f"the record of answers cannot be read ({type(error).__name__})"
        raise CliError(words, "see SEGLAM_LEDGER_URL or --data-dir", Exit.DATA) from error
    if found is None:
        words = f"no answer {identity} is recorded here"
        raise CliError(words, "it is older than what is kept, or of another --data-dir", Exit.NEGATIVE)
    return found


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
        out.say(f"  {review['decision']} at {review['at'][:19]}: {one_line(review['reason'], WORDS)}")
        _trace(out, review["trace_id"], review["span_id"])
    for each in known.imports:
        out.say(f"\nImported in {one_line(each['release'])}", style="bold")
        out.say(f"  {each['digest']}\n  by {one_line(each['importer'])} at {each['at'][:19]}, policy "
                f"{one_line(each['policy'])}, approval {each['approval']}")  # fmt: skip
        _trace(out, each["trace_id"], each["span_id"])
    _statements(out, walked)
    out.say("\nChecked", style="bold")
    for check in walked.checks:
        mark, style = ("holds ", "green") if check.passed else ("BROKEN", "red")
        out.say(f"  {mark}  {visible(check.link)}: {one_line(check.words, WORDS)}", style=style)
    broken = sum(not check.passed for check in walked.checks)
    if broken:
        out.say(f"{broken} of {len(walked.checks)} links do not hold", style="bold red")
    else:
        out.say(f"all {len(walked.checks)} links hold", style="bold green")


def _compilation(out: Output, row: Row) -> None:
    out.say(f"\nCompilation {one_line(row['id'])}", style="bold")
    out.say(f"  {row['outcome'] or row['progress']} at {(row['finished'] or row['created'])[:19]}, asked for by "
            f"{one_line(row['requester'])} since the request was {visible(row['reason'])}")  # fmt: skip
    for call in _calls(row["calls"]):
        out.say(f"  {call}")
    passed = [each["gate"] for each in row["gates"] if each["passed"]]
    failed = [each["gate"] for each in row["gates"] if not each["passed"]]
    if passed or failed:
        out.say(f"  gates passed {', '.join(passed) or 'none'}{'; FAILED ' + ', '.join(failed) if failed else ''}")
    _trace(out, row["trace_id"], row["span_id"])


def _calls(calls: Sequence[Row]) -> list[str]:
    said = (
        f"{each['role']} {each['purpose']}: {one_line(each['model'])}, prompt {each['prompt_digest'][:19]}"
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


def answers_of(places: Places, digests: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """The last answers of revisions, by their digests; for `seglam pack audit`. Empty where none are recorded."""
    from sqlalchemy.exc import SQLAlchemyError

    from seglam.gateway.answers import AnswerSettings, Records

    try:
        records = Records(AnswerSettings.of(places.data_dir, os.environ))
        return {digest: [each.as_json() for each in records.of_revision(digest)] for digest in digests}
    except (ValueError, SQLAlchemyError):
        return {digest: [] for digest in digests}
