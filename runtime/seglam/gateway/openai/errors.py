"""Errors in the shape of the OpenAI API, which its clients turn into their own exceptions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from starlette.types import Send

from seglam.gateway.openai.events import ENCODER
from seglam.gateway.serving import send_json
from seglam.web import Problem

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}


class Refused(Problem):
    """An error that the gateway itself answers.

    Attributes:
        param: the member of the body that is at fault.
        again: whether asking again may help; the official clients ask again after most errors of a server.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        param: str | None = None,
        again: bool = True,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, code, detail, headers=headers)
        self.param = param
        self.again = again


def shaped(problem: Problem) -> bytes:
    """The body of an error."""
    kind = _TYPES.get(problem.status, "server_error" if problem.status >= 500 else "invalid_request_error")
    param = problem.param if isinstance(problem, Refused) else None
    error = {"message": problem.detail, "type": kind, "param": param, "code": problem.code}
    return ENCODER.encode({"error": error})


async def send_error(send: Send, problem: Problem, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
    """Answer with an error."""
    own = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in problem.headers.items()]
    if isinstance(problem, Refused) and not problem.again:
        own.append((b"x-should-retry", b"false"))
    await send_json(send, problem.status, shaped(problem), [*own, *headers])
