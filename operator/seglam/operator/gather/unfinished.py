"""Compilations that are at work, out of many that have ended."""

from __future__ import annotations

import msgspec

from seglam.operator.keys import Key
from seglam.resources.names import PROCEDURE_COMPILATION


class _Meta(msgspec.Struct):
    name: str
    namespace: str = ""


class _Spec(msgspec.Struct):
    attempt: int = 0


class _Status(msgspec.Struct):
    attempt: int = 0
    outcome: str | None = None


class _Compilation(msgspec.Struct):
    metadata: _Meta
    spec: _Spec = msgspec.field(default_factory=_Spec)
    status: _Status = msgspec.field(default_factory=_Status)


_DECODER = msgspec.json.Decoder(_Compilation)


def unfinished_of(raw: bytes) -> Key | None:
    """The key of a compilation whose attempt has not ended; None if it has."""
    found = _DECODER.decode(raw)
    if found.status.outcome is not None and found.status.attempt >= found.spec.attempt:
        return None
    return Key(PROCEDURE_COMPILATION.kind, found.metadata.namespace, found.metadata.name)
