"""`seglam pack audit`: the whole chain of a pack, from the requests that were missed to who imported it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from seglam.cli.exits import CliError, Exit
from seglam.cli.links import WORDS, say_checks, say_import
from seglam.cli.opening import DataDir
from seglam.cli.output import Json, Output, one_line, visible
from seglam.cli.packs.options import ConfigDir, Offline, Pack, Registry, Roots
from seglam.cli.packs.places import Places

if TYPE_CHECKING:
    from seglam.packs.chain import Chain
    from seglam.packs.trust.examination import Examined
    from seglam.packs.trust.roots import TrustRoot

SHOWN = 3


def audit(
    pack: Pack,
    root: Roots = None,
    offline: Offline = False,
    registry: Registry = None,
    data_dir: DataDir = None,
    config_dir: ConfigDir = None,
    as_json: Json = False,
) -> None:
    """Print where a pack comes from and who vouches for it, and check every link, also without any network.

    For each procedure: the requests that were missed and the examples (as hashes), model and prompt digests, gates and
    their results, authors, reviewers, trace. For the pack: reviews, test results, registry, importers, with signer,
    issuer, time and log index. What was imported here is audited from this machine's own copy. Exit code 1 if a link
    does not hold.

    \b
    Examples:
      seglam pack audit registry.acme.example/finance/dates@0.1.0
      seglam pack audit dates-0.1.0.tar --root root.yaml --json
    """
    from seglam.packs.chain import chain, statement_document

    out = Output(as_json)
    places = Places.of(registry, data_dir, config_dir)
    trust = places.trust(None, root)
    roots = [*trust.roots.values(), *own_root(places)]
    broken = 0
    for found in places.find_all(pack, trust, offline=offline, kept_first=registry is None):
        audited, imports = chain(found.packed, roots), imported(places, found.packed.pack.digest)
        _say(out, audited, found.where, imports)
        model = found.packed.pack.manifest_model
        out.json(
            {
                "release": str(found.packed.pack.release),
                "digest": found.packed.pack.digest,
                "from": found.where,
                "description": model.description,
                "licence": model.licence,
                "procedures": [{"name": each.name, "digest": each.digest} for each in model.procedures],
                "statements": [statement_document(each) for each in audited.statements],
                "imports": imports,
                "checks": [check.document() for check in audited.checks],
                "whole": audited.whole,
            }
        )
        broken += not audited.whole
    raise typer.Exit(Exit.NEGATIVE if broken else Exit.OK)


def own_root(places: Places) -> list[TrustRoot]:
    """This machine's own key, with which it signs what it imports; nothing if there is none yet."""
    from seglam.cli.packs.signers import key_signer
    from seglam.gateway.packs.trusted import KEY, this_machine

    file = places.data_dir / KEY
    return [this_machine(key_signer(file).public)] if file.is_file() else []


def imported(places: Places, digest: str) -> list[dict[str, Any]]:
    """What the store says about imports of a pack, each procedure with its last answers here; nothing where no store
    is."""
    from seglam.cli.recorded import answers_of
    from seglam.gateway.store import StoreError
    from seglam.gateway.store.reading import imports

    path = places.data_dir / "seglam.sqlite3"
    if not path.is_file():
        return []
    try:
        found = [row for row in imports(path) if row["digest"] == digest]
    except StoreError as error:
        raise CliError(str(error).removesuffix(f"; {error.remedy}"), error.remedy) from error
    answers = answers_of(places, [procedure["digest"] for row in found for procedure in row["procedures"]])
    for row in found:
        row["procedures"] = [{**each, "answers": answers[each["digest"]]} for each in row["procedures"]]
    return found


def _say(out: Output, audited: Chain, where: str, imports: list[dict[str, Any]]) -> None:
    from seglam.packs.trust.predicates import Provenance, Release, Review, Status, TestResult, VerificationSummary

    pack = audited.packed.pack
    out.say(f"{pack.release}", style="bold")
    out.say(f"  {pack.digest}\n  {one_line(pack.manifest_model.description, WORDS)}\n  from {visible(where)}")
    for each, provenance in audited.of(Provenance):
        _title(out, "Compiled by", each)
        _procedures(out, provenance)
    for each, review in audited.of(Review):
        _title(out, "Reviewed by", each)
        expires = f", until {review.expires}" if review.expires else ""
        out.say(f"  {review.decision} by {one_line(review.reviewer)} at {review.time}{expires}: "
                f"{one_line(review.reason or 'no reason given', WORDS)}")  # fmt: skip
    for each, result in audited.of(TestResult):
        _title(out, "Tested by", each)
        out.say(f"  {result.result}: {len(result.passed_tests)} passed, {len(result.failed_tests)} failed")
    for each, release in audited.of(Release):
        _title(out, "Released by", each)
        out.say(f"  {visible(release.purl)} is {pack.digest}")
    for each, status in audited.of(Status):
        _title(out, "Status by", each)
        out.say(f"  {status.status} at {status.time}: {one_line(status.reason, WORDS)}")
    for each, summary in audited.of(VerificationSummary):
        _title(out, "Imported by", each)
        out.say(f"  {summary.verification_result} at {summary.time_verified} by {one_line(summary.policy.uri)}, on "
                f"{len(summary.input_attestations)} statements; {visible(summary.verifier.id, 200)}")  # fmt: skip
    for row in imports:
        out.say("\nImported here", style="bold")
        say_import(out, row)
        if row["waiver"]:
            out.say(f"  expired metadata was believed: {one_line(row['waiver'], WORDS)}")
        for procedure in row["procedures"]:
            out.say(f"  {procedure['state']:<12} {one_line(procedure['name'])} {procedure['digest'][:19]}")
            for each in procedure["answers"][:SHOWN]:
                out.say(f"    answer {each['id']} at {each['at'][:19]}: {each['outcome']}")
    ignored = [each for each in audited.statements if not each.passed]
    if ignored:
        out.say("\nNot counted", style="bold")
    for each in ignored:
        out.say(f"  {each.claimed or 'unknown'} {each.digest[:19]}: {one_line(each.words, WORDS)} ({each.code})")
    say_checks(out, audited.checks)


def _title(out: Output, what: str, each: Examined) -> None:
    signature = each.signature
    assert signature is not None
    out.say(f"\n{what} {one_line(signature.words, WORDS)}", style="bold")
    logged = [f"log index {signature.log_index}"] if signature.log_index is not None else []
    logged += [f"at {signature.time:%Y-%m-%dT%H:%M:%SZ}"] if signature.time else []
    logged += [f"trust root {each.root}", each.digest[:19]]
    out.say(f"  {visible(', '.join(logged))}")


def _procedures(out: Output, provenance: Any) -> None:
    for each in provenance.procedures:
        out.say(f"  {one_line(each.name)}  {each.digest[:19]}  {each.origin}", style="bold")
        if each.model:
            out.say(f"    model {one_line(each.model)}")
        _hashes(out, "prompts", [f"{one_line(p.name)} {p.digest.sha256[:12]}" for p in each.prompts])
        _hashes(out, "misses", [digest[:12] for digest in each.misses])
        _hashes(out, "exemplars", [digest[:12] for digest in each.exemplars])
        for gate in each.gates:
            words = one_line(gate.detail or "", WORDS)
            out.say(
                f"    gate {visible(gate.name)} {'passed' if gate.passed else 'FAILED'}{': ' if words else ''}{words}"
            )
        out.say(f"    authors {one_line(', '.join(each.authors), WORDS)}")
        if each.reviewers:
            out.say(f"    reviewers {one_line(', '.join(each.reviewers), WORDS)}")
        if each.trace:
            out.say(f"    trace {each.trace}")


def _hashes(out: Output, what: str, hashes: list[str]) -> None:
    if hashes:
        more = f" and {len(hashes) - SHOWN} more" if len(hashes) > SHOWN else ""
        out.say(f"    {len(hashes)} {what}: {', '.join(hashes[:SHOWN])}{more}")
