"""`seglam review`: what waits for a decision, what speaks for and against it, and the decision."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import unified_diff
from typing import Annotated, Any

import typer

from seglam.cli.desk import Desk, desk
from seglam.cli.exits import CliError
from seglam.cli.opening import DataDir, Server
from seglam.cli.output import Json, Output, one_line, visible
from seglam.cli.tables import rows, table

app = typer.Typer(
    help="Decide on proposed revisions. Nobody approves what they wrote or asked for.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Digest = Annotated[str, typer.Argument(help="A revision's digest or its first characters.", show_default=False)]
As = Annotated[str, typer.Option("--as", help="Who decides.", show_default=False, metavar="NAME")]
Reason = Annotated[str, typer.Option("--reason", help="Why, for whoever reads it later.", show_default=False)]


@app.command("list")
def list_(
    everything: Annotated[bool, typer.Option("--all", help="Revisions in every state.")] = False,
    server: Server = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List the revisions that wait for a decision.

    \b
    Example:
      seglam review list
    """
    out = Output(as_json)
    with desk(server, data_dir) as opened:
        found = opened.revisions(everything)
    shown = table("digest", "procedure", "state", "created", "authors", "summary", left=6)
    for each in found:
        out.json(each)
        authors, summary = ", ".join(each["authors"]), one_line(each["summary"], 60)
        rows(shown, [(short(each["digest"]), each["name"], each["state"], each["created"][:19], authors, summary)])
    if found:
        out.say(shown)
    else:
        out.say("no revisions" if everything else "no revision waits for a decision")


@app.command("show")
def show(digest: Digest, server: Server = None, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Show a revision as a reviewer needs it.

    Patterns, code, the difference to the revision that it replaces, what each gate found, and decisions so far.

    \b
    Example:
      seglam review show sha256:1f3a
    """
    from seglam.procedures import ReasoningProcedure, dump

    out = Output(as_json)
    with desk(server, data_dir) as opened:
        found = opened.revision(digest)
        difference = _difference(opened, found)
    out.json({**found, "difference": difference})
    document = ReasoningProcedure.model_validate(found["document"])
    spec = document.spec
    out.say(f"{found['name']}  {found['state']}", style="bold")
    out.say(f"{found['digest']}\nwritten by {visible(', '.join(found['authors']))}, {found['created'][:19]}")
    out.say(f"\n{visible(spec.summary)}")
    out.say("\nPatterns", style="bold")
    for number, pattern in enumerate(spec.match.patterns or ()):
        out.say(f"  {number}  {visible(pattern.text)}")
    for refusal in spec.match.refuse or ():
        out.say(f"  refuses  {visible(refusal)}")
    out.say("\nCode", style="bold")
    out.say(visible(spec.code.rstrip()))
    if difference is not None:
        out.say(f"\nDifference to {short(found['replaces'])}", style="bold")
        out.say(visible(difference))
    else:
        out.say("\nDocument", style="bold")
        out.say(visible(dump(document)))
    say_evidence(out, found["evidence"])
    for review in found["reviews"]:
        out.say(visible(f"{review['at'][:19]}  {review['decision']} by {review['reviewer']}: {review['reason']}"))


@app.command("approve")
def approve(
    digest: Digest,
    reviewer: As,
    reason: Reason,
    server: Server = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Serve a proposed revision, or go back to a retired one.

    \b
    Example:
      seglam review approve sha256:1f3a --as ada --reason "patterns and code read, evidence complete"
    """
    with desk(server, data_dir) as opened:
        _decide(opened, digest, reviewer, "approve", reason, Output(as_json))


@app.command("reject")
def reject(
    digest: Digest,
    reviewer: As,
    reason: Reason,
    server: Server = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Never serve a proposed revision.

    \b
    Example:
      seglam review reject sha256:1f3a --as ada --reason "answers in the wrong unit"
    """
    with desk(server, data_dir) as opened:
        _decide(opened, digest, reviewer, "reject", reason, Output(as_json))


def _decide(opened: Desk, digest: str, reviewer: str, decision: str, reason: str, out: Output) -> None:
    after = opened.decide(digest, reviewer, decision, reason)
    out.say(f"{after['name']} {short(after['digest'])} is {after['state']}")
    brief = {name: after[name] for name in ("digest", "name", "state")}
    out.json({**brief, "decision": decision, "reviewer": reviewer, "reason": reason})


def short(digest: str) -> str:
    """A digest as people copy it."""
    return digest[: len("sha256:") + 12]


def say_evidence(out: Output, evidence: Iterable[Mapping[str, Any]]) -> None:
    """What the gates found, for a person."""
    found = list(evidence)
    if not found:
        out.say("\nNo evidence: the revision came from a file, not from a compilation.")
        return
    out.say("\nEvidence", style="bold")
    for each in found:
        words = f"  {'passed' if each['passed'] else 'failed'}  {each['gate']:<13}{visible(each['summary'])}"
        out.say(words, style="green" if each["passed"] else "red")


def _difference(opened: Desk, found: Mapping[str, Any]) -> str | None:
    """What a revision changes of the one that it replaces, as a unified difference of their documents."""
    from seglam.procedures import ReasoningProcedure, dump

    if not found["replaces"]:
        return None
    try:
        old = opened.revision(found["replaces"])
    except CliError:  # a server shows only what waits and what is served
        return None
    before, after = (dump(ReasoningProcedure.model_validate(each["document"])) for each in (old, found))
    names = short(old["digest"]), short(found["digest"])
    return "".join(unified_diff(before.splitlines(True), after.splitlines(True), *names, n=2))
