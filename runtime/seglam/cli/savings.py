"""`seglam savings`: what the model did not have to do."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from seglam.cli import client
from seglam.cli.exits import CliError, Exit
from seglam.cli.opening import DataDir, Server, Tenant, settings_of, store
from seglam.cli.output import Json, Output
from seglam.cli.tables import rows, table


def savings(
    since: Annotated[
        str | None, typer.Option(metavar="DAY", help="Count from this day on, as 2026-01-31 (UTC).", show_default=False)
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="DAY", help="Count up to this day (UTC), itself too.", show_default=False)
    ] = None,
    tenant: Tenant = None,
    server: Server = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Show what the model did not have to do.

    Model calls, tokens, time and money not spent, of a tenant and of each of its procedures, with the counts and the
    prices that they come from. With --server it is the tenant of SEGLAM_API_KEY.

    \b
    Examples:
      seglam savings --since 2026-11-01 --until 2026-11-30
      seglam savings --json
    """
    from seglam.gateway.savings import savings as computed

    out = Output(as_json)
    first, last = day_of(since), day_of(until, "--until")
    if server is not None:
        if tenant is not None:
            raise CliError("a server knows your tenant by your key", "leave --tenant out", Exit.USAGE)
        query = urlencode([(name, day) for name, day in (("since", first), ("until", last)) if day])
        content = client.get(server, "/v1/savings" + (f"?{query}" if query else ""))
    else:
        settings = settings_of(data_dir=data_dir)
        with store(data_dir) as opened:
            account = opened.of(tenant or opened.tenant).counters
            content = computed(account.totals(first, last), settings.book.of(account.tenant))
    out.json(content)
    _say(out, content)


def day_of(text: str | None, option: str = "--since") -> str | None:
    """A day as the store writes it."""
    from datetime import date

    if text is None:
        return None
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no day; write it as 2026-01-31", param_hint=option) from error


def _say(out: Output, content: dict[str, Any]) -> None:
    if out.as_json:
        return
    prices, counts = content["prices"], content["counts"]
    names = {"modelCalls": "model calls", "inputTokens": "input tokens", "outputTokens": "output tokens"}
    names |= {"seconds": "seconds", "money": prices["currency"]}
    made = table("", "not spent", "spent", "net", title=f"Since {content['since'] or 'the beginning'}")
    lines = (
        (name, content["notSpent"][key], content["spent"][key], content["net"][key]) for key, name in names.items()
    )
    out.say(rows(made, lines))
    out.say(f"{counts['hits']} hits, {counts['misses']} misses")
    assumed = ", which nobody has stated: set SEGLAM_PRICE_INPUT and SEGLAM_PRICE_OUTPUT" if prices["assumed"] else ""
    out.say(
        f"prices: {prices['inputPerMillionTokens']} and {prices['outputPerMillionTokens']} {prices['currency']}"
        f" a million tokens of input and output{assumed}; {prices['secondsPerCall']} s a call"
    )
    out.say(content["estimate"])
    if content["procedures"]:
        shown = table("procedure", "hits", "tokens not spent", prices["currency"])
        tokens = (
            (each["name"], each["hits"], _tokens(each), each["notSpent"]["money"]) for each in content["procedures"]
        )
        out.say(rows(shown, tokens))


def _tokens(procedure: dict[str, Any]) -> int:
    found = procedure["notSpent"]
    return int(found["inputTokens"]) + int(found["outputTokens"])
