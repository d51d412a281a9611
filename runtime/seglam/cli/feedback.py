"""`seglam feedback`: say that an answer is wrong, and decide on what others said."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from seglam.cli import client
from seglam.cli.asking import Inputs, Locale, Now, Value, request_of
from seglam.cli.exits import CliError, Exit
from seglam.cli.opening import DataDir, Server, Tenant, service, settings_of, split
from seglam.cli.output import Json, Output, visible

Id = Annotated[
    str, typer.Argument(metavar="ID", help="The answer's id; to decide, the counterexample's.", show_default=False)
]


def feedback(
    identity: Id,
    text: Annotated[
        str | None,
        typer.Option("--request", metavar="TEXT", help="What was asked; - reads standard input.", show_default=False),
    ] = None,
    value: Value = None,
    inputs: Inputs = None,
    now: Now = None,
    locale: Locale = None,
    expected: Annotated[str | None, typer.Option(help="The right answer.", show_default=False)] = None,
    no_answer: Annotated[
        bool, typer.Option("--no-answer", help="The procedure should not have answered this.")
    ] = False,
    why: Annotated[str, typer.Option("--why", help="Why, for whoever decides.", show_default=False)] = "",
    confirm: Annotated[bool, typer.Option("--confirm", help="Confirm a counterexample as a reviewer.")] = False,
    dismiss: Annotated[bool, typer.Option("--dismiss", help="Dismiss one as a reviewer.")] = False,
    rule_changed: Annotated[
        bool, typer.Option("--rule-changed", help="With --confirm: the rule is another now than it was.")
    ] = False,
    who: Annotated[
        str | None,
        typer.Option("--as", metavar="NAME", help="Who you are; a server may know that.", show_default=False),
    ] = None,
    server: Server = None,
    tenant: Tenant = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Say that an answer is wrong, by its id and the request, which the record of answers does not hold.

    It is confirmed by the verifier's recorded implementation, or by a reviewer who did not send it (--confirm or
    --dismiss, with --why as the reason). What is confirmed stops the procedure at once and has another one compiled.
    Exit code 0 where it is confirmed, or dismissed as was wanted; 1 where it is refuted or waits for a reviewer.

    \b
    Examples:
      seglam feedback 4331a1be5df44606825bc56a14c8d97b --request "What is 12 times 7?" --expected 84
      seglam feedback 4331a1be5df44606825bc56a14c8d97b --request "What is 12 times 7?" --no-answer
      seglam procedures counterexamples
      seglam feedback 0d9b6cf3b32a4a8a9f6d2cf7a17a5f11 --confirm --as ada --why "21 % since July" --rule-changed
    """
    out = Output(as_json)
    if confirm or dismiss:
        if confirm and dismiss:
            raise CliError("--confirm and --dismiss are given", "give one of them", Exit.USAGE)
        row = _decided(identity, confirm, who, why, rule_changed, server, tenant, data_dir)
        good = row["standing"] == ("confirmed" if confirm else "dismissed")
    else:
        if (expected is None) != no_answer:
            raise CliError("what is right is not said", "give either --expected or --no-answer", Exit.USAGE)
        request = request_of(text, value, inputs, now, locale)
        row = _stated(identity, request, expected, why, who, server, tenant, data_dir)
        good = row["standing"] == "confirmed"
    out.json(row)
    out.say(visible(f"{row['standing']}: {row['said']}"))
    out.note(visible(f"counterexample {row['id']} to {row['procedure']} ({row['revision'][:19]})"))
    if row.get("compilation"):
        out.note(f"compilation {row['compilation']}")
    raise typer.Exit(Exit.OK if good else Exit.NEGATIVE)


def _stated(
    identity: str,
    request: Any,
    expected: str | None,
    why: str,
    who: str | None,
    server: str | None,
    tenant: str | None,
    data_dir: Path | None,
) -> dict[str, Any]:
    if server is not None:
        return client.feedback(server, identity, request, expected, why, who)
    from seglam.gateway.answers import answer_id
    from seglam.gateway.health.counterexamples import as_json
    from seglam.gateway.store import ReviewRefused

    with service(settings_of(data_dir=data_dir)) as running:
        part = running.tenant(tenant or running.store.tenant)
        known = answer_id(identity)
        found = running.answers.get(known, part.name) if known and running.answers is not None else None
        if found is None:
            raise CliError(f"no answer {identity[:100]} is recorded", "give the id of an answer, as --json shows it")
        try:
            return as_json(part.counterexamples.state(found, request, expected, why, who or "anonymous"))
        except ReviewRefused as refused:
            raise split(str(refused), "correct the request", Exit.USAGE) from refused


def _decided(
    identity: str,
    confirms: bool,
    who: str | None,
    reason: str,
    rule_changed: bool,
    server: str | None,
    tenant: str | None,
    data_dir: Path | None,
) -> dict[str, Any]:
    if not reason:
        raise CliError("no reason is given", "say why with --why", Exit.USAGE)
    if server is not None:
        body: dict[str, Any] = {"decision": "confirm" if confirms else "dismiss", "reason": reason}
        body |= {"ruleChanged": rule_changed, **({"reviewer": who} if who else {})}
        return client.post(server, f"/v1/counterexamples/{identity}/decisions", body)
    if who is None:
        raise CliError("nobody is named who decides", "name yourself with --as", Exit.USAGE)
    from seglam.gateway.health.counterexamples import as_json
    from seglam.gateway.store import ReviewRefused

    with service(settings_of(data_dir=data_dir)) as running:
        part = running.tenant(tenant or running.store.tenant)
        try:
            return as_json(part.counterexamples.decide(identity, who, confirms, reason, rule_changed=rule_changed))
        except ReviewRefused as refused:
            raise split(str(refused), "see `seglam procedures counterexamples`", Exit.NEGATIVE) from refused
