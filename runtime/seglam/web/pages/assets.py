"""Style sheet, script and icon, served from this package under names that change with their content."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files

from starlette.responses import Response
from starlette.routing import Route

PREFIX = "/assets"
_TYPES = {
    "pages.css": "text/css; charset=utf-8",
    "htmx.min.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
"""The third party's is htmx (https://htmx.org, Zero-Clause BSD), as it was published."""
_FOREVER = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}


def address(name: str) -> str:
    """Where a page finds an asset."""
    return f"{PREFIX}/{_digest(name)}/{name}"


def assets() -> Route:
    """The route of all assets."""
    return Route(PREFIX + "/{digest}/{name}", _serve, methods=["GET"], include_in_schema=False)


async def _serve(request: object) -> Response:
    given = request.path_params  # type: ignore[attr-defined]
    name = given["name"]
    if name not in _TYPES or given["digest"] != _digest(name):
        return Response("there is no such asset; load the page again", 404, media_type="text/plain")
    return Response(_content(name), headers=_FOREVER, media_type=_TYPES[name])


@cache
def _content(name: str) -> bytes:
    return (files("seglam.web.pages") / "static" / name).read_bytes()


@cache
def _digest(name: str) -> str:
    return hashlib.sha256(_content(name)).hexdigest()[:16]
