"""Idempotency-Key: the answer to a request that was done is given again to who repeats it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Coroutine
from typing import Any

from anyio import to_thread
from fastapi import Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from sqlalchemy.exc import IntegrityError

from seglam.registry.access import members
from seglam.registry.api.credentials import principal_of
from seglam.registry.api.parts import Parts, parts_of
from seglam.registry.tables import IdempotencyRow, stamp
from seglam.web import Problem

HEADER = "idempotency-key"
KEPT_S = 86_400
KEPT_HEADERS = ("etag", "location", "content-type")
_KEY = re.compile(r"[!-~]{1,200}")


def key_of(http: Request) -> str | None:
    """The key of a request. `Problem` 422 if it is none that can be kept."""
    key = http.headers.get(HEADER)
    if key is not None and not _KEY.fullmatch(key):
        raise Problem(422, "idempotency-key", "an Idempotency-Key is 1 to 200 printable ASCII characters")
    return key


class IdempotentRoute(APIRoute):
    """A route whose successful answers are kept for a day, by caller and key.

    What is done twice at the same moment is refused by what it changes: it needs an ETag that the first one moved, or
    makes something that is there then.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with the kept answer before it."""
        handle = super().get_route_handler()

        async def handled(http: Request) -> Response:
            key = key_of(http)
            scheme, _, raw = http.headers.get("authorization", "").partition(" ")
            if key is None or http.method in ("GET", "HEAD") or scheme.lower() != "bearer":
                return await handle(http)
            here = parts_of(http)
            principal = await to_thread.run_sync(principal_of, here, raw)
            caller = f"{principal.issuer} {principal.subject} {principal.namespace}"
            asked = hashlib.sha256(f"{http.method} {http.url.path}\n".encode() + await http.body()).hexdigest()
            known = await to_thread.run_sync(_known, here, caller, key, asked)
            if known is not None:
                return known
            response = await handle(http)
            if 200 <= response.status_code < 300:
                await to_thread.run_sync(_keep, here, caller, key, asked, response)
            return response

        return handled


def _known(here: Parts, caller: str, key: str, asked: str) -> Response | None:
    with here.database.read() as session:
        row = session.get(IdempotencyRow, (caller, key))
    if row is None or row.expires <= stamp():
        return None
    if row.request_hash != asked:
        raise Problem(422, "idempotency-key-reused", "the Idempotency-Key was used for another request; take a new one")
    return Response(row.body, row.status, {**json.loads(row.headers), "Idempotent-Replayed": "true"})


def _keep(here: Parts, caller: str, key: str, asked: str, response: Response) -> None:
    headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    expires = members.later(stamp(), KEPT_S)
    try:
        with here.database.write() as session:
            session.merge(
                IdempotencyRow(
                    caller=caller,
                    key=key,
                    request_hash=asked,
                    status=response.status_code,
                    headers=json.dumps(headers),
                    body=bytes(response.body),
                    expires=expires,
                )
            )
    except IntegrityError:
        # The same request, done at the same moment elsewhere, is kept.
        return
