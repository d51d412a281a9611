"""`seglam review`: what waits for a decision, what speaks for and against it, and the decision."""

from __future__ import annotations

import json
from difflib import unified_diff
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seglam.cli.exits import CliError, Exit
from seglam.cli.opening import DataDir, store
from seglam.cli.output import Json, Output, one_line, visible
from seglam.cli.tables import rows, table

if TYPE_CHECKING:
    from seglam.gateway.store import Decision, EvidenceRow, RevisionRow, Store

app = typer.Typer(
    help="Decide on proposed revisions. Nobody approves what they wrote or asked for.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Digest = Annotated[str, typer.Argument(help="A revision's digest, or its first characters.", show_default=False)]
As = Annotated[str, typer.Option("--as", help="Who decides.", show_default=False, metavar="NAME")]
Reason = Annotated[str, typer.Option("--reason", help="Why, for whoever reads it later.", show_default=False)]


@app.command("list")
def list_(
    everything: Annotated[
        bool, typer.Option("--all", help="Revisions in every state, not only proposed ones.")
    ] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List the revisions that wait for a decision.

    \b
    Example:
      seglam review list
    """
    from seglam.gateway.store import State, authors_of, document_of

    out = Output(as_json)
    with store(data_dir) as opened:
        found = opened.revisions(None if everything else State.PROPOSED)
    shown = table("digest", "procedure", "state", "created", "authors", "summary", left=6)
    for row in found:
        summary = document_of(row).spec.summary
        authors = ", ".join(authors_of(row))
        out.json({**_brief(row), "authors": authors_of(row), "summary": summary})
        rows(shown, [(short(row.digest), row.name, row.state, row.created[:19], authors, one_line(summary, 60))])
    if found:
        out.say(shown)
    else:
        out.say("no revisions" if everything else "no revision waits for a decision")


@app.command("show")
def show(digest: Digest, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Show a revision as a reviewer needs it: patterns, code, difference, evidence of each gate, decisions.

    \b
    Example:
      seglam review show sha256:1f3a
    """
    from seglam.gateway.store import authors_of, document_of
    from seglam.procedures import dump

    out = Output(as_json)
    with store(data_dir) as opened:
        row = find(opened, digest)
        document = document_of(row)
        evidence = opened.evidence(row.compilation) if row.compilation else []
        calls = opened.calls(row.compilation) if row.compilation else []
        reviews = opened.reviews(row.digest)
        difference = _difference(opened, row)
    out.json(
        {
            **_brief(row),
            "authors": authors_of(row),
            "document": document.model_dump(mode="json", by_alias=True, exclude_none=True),
            "difference": difference,
            "evidence": [evidence_as_json(each) for each in evidence],
            "calls": [call.model_dump(exclude={"compilation"}) for call in calls],
            "reviews": [review.model_dump(exclude={"id"}) for review in reviews],
        }
    )
    spec = document.spec
    out.say(f"{row.name}  {row.state}", style="bold")
    out.say(f"{row.digest}\nwritten by {visible(', '.join(authors_of(row)))}, {row.origin}, {row.created[:19]}")
    out.say(f"\n{visible(spec.summary)}")
    out.say("\nPatterns", style="bold")
    for number, pattern in enumerate(spec.match.patterns or ()):
        out.say(f"  {number}  {visible(pattern.text)}")
    for refusal in spec.match.refuse or ():
        out.say(f"  refuses  {visible(refusal)}")
    if difference is not None:
        out.say(f"\nDifference to {short(row.replaces or '')}", style="bold")
        out.say(visible(difference))
    else:
        out.say("\nDocument", style="bold")
        out.say(visible(dump(document)))
    say_evidence(out, evidence)
    for review in reviews:
        out.say(visible(f"{review.at[:19]}  {review.decision} by {review.reviewer}: {review.reason}"))


@app.command("approve")
def approve(digest: Digest, reviewer: As, reason: Reason, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Serve a proposed revision, or go back to a retired one.

    \b
    Example:
      seglam review approve sha256:1f3a --as ada --reason "patterns and code read, evidence complete"
    """
    from seglam.gateway.store import Decision

    _decide(digest, reviewer, Decision.APPROVE, reason, data_dir, as_json)


@app.command("reject")
def reject(digest: Digest, reviewer: As, reason: Reason, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Never serve a proposed revision.

    \b
    Example:
      seglam review reject sha256:1f3a --as ada --reason "answers in the wrong unit"
    """
    from seglam.gateway.store import Decision

    _decide(digest, reviewer, Decision.REJECT, reason, data_dir, as_json)


def _decide(digest: str, reviewer: str, decision: Decision, reason: str, data_dir: DataDir, as_json: bool) -> None:
    from seglam.gateway.store import ReviewRefused

    out = Output(as_json)
    with store(data_dir) as opened:
        row = find(opened, digest)
        try:
            opened.decide(row.digest, reviewer, decision, reason)
        except ReviewRefused as refused:
            what, _, remedy = str(refused).rpartition("; ")
            raise CliError(what, remedy, Exit.NEGATIVE, where=row.name) from refused
        after = find(opened, row.digest)
    out.say(f"{after.name} {short(after.digest)} is {after.state}")
    out.json({**_brief(after), "decision": str(decision), "reviewer": reviewer, "reason": reason})


def find(opened: Store, digest: str) -> RevisionRow:
    """The revision of that digest, of its first characters, or of a name's active or newest revision."""
    rows_ = opened.revisions()
    wanted = digest.removeprefix("sha256:")
    fitting = [row for row in rows_ if wanted and row.digest.removeprefix("sha256:").startswith(wanted)]
    if len(fitting) > 1:
        raise CliError(f"{len(fitting)} revisions begin with that", "give more characters", where=digest)
    if not fitting:
        named = [row for row in rows_ if row.name == digest]
        fitting = [row for row in named if row.state == "Active"][:1] or named[-1:]
    if not fitting:
        remedy = "see `seglam review list --all`"
        raise CliError("there is no such revision", remedy, where=digest or "an empty digest")
    return fitting[0]


def short(digest: str) -> str:
    """A digest as people copy it."""
    return digest[: len("sha256:") + 12]


def _brief(row: RevisionRow) -> dict[str, Any]:
    return {
        "digest": row.digest,
        "procedure": row.name,
        "state": str(row.state),
        "origin": row.origin,
        "created": row.created,
        "replaces": row.replaces,
        "compilation": row.compilation,
    }


def evidence_as_json(row: EvidenceRow) -> dict[str, Any]:
    """What one gate found, for `--json`."""
    return {"gate": row.gate, "passed": row.passed, "summary": row.summary, "detail": json.loads(row.detail)}


def say_evidence(out: Output, evidence: list[EvidenceRow]) -> None:
    """What the gates found, for a person."""
    if not evidence:
        out.say("\nNo evidence: the revision came from a file, not from a compilation.")
        return
    out.say("\nEvidence", style="bold")
    for row in evidence:
        style = "green" if row.passed else "red"
        out.say(f"  {'passed' if row.passed else 'failed'}  {row.gate:<13}{visible(row.summary)}", style=style)


def _difference(opened: Store, row: RevisionRow) -> str | None:
    """What a revision changes of the one that it replaces, as a unified difference of their documents."""
    from seglam.gateway.store import document_of
    from seglam.procedures import dump

    old = opened.revision(row.replaces) if row.replaces else None
    if old is None:
        return None
    before, after = (dump(document_of(each)).splitlines(keepends=True) for each in (old, row))
    return "".join(unified_diff(before, after, short(old.digest), short(row.digest), n=2))
