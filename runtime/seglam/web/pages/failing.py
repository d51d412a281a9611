"""What pages say where something fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from seglam.web.pages.rendering import Pages
from seglam.web.pages.sessions import Session
from seglam.web.problems import Problem

_WORDS = {404: "there is no such page", 405: "this page is not asked that way"}


class Failing:
    """Problems as pages.

    Args:
        pages: have a template `problem.html`.
        session_of: who looks.
        failed: what is said of an error that nobody expected; the server logs the error itself.
    """

    def __init__(self, pages: Pages, session_of: Callable[[Request], Session | None], failed: str) -> None:
        self._pages = pages
        self._session_of = session_of
        self._failed = Problem(500, "internal", failed)

    @property
    def handlers(self) -> Mapping[Any, Callable[[Request, Exception], Awaitable[Response]]]:
        """What an application gives its errors to."""
        return {HTTPException: self._http, Exception: self._unexpected}

    def page(self, problem: Problem, session: Session | None) -> Response:
        """A problem as a page, with the headers that the API would send."""
        told = {"title": problem.title, "detail": problem.detail, "code": problem.code, "status": problem.status}
        answer = self._pages.render("problem.html", session, problem.status, problem=told)
        answer.headers.update(problem.headers)
        return answer

    async def _http(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        detail = _WORDS.get(error.status_code, str(error.detail))
        return self.page(Problem(error.status_code, "http", detail), self._session_of(request))

    async def _unexpected(self, request: Request, _: Exception) -> Response:
        return self.page(self._failed, self._session_of(request))
