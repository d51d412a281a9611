"""The routes of API keys. An administrator's are those of their own tenant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

from fastapi import FastAPI
from fastapi import Request as HttpRequest
from fastapi.responses import JSONResponse, Response

from seglam.gateway.access.caller import Scope
from seglam.gateway.access.file import USUAL
from seglam.gateway.access.keys import Keys
from seglam.gateway.access.limits import Limits
from seglam.gateway.bodies import read_json, text_member
from seglam.gateway.serving import Headers, Identify
from seglam.gateway.web import TEXT, Blocking, body_of
from seglam.web import Problem

MAX_DAYS = 3650
_MEMBERS = ("owner", "scopes", "expiresInDays", "limits")
_LIMITS = ("requestsPerSecond", "burst", "concurrent", "dailyTokens", "dailyMoney")


def add_keys(app: FastAPI, keys: Keys, identify: Identify, blocking: Blocking) -> None:
    """Making, listing and revoking keys, for callers with the scope `admin`."""

    @app.post("/v1/keys", summary="Make an API key, whose text is shown this once", openapi_extra=_BODY)
    async def create(http: HttpRequest) -> Response:
        who = await identify(Headers(http.scope["headers"]))
        who.need(Scope.ADMIN)
        content = await read_json(http)
        if unknown := sorted(set(content) - set(_MEMBERS)):
            raise _bad(f"the key has the unknown member {unknown[0]!r}; known are {', '.join(_MEMBERS)}")
        key, text = await blocking(
            keys.create,
            who.tenant,
            text_member(content, "owner", 200),
            scopes_of(content.get("scopes")),
            creator=who.requester,
            expires=expiry_of(content.get("expiresInDays")),
            limits=_limits_of(content.get("limits")),
        )
        return JSONResponse({**key.as_json(), "key": text}, 201, {"Cache-Control": "no-store"})

    @app.get("/v1/keys", summary="The tenant's API keys, without their secrets")
    async def listed(http: HttpRequest) -> Response:
        who = await identify(Headers(http.scope["headers"]))
        who.need(Scope.ADMIN)
        found = await blocking(keys.all, who.tenant)
        return JSONResponse({"keys": [each.as_json() for each in found]})

    @app.delete("/v1/keys/{identity}", summary="Revoke an API key")
    async def revoke(identity: str, http: HttpRequest) -> Response:
        who = await identify(Headers(http.scope["headers"]))
        who.need(Scope.ADMIN)
        found = await blocking(keys.revoke, identity, who.tenant)
        if found is None:
            raise Problem(404, "unknown-key", f"there is no key {identity[:32]!r}")
        return JSONResponse(found.as_json())


def scopes_of(given: object) -> frozenset[str]:
    """Scopes as a body states them; `Problem` 400 for what is none."""
    if given is None:
        return USUAL
    known = {scope.value for scope in Scope}
    if not isinstance(given, list) or not given or not all(isinstance(each, str) for each in given):
        raise _bad(f"scopes is no list of some of {', '.join(sorted(known))}")
    if unknown := sorted(set(given) - known):
        raise _bad(f"{unknown[0]!r} is no scope; give some of {', '.join(sorted(known))}")
    return frozenset(given)


def expiry_of(days: object, now: datetime | None = None) -> datetime | None:
    """When a key expires that is in force for so many days; None for ever."""
    if days is None:
        return None
    if not isinstance(days, int) or isinstance(days, bool) or not 0 < days <= MAX_DAYS:
        raise _bad(f"expiresInDays is no whole number from 1 to {MAX_DAYS}")
    return (now or datetime.now(UTC)) + timedelta(days=days)


def _limits_of(given: object) -> Limits:
    if given is None:
        return Limits()
    if not isinstance(given, dict) or (set(given) - set(_LIMITS)):
        raise _bad(f"limits is no object of some of {', '.join(_LIMITS)}")
    read: dict[str, Decimal] = {}
    for name, value in given.items():
        try:
            amount = Decimal(str(value))
        except InvalidOperation:
            amount = Decimal("NaN")
        whole = name in ("burst", "concurrent", "dailyTokens")
        if isinstance(value, bool) or not amount.is_finite() or amount <= 0 or (whole and amount != int(amount)):
            raise _bad(f"limits.{name} is no {'whole number' if whole else 'number'} above 0")
        read[name] = amount
    return Limits(
        float(read["requestsPerSecond"]) if "requestsPerSecond" in read else None,
        _whole(read, "burst"),
        _whole(read, "concurrent"),
        _whole(read, "dailyTokens"),
        read.get("dailyMoney"),
    )


def _whole(read: dict[str, Decimal], name: str) -> int | None:
    return int(read[name]) if name in read else None


def _bad(words: str) -> Problem:
    return Problem(400, "bad-request", words)


_BODY = body_of(
    {
        "owner": {**TEXT, "description": "Who uses it: an author of what it has compiled, the reviewer it decides as."},
        "scopes": {"type": "array", "items": {"enum": [scope.value for scope in Scope]}},
        "expiresInDays": {"type": "integer", "minimum": 1, "maximum": MAX_DAYS},
        "limits": {"type": "object", "properties": {name: {} for name in _LIMITS}, "additionalProperties": False},
    },
    ["owner"],
)
