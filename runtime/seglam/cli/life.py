"""`seglam procedures quarantine`, `restore`, `rollback`, `health`, `counterexamples`: procedures that were admitted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from seglam.cli import client
from seglam.cli.desk import StoreDesk
from seglam.cli.exits import CliError, Exit
from seglam.cli.opening import DataDir, Server, Tenant, settings_of, store
from seglam.cli.output import Json, Output, one_line, visible
from seglam.cli.review import As, Reason, short
from seglam.cli.tables import rows, table

Name = Annotated[str, typer.Argument(help="The procedure's name.", show_default=False)]
Revision = Annotated[
    str | None,
    typer.Option("--to", metavar="DIGEST", help="Which revision; its digest or the first characters.",
                 show_default=False),
]  # fmt: skip


def quarantine(
    name: Name, reason: Reason, reviewer: As = None, server: Server = None, data_dir: DataDir = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Stop a procedure that gave a wrong answer; its revision is served again only by `restore`.

    \b
    Example:
      seglam procedures quarantine vat-of-amount --as ada --reason "the rate is another since July"
    """
    _decide(Output(as_json), name, "Active", None, "quarantine", reviewer, reason, server, data_dir)


def restore(
    name: Name, reason: Reason, to: Revision = None, reviewer: As = None, server: Server = None,
    data_dir: DataDir = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Serve a revision again that was quarantined wrongly. What was confirmed against it is overruled by that.

    \b
    Example:
      seglam procedures restore vat-of-amount --as ada --reason "the counterexample was of another country"
    """
    _decide(Output(as_json), name, "Quarantined", to, "restore", reviewer, reason, server, data_dir)


def rollback(
    name: Name, reason: Reason, to: Revision = None, reviewer: As = None, server: Server = None,
    data_dir: DataDir = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Serve an older revision of a procedure again: one that was approved and retired, never a quarantined one.

    \b
    Example:
      seglam procedures rollback vat-of-amount --as ada --reason "the new revision misses half of the wordings"
    """
    out = Output(as_json)
    target = None if to is None else _chosen(name, "Retired", to, server, data_dir)
    if server is not None:
        body = {"reason": reason, **({"to": target} if target else {}), **({"reviewer": reviewer} if reviewer else {})}
        shown = client.post(server, f"/v1/procedures/{quote(name, safe='')}/rollback", body)["revision"]
    else:
        with store(data_dir) as opened:
            shown = StoreDesk(opened, settings_of(data_dir=data_dir).data_dir).rollback(name, target, reviewer, reason)
    _told(out, shown)


def health(server: Server = None, tenant: Tenant = None, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Say how procedures do: checks of sampled hits, error budgets, counterexamples, shadow runs.

    The bound is the largest share of wrong answers that the checks allow with 95 % confidence. Exit code 1 if a budget
    is spent, a revision is quarantined, or a counterexample waits for a reviewer.

    \b
    Examples:
      seglam procedures health
      seglam procedures health --server http://127.0.0.1:8484 --json
    """
    out = Output(as_json)
    found = _health(server, tenant, data_dir)
    shown = table("procedure", "revision", "state", "checked", "wrong", "at most wrong", "allowed", "open", "shadow",
                  left=3)  # fmt: skip
    alarming = False
    for each in found:
        out.json(each)
        checks, budget, shadow = each["checks"], each["budget"], each["shadow"]
        bound = "unknown" if budget["bound"] is None else f"{budget['bound']:.2%}"
        ran = f"{shadow['agreed']} of {shadow['agreed'] + shadow['differed']}" if each["state"] == "Proposed" else ""
        waiting = each["counterexamples"]["open"]
        alarming |= budget["spent"] or each["state"] == "Quarantined" or waiting > 0
        line = (each["procedure"], short(each["revision"]), each["state"], checks["agreed"] + checks["wrong"])
        rows(shown, [(*line, checks["wrong"], bound, f"{budget['allowed']:.2%}", waiting, ran)])
    out.say(shown if found else "no procedure is served, waits or is quarantined")
    raise typer.Exit(Exit.NEGATIVE if alarming else Exit.OK)


def counterexamples(
    everything: Annotated[bool, typer.Option("--all", help="Also those that are decided.")] = False,
    server: Server = None, tenant: Tenant = None, data_dir: DataDir = None, as_json: Json = False,
) -> None:  # fmt: skip
    """List counterexamples that wait for a reviewer.

    \b
    Example:
      seglam procedures counterexamples --all
    """
    out = Output(as_json)
    if server is not None:
        found = client.get(server, "/v1/counterexamples" + ("" if everything else "?standing=open"))["counterexamples"]
    else:
        from seglam.gateway.health.counterexamples import as_json as shown_as
        from seglam.gateway.store import Standing

        with store(data_dir) as opened:
            own = opened.of(tenant or opened.tenant)
            found = [shown_as(row) for row in own.counterexamples(None if everything else Standing.OPEN)]
    shown = table("id", "procedure", "standing", "by", "given", "expected", "said", left=7)
    for each in found:
        out.json(each)
        given, expected = (visible(one_line(str(each[part]), 30)) for part in ("given", "expected"))
        rows(shown, [(each["id"], each["procedure"], each["standing"], each["sender"], given, expected,
                      one_line(each["said"], 60))])  # fmt: skip
    out.say(shown if found else "no counterexample" if everything else "no counterexample waits for a reviewer")


def _health(server: str | None, tenant: str | None, data_dir: Path | None) -> list[dict[str, Any]]:
    if server is not None:
        found: list[dict[str, Any]] = client.get(server, "/v1/health")["procedures"]
        return found
    from seglam.gateway.health.report import health as report

    with store(data_dir) as opened:
        return report(opened.of(tenant or opened.tenant), settings_of(data_dir=data_dir).error_budget)


def _decide(
    out: Output,
    name: str,
    state: str,
    to: str | None,
    decision: str,
    reviewer: str | None,
    reason: str,
    server: str | None,
    data_dir: Path | None,
) -> None:
    digest = _chosen(name, state, to, server, data_dir)
    if server is not None:
        body = {"decision": decision, "reason": reason, **({"reviewer": reviewer} if reviewer else {})}
        _told(out, client.post(server, f"/v1/revisions/{digest}/reviews", body)["revision"])
        return
    with store(data_dir) as opened:
        desk = StoreDesk(opened, settings_of(data_dir=data_dir).data_dir)
        _told(out, desk.decide(digest, reviewer, decision, reason))


def _chosen(name: str, state: str, to: str | None, server: str | None, data_dir: Path | None) -> str:
    """The newest revision of a procedure that is in a state, or the one that a digest begins."""
    if server is not None:
        found = client.get(server, f"/v1/procedures/{quote(name, safe='')}")["revisions"]
    else:
        with store(data_dir) as opened:
            found = [{"digest": row.digest, "state": row.state, "changed": row.changed}
                     for row in opened.revisions(name=name)]  # fmt: skip
    fitting = [each for each in found if each["state"] == state and each["digest"].startswith(to or "")]
    if not fitting:
        which = f" {to}" if to else ""
        raise CliError(f"no revision{which} of {name!r} is {state}", "see `seglam review list --all`", Exit.DATA)
    return str(max(fitting, key=lambda each: each["changed"])["digest"])


def _told(out: Output, shown: dict[str, Any]) -> None:
    out.json({"procedure": shown["name"], "revision": shown["digest"], "state": shown["state"]})
    out.say(f"{shown['name']} ({short(shown['digest'])}) is {shown['state']}")
