"""Which headers pass to the upstream and back (RFC 9110, section 7.6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from secrets import token_hex

from seglam.gateway.access.keys import PREFIX

Pair = tuple[bytes, bytes]

PSEUDONYM = b"seglam-" + token_hex(4).encode()
"""This process, in `Via`: a request that comes back to it has gone round in a circle."""
VIA = b"1.1 " + PSEUDONYM

OWN_KEY = b"Bearer " + PREFIX.encode()
"""How the credentials of a client begin that hold an API key of the gateway: never for anybody else."""

_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
"""Of one connection, not of the message."""
_PASSING = frozenset(
    {
        b"accept",
        b"accept-encoding",
        b"accept-language",
        b"content-encoding",
        b"content-type",
        b"idempotency-key",
        b"prefer",
        b"traceparent",
        b"tracestate",
        b"user-agent",
        b"x-client-request-id",
        b"x-request-id",
    }
)
_FAMILIES = (b"openai-", b"x-stainless-")
"""Beginnings of names that the API's own clients use."""
_KEPT_BACK = frozenset(
    {
        b"alt-svc",  # these four are about the upstream's address, not about ours
        b"nel",
        b"report-to",
        b"strict-transport-security",
        b"date",  # the server that sends the answer writes these two
        b"server",
        b"set-cookie",  # would mix the sessions of different clients
    }
)


def outgoing(came: Iterable[Pair], auth: bytes | None, further: frozenset[str]) -> list[Pair]:
    """Headers of a request to the upstream.

    Args:
        came: the client's.
        auth: the value of `Authorization`; None passes the client's.
        further: names that pass besides the known ones.
    """
    came = list(came)
    dropped = _HOP | _named(came)
    more = {name.encode("latin-1") for name in further} - dropped
    passed = [
        (name, value)
        for name, value in came
        if name not in dropped
        and not name.startswith(b"seglam-")
        and name != b"authorization"
        and (name in _PASSING or name in more or name.startswith(_FAMILIES))
    ]
    if auth is None:
        auth = next((value for name, value in came if name == b"authorization" and not value.startswith(OWN_KEY)), b"")
    if auth:
        passed.append((b"authorization", auth))
    vias = [value for name, value in came if name == b"via"]
    return [*passed, (b"via", b", ".join([*vias, VIA]))]


def incoming(came: Iterable[Pair], own: Mapping[bytes, bytes]) -> list[Pair]:
    """Headers of the upstream's answer, as they pass to the client, and the gateway's own. A name that both give is a
    list, to which ours is appended (`Cache-Status`, RFC 9211; `Via`)."""
    came = [(name.lower(), value) for name, value in came]
    dropped = _HOP | _KEPT_BACK | _named(came)
    passed = [(name, value) for name, value in came if name not in dropped and not name.startswith(b"seglam-")]
    return [*passed, *own.items(), (b"via", VIA)]


def goes_round(came: Iterable[Pair]) -> bool:
    """Whether a request has passed this process before."""
    return any(name == b"via" and PSEUDONYM in value for name, value in came)


def _named(came: Iterable[Pair]) -> frozenset[bytes]:
    """Names that `Connection` declares to be of one connection."""
    return frozenset(
        part.strip().lower() for name, value in came if name.lower() == b"connection" for part in value.split(b",")
    )
