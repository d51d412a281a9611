"""Errors as problem documents (RFC 9457) with a stable `type` and `code`."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.responses import JSONResponse


class Problem(Exception):
    """An error that the caller gets. `code` is stable; `detail` says what was wrong and what to do."""

    def __init__(
        self, status: int, code: str, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any
    ) -> None:
        super().__init__(detail)
        self.headers = dict(headers or {})
        self.status = status
        self.code = code
        self.detail = detail
        self.members = members

    @property
    def title(self) -> str:
        """The status in words."""
        return HTTPStatus(self.status).phrase

    def response(self, headers: Mapping[str, str] | None = None) -> JSONResponse:
        """The problem document."""
        # Settings are read with this package where no web framework is installed.
        from starlette.responses import JSONResponse

        content = {
            **self.members,
            "type": f"urn:seglam:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
        }
        return JSONResponse(content, self.status, {**self.headers, **(headers or {})}, "application/problem+json")
