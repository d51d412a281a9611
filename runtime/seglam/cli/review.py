"""`seglam review`: what waits for a decision, what speaks for and against it, and the decision.

The same commands work on a store, on a running server and, as `kubectl seglam review` or with --context, --kubeconfig
or --namespace, on a cluster.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from json import dumps
from typing import Annotated, Any

import typer

from seglam.cli.cluster import Context, Kubeconfig, Namespace, Place
from seglam.cli.desk import Desk, desk
from seglam.cli.exits import CliError, Exit
from seglam.cli.opening import DataDir, Server
from seglam.cli.output import Json, Output, one_line, visible
from seglam.cli.tables import rows, table

app = typer.Typer(
    help="Decide on proposed revisions. Nobody approves what they wrote or asked for.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Digest = Annotated[
    str,
    typer.Argument(help="A revision's digest or its first characters, or a procedure's name.", show_default=False),
]
As = Annotated[
    str | None,
    typer.Option("--as", help="Who decides; in a cluster that is you.", show_default=False, metavar="NAME"),
]
Reason = Annotated[str, typer.Option("--reason", help="Why, for whoever reads it later.", show_default=False)]


@app.command("list")
def list_(
    everything: Annotated[bool, typer.Option("--all", help="Revisions in every state.")] = False,
    everywhere: Annotated[
        bool, typer.Option("--all-namespaces", "-A", help="Of all namespaces of the cluster.")
    ] = False,
    server: Server = None,
    data_dir: DataDir = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = None,
    as_json: Json = False,
) -> None:
    """List the revisions that wait for a decision.

    \b
    Example:
      seglam review list
      kubectl seglam review list -n team-a
    """
    out = Output(as_json)
    place = Place(kubeconfig, context, namespace, everywhere)
    with desk(server, data_dir, place) as opened:
        found = opened.revisions(everything)
    shown = table("digest", "procedure", "state", "created", "authors", "summary", left=6)
    for each in found:
        out.json(each)
        authors, summary = ", ".join(each["authors"]), one_line(each["summary"], 60)
        name = f"{each['namespace']}/{each['name']}" if everywhere else each["name"]
        state = f"{each['state']} {each['gates']}" if each.get("gates") else each["state"]
        rows(shown, [(short(each["digest"]), name, state, each["created"][:19], authors, summary)])
    if found:
        out.say(shown)
    else:
        out.say("no revisions" if everything else "no revision waits for a decision")


@app.command("show")
def show(
    digest: Digest,
    manifest: Annotated[
        bool, typer.Option("--manifest", help="Print nothing but its manifest, as it is kept in git.")
    ] = False,
    detail: Annotated[bool, typer.Option("--detail", help="Print all that the gates recorded.")] = False,
    server: Server = None,
    data_dir: DataDir = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = None,
    as_json: Json = False,
) -> None:
    """Show a revision as a reviewer needs it.

    Patterns, code, the difference to the revision that it replaces, what each gate found, and decisions so far.

    \b
    Example:
      seglam review show sha256:1f3a
      kubectl seglam review show capital-of-country -n team-a
    """
    from seglam.procedures import ReasoningProcedure, dump

    out = Output(as_json)
    with desk(server, data_dir, Place(kubeconfig, context, namespace)) as opened:
        found = opened.revision(digest)
        differences = _difference(opened, found)
    document = ReasoningProcedure.model_validate(found["document"])
    if manifest:
        out.json(found["document"])
        if not as_json:  # exact where a file is written, harmless on a terminal
            text = dump(document)
            sys.stdout.write(visible(text) if sys.stdout.isatty() else text)
        return
    out.json({**found, "difference": differences})
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
    if differences is None:
        out.say("\nDocument", style="bold")
        out.say(visible(dump(document)))
    else:
        out.say(f"\nDifference to {short(found['replaces'])}", style="bold")
        for part, text in differences.items():
            out.say(f"{part}:", style="bold")
            out.say(visible(text))
        if not differences:
            out.say("none that a request could tell")
    say_evidence(out, found["evidence"], detail)
    _say_health(out, found.get("health"))
    for review in found["reviews"]:
        at = f"{review['at'][:19]}  " if review.get("at") else ""
        words = f"{at}{review['decision']} by {review['reviewer']}: {review.get('reason') or 'no reason given'}"
        out.say(visible(words))


@app.command("approve")
def approve(
    digest: Digest,
    reason: Reason,
    reviewer: As = None,
    apply: Annotated[
        bool,
        typer.Option("--apply", help="In a cluster: also write an extension into its procedure, as yourself."),
    ] = False,
    server: Server = None,
    data_dir: DataDir = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = None,
    as_json: Json = False,
) -> None:
    """Serve a proposed revision, or go back to a retired one.

    In a cluster a revision that a compilation proposes for an existing procedure is served once its procedure has its
    text: --apply writes it, or commit what `review show --manifest` prints.

    \b
    Example:
      seglam review approve sha256:1f3a --as ada --reason "patterns and code read, evidence complete"
      kubectl seglam review approve capital-of-country -n team-a --reason "read, evidence complete"
    """
    out, place = Output(as_json), Place(kubeconfig, context, namespace)
    with desk(server, data_dir, place) as opened:
        after = _decide(opened, digest, reviewer, "approve", reason, out)
        if apply:
            _apply(opened, after.get("review", after["digest"]), out)


@app.command("reject")
def reject(
    digest: Digest,
    reason: Reason,
    reviewer: As = None,
    server: Server = None,
    data_dir: DataDir = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = None,
    as_json: Json = False,
) -> None:
    """Never serve a proposed revision.

    \b
    Example:
      seglam review reject sha256:1f3a --as ada --reason "answers in the wrong unit"
    """
    with desk(server, data_dir, Place(kubeconfig, context, namespace)) as opened:
        _decide(opened, digest, reviewer, "reject", reason, Output(as_json))


@app.command("quarantine")
def quarantine(
    digest: Digest,
    reason: Reason,
    reviewer: As = None,
    server: Server = None,
    data_dir: DataDir = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = None,
    as_json: Json = False,
) -> None:
    """Stop serving a revision at once, and for good (in a cluster only).

    An older approved revision is served in its place, if there is one.

    \b
    Example:
      kubectl seglam review quarantine capital-of-country -n team-a --reason "wrong for two capitals: ticket 71"
    """
    with desk(server, data_dir, Place(kubeconfig, context, namespace)) as opened:
        _decide(opened, digest, reviewer, "quarantine", reason, Output(as_json))


def _decide(
    opened: Desk, digest: str, reviewer: str | None, decision: str, reason: str, out: Output
) -> Mapping[str, Any]:
    if not reason.strip():
        raise CliError("the reason is empty", "say why, for whoever reads it later", Exit.USAGE, where="--reason")
    after = opened.decide(digest, reviewer, decision, reason)
    out.say(f"{after['name']} {short(after['digest'])} is {after['state']}")
    brief = {name: after[name] for name in ("digest", "name", "state")}
    out.json({**brief, "decision": decision, "reviewer": after.get("reviewer", reviewer), "reason": reason})
    return after


def _apply(opened: Desk, review: str, out: Output) -> None:
    from seglam.cli.cluster import ClusterDesk

    if not isinstance(opened, ClusterDesk):
        raise CliError("--apply is for clusters", "leave it out: a store serves what is approved", Exit.USAGE)
    after = opened.apply(review)
    out.say(f"{after['name']} has the text of {short(after['digest'])}")


def short(digest: str) -> str:
    """A digest as people copy it."""
    return digest[: len("sha256:") + 12]


def say_evidence(out: Output, evidence: Iterable[Mapping[str, Any]], detail: bool = False) -> None:
    """What the gates found, for a person."""
    found = list(evidence)
    if not found:
        out.say("\nNo evidence: no gate has run yet, or the revision came from a file of a store.")
        return
    out.say("\nEvidence", style="bold")
    for each in found:
        by = f"  (by the {each['by']})" if each.get("by") else ""
        words = f"  {'passed' if each['passed'] else 'failed'}  {each['gate']:<13}{visible(each['summary'])}{by}"
        out.say(words, style="green" if each["passed"] else "red")
        for unchecked in each["detail"].get("unchecked") or ():
            out.say(visible(f"          not checked: {unchecked}"))
        if detail:
            out.say(visible(dumps(each["detail"], indent=2, ensure_ascii=False)))


def _say_health(out: Output, found: Mapping[str, Mapping[str, int]] | None) -> None:
    """What was counted of a revision beside and after its review, where there is anything."""
    for what, counted in (found or {}).items():
        if any(counted.values()):
            out.say(f"{what}: " + ", ".join(f"{number} {name}" for name, number in counted.items() if number))


def _difference(opened: Desk, found: Mapping[str, Any]) -> dict[str, str] | None:
    """What a revision changes of the one that it replaces, by part; None if it replaces none that can be seen."""
    from seglam.procedures import ReasoningProcedure
    from seglam.procedures.difference import difference

    if not found["replaces"]:
        return None
    old = found.get("previous")
    if old is None:
        try:
            old = opened.revision(found["replaces"])["document"]
        except CliError:  # a server shows only what waits and what is served
            return None
    before, after = (ReasoningProcedure.model_validate(each).spec for each in (old, found["document"]))
    return difference(before, after)
