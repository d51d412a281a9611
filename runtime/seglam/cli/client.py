"""A running server over HTTP, with errors as one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seglam.cli.exits import CliError, Exit
from seglam.cli.opening import split

if TYPE_CHECKING:
    from seglam.procedures import Request

MARGIN_S = 30.0
"""What an exchange may take beyond the time that the server was asked to wait."""


def ask(server: str, request: Request, *, only_if_cached: bool, wait_s: float) -> dict[str, Any]:
    """`POST /v1/requests`; a miss is an answer too."""
    headers = {"Prefer": f"wait={round(wait_s)}"}
    if only_if_cached:
        headers["Cache-Control"] = "only-if-cached"
    return _exchange("POST", server, "/v1/requests", request=request, headers=headers, wait_s=wait_s)


def savings(server: str) -> dict[str, Any]:
    """`GET /v1/savings`."""
    return _exchange("GET", server, "/v1/savings")


def body_of(request: Request) -> str:
    """A request as the body of `POST /v1/requests`; numbers of structured requests keep their digits."""
    from seglam.gateway.wire import dumps

    body: dict[str, object] = {"value": request.value} if request.text is None else {"text": request.text}
    inputs = {name: {"mediaType": item.media_type, "text": item.text} for name, item in request.inputs.items()}
    return dumps({**body, "inputs": inputs, "context": dict(request.context)})


def _exchange(
    method: str,
    server: str,
    path: str,
    *,
    request: Request | None = None,
    headers: dict[str, str] | None = None,
    wait_s: float = 0.0,
) -> dict[str, Any]:
    import httpx2

    url = server.rstrip("/") + path
    content = None if request is None else body_of(request).encode()
    sent = {"Content-Type": "application/json", "Accept": "application/json", **(headers or {})}
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
        code = Exit.MISSING if reply.status_code >= 500 else Exit.USAGE
        raise split(str(answer.get("detail", f"HTTP {reply.status_code}")), "correct the request", code)
    return answer
