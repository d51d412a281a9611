"""A running server over HTTP, with errors as one line."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from seglam.cli.exits import CliError, Exit
from seglam.cli.opening import split

if TYPE_CHECKING:
    from seglam.procedures import Request

MARGIN_S = 30.0
"""What an exchange may take beyond the time that the server was asked to wait."""

CODES = {
    400: Exit.USAGE,
    401: Exit.MISSING,
    403: Exit.NEGATIVE,
    404: Exit.DATA,
    413: Exit.USAGE,
    415: Exit.USAGE,
    421: Exit.USAGE,
}
"""Exit codes by the status of a refusal."""


def token_of(file: Path) -> str:
    """The token that a file holds; `CliError` if it holds none."""
    try:
        token = file.read_text(encoding="ascii").strip()
    except OSError as error:
        raise CliError(f"the token cannot be read ({error.strerror})", "correct the path", where=str(file)) from error
    except ValueError as error:
        raise CliError("this is no token", "give the file of a bearer token", where=str(file)) from error
    if not token or not token.isprintable() or " " in token:
        raise CliError("this is no token", "give the file of a bearer token", where=str(file))
    return token


def ask(
    server: str, request: Request, *, only_if_cached: bool, wait_s: float, token: str | None = None
) -> dict[str, Any]:
    """`POST /v1/requests`; a miss is an answer too. `token` says who asks."""
    headers = {"Prefer": f"wait={round(wait_s)}", **_bearer(token)}
    if only_if_cached:
        headers["Cache-Control"] = "only-if-cached"
    return _exchange("POST", server, "/v1/requests", content=body_of(request), headers=headers, wait_s=wait_s)


def feedback(
    server: str, answer: str, request: Request, expected: str | None, why: str, who: str | None
) -> dict[str, Any]:
    """`POST /v1/answers/{id}/feedback`. `who` says who sends it, where the server does not know."""
    from seglam.gateway.wire import dumps, loads

    asked = loads(body_of(request))
    assert isinstance(asked, dict)
    content = dumps({**asked, "expected": expected, **({"why": why} if why else {})})
    headers = {} if who is None else {"Seglam-User": who}
    return _exchange("POST", server, f"/v1/answers/{quote(answer, safe='')}/feedback", content=content, headers=headers)


def get(server: str, path: str, token: str | None = None) -> dict[str, Any]:
    """`GET` of an address of the API. `token` says who asks."""
    return _exchange("GET", server, path, headers=_bearer(token))


def post(server: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """`POST` of an object to an address of the API."""
    return _exchange("POST", server, path, content=json.dumps(body))


def _credentials() -> dict[str, str]:
    """The API key that the environment gives."""
    key = os.environ.get("SEGLAM_API_KEY", "").strip()
    if key and (not key.isascii() or not key.isprintable() or " " in key):
        raise CliError("SEGLAM_API_KEY holds no key", "give the text that `seglam keys create` printed", Exit.USAGE)
    return {"Authorization": f"Bearer {key}"} if key else {}


def _bearer(token: str | None) -> dict[str, str]:
    return {} if token is None else {"Authorization": f"Bearer {token}"}


def body_of(request: Request) -> str:
    """A request as the body of `POST /v1/requests`; numbers of structured requests keep their digits."""
    from seglam.gateway.wire import dumps

    body: dict[str, object] = {"value": request.value} if request.text is None else {"text": request.text}
    inputs = {name: {"mediaType": item.media_type, "text": item.text} for name, item in request.inputs.items()}
    return dumps({**body, "inputs": inputs, "context": dict(request.context)})


def delete(server: str, path: str) -> dict[str, Any]:
    """`DELETE` of an address of the API."""
    return _exchange("DELETE", server, path)


def _exchange(
    method: str,
    server: str,
    path: str,
    *,
    content: str | None = None,
    headers: dict[str, str] | None = None,
    wait_s: float = 0.0,
) -> dict[str, Any]:
    import httpx2

    url = server.rstrip("/") + path
    sent = {"Content-Type": "application/json", "Accept": "application/json", **_credentials(), **(headers or {})}
    try:
        reply = httpx2.request(method, url, content=content, headers=sent, timeout=wait_s + MARGIN_S)
    except httpx2.TimeoutException as error:
        raise CliError("the server did not answer in time", "look at the server", Exit.MISSING, where=url) from error
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        what = f"no server answers there ({type(error).__name__})"
        raise CliError(what, "start one with `seglam serve`, or correct --server", Exit.MISSING, where=url) from error
    try:
        answer = reply.json()
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        what = f"the reply is not SEGLAM's (HTTP {reply.status_code})"
        raise CliError(what, "correct --server", Exit.MISSING, where=url)
    if "outcome" not in answer and reply.status_code >= 400:
        code = CODES.get(reply.status_code, Exit.MISSING if reply.status_code >= 500 else Exit.NEGATIVE)
        raise split(str(answer.get("detail", f"HTTP {reply.status_code}")), "correct the request", code)
    return answer
