"""What routes beside the hot ones begin with: who asks, with which scope, for which days, for how many rows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date

from fastapi import Request as HttpRequest

from seglam.gateway.access.caller import Caller, Scope
from seglam.gateway.serving import Headers, Identify
from seglam.web import Problem

Allowed = Callable[[HttpRequest, Scope], Awaitable[Caller]]


def allowed(identify: Identify) -> Allowed:
    """Who asks, if they have a scope; `Problem` else."""

    async def caller(http: HttpRequest, scope: Scope) -> Caller:
        found = await identify(Headers(http.scope["headers"]))
        found.need(scope)
        return found

    return caller


def period(since: str | None, until: str | None) -> tuple[str | None, str | None]:
    """First and last day as the ledger writes them; `Problem` 400 for what is none."""
    days = []
    for name, text in (("since", since), ("until", until)):
        try:
            days.append(None if text is None else date.fromisoformat(text).isoformat())
        except ValueError:
            raise Problem(400, "bad-request", f"{name} is no day; write it as 2026-01-31") from None
    if None not in days and str(days[0]) > str(days[1]):
        raise Problem(400, "bad-request", "since is after until")
    return days[0], days[1]


def limit_of(text: str | None, most: int) -> int:
    """How many rows are asked for, at most and by default `most`; `Problem` 400 for what is no number from 1 on."""
    if text is None:
        return most
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0):
        raise Problem(400, "bad-request", f"limit is no whole number from 1 to {most}")
    return min(int(text), most)
