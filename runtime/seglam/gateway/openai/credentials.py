"""Whose credentials a client of the OpenAI API sends: the gateway's, or the upstream's.

Such clients always send an `Authorization`, and most know no other header for a key.
"""

from __future__ import annotations

from seglam.gateway.access import Caller
from seglam.gateway.openai.upstream.headers import OWN_KEY
from seglam.gateway.serving import Headers, Identify
from seglam.web import Problem

_AUTHORIZATION, _OWN = b"authorization", b"seglam-authorization"


async def identified(headers: Headers, identify: Identify, *, clients: bool) -> Caller:
    """Who asks.

    Args:
        clients: whether `Authorization` is meant for the upstream; the gateway's credentials are then in
            `Seglam-Authorization`. An API key of the gateway is one wherever it stands.

    Raises:
        Problem: as `identify`. A text that can be no credential of the gateway's counts as none.
    """
    stated = headers.get("authorization") or ""
    ours = stated.encode("latin-1", "replace").startswith(OWN_KEY)
    if clients and not ours:
        return await identify(_without(headers))
    try:
        return await identify(headers)
    except Problem as problem:
        token = stated.partition(" ")[2].strip()
        if problem.status != 401 or not token or ours or token.count(".") == 2:
            raise
        try:
            return await identify(_without(headers))
        except Problem:
            raise problem from None


def _without(headers: Headers) -> Headers:
    """The headers without what is meant for the upstream."""
    return Headers(
        [(_AUTHORIZATION if name == _OWN else name, value) for name, value in headers.raw if name != _AUTHORIZATION]
    )
