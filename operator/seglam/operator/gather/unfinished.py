"""Compilations with which something is to be done, out of many that have ended."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from seglam.operator.keys import Key
from seglam.operator.policies.compilation import PROPOSING, collected_at
from seglam.resources.names import PROCEDURE_COMPILATION


class _Meta(msgspec.Struct):
    name: str
    namespace: str = ""


class _Spec(msgspec.Struct):
    attempt: int = 0


class _Negative(msgspec.Struct):
    expires: str


class _Status(msgspec.Struct, rename="camel"):
    attempt: int = 0
    outcome: str | None = None
    finished_at: str | None = None
    retry_after: str | None = None
    negative: _Negative | None = None


class _Compilation(msgspec.Struct):
    metadata: _Meta
    spec: _Spec = msgspec.field(default_factory=_Spec)
    status: _Status = msgspec.field(default_factory=_Status)


_DECODER = msgspec.json.Decoder(_Compilation)


def unfinished_of(raw: bytes, *, now: datetime, keep: timedelta) -> Key | None:
    """The key of a compilation with which something is to be done: its attempt has not ended, its proposal waits, or it
    is to be collected; else None.
    """
    found = _DECODER.decode(raw)
    status = found.status
    if status.outcome is not None and status.attempt >= found.spec.attempt:
        due = collected_at(msgspec.to_builtins(status), keep)
        waits = status.outcome in PROPOSING and status.retry_after is None
        if not waits and (due is None or due > now):
            return None
    return Key(PROCEDURE_COMPILATION.kind, found.metadata.namespace, found.metadata.name)
