"""Pages beside an API in one process."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send


class Mounted:
    """Sends the addresses of pages to them, and everything else to the API, whose lifespan it keeps.

    Args:
        prefixes: paths of pages, with all that lies below them; "/" is itself alone.
    """

    def __init__(self, pages: ASGIApp, api: ASGIApp, prefixes: tuple[str, ...]) -> None:
        self._pages = pages
        self._api = api
        self._exact = frozenset(prefixes)
        self._below = tuple(f"{prefix}/" for prefix in prefixes if prefix != "/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer by one of the two."""
        path = scope["path"] if scope["type"] == "http" else ""
        page = path in self._exact or path.startswith(self._below)
        await (self._pages if page else self._api)(scope, receive, send)
