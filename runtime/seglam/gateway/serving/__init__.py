"""Serving HTTP without a framework where every microsecond counts: raw ASGI, beside FastAPI for the rest."""

from __future__ import annotations

from seglam.gateway.serving.dispatch import Dispatch, Routes
from seglam.gateway.serving.headers import Headers, Identify
from seglam.gateway.serving.messages import (
    ClientGone,
    read_body,
    send_bytes,
    send_json,
    send_problem,
    unless_gone,
    watched,
)

__all__ = [
    "ClientGone",
    "Dispatch",
    "Headers",
    "Identify",
    "Routes",
    "read_body",
    "send_bytes",
    "send_json",
    "send_problem",
    "unless_gone",
    "watched",
]
