"""What HTTP headers ask for and tell: Prefer (RFC 7240), Cache-Control (RFC 9111), Cache-Status (RFC 9211)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from seglam.gateway.outcomes import Answer, Outcome
from seglam.web import Problem

MAX_WAIT = 600
_WAIT = re.compile(r"wait\s*=\s*\"?([0-9]{1,6})\"?")
_SECONDS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")
_USER = re.compile(r"[ -~]{1,200}")


def wait_of(headers: Sequence[str]) -> int:
    """The seconds of `Prefer: wait=N`, at most `MAX_WAIT`; 0 without one. What cannot be read is passed over, as RFC
    7240 asks."""
    for preference in (part.partition(";")[0].strip().lower() for header in headers for part in header.split(",")):
        if found := _WAIT.fullmatch(preference):
            return min(int(found[1]), MAX_WAIT)
    return 0


def timeout_of(header: str | None) -> float | None:
    """The seconds of `Seglam-Timeout`, after which the answer is of no use to the caller; None without one."""
    if header is None:
        return None
    if not _SECONDS.fullmatch(header.strip()):
        raise Problem(400, "bad-request", "Seglam-Timeout is no number of seconds such as 2.5")
    return float(header)


def only_if_cached(headers: Sequence[str]) -> bool:
    """Whether `Cache-Control` holds `only-if-cached`."""
    return any(part.strip().lower() == "only-if-cached" for header in headers for part in header.split(","))


def user_of(header: str | None, default: str) -> str:
    """Who asks, from `Seglam-User`."""
    if header is None:
        return default
    if not _USER.fullmatch(header) or not header.strip():
        raise Problem(400, "bad-request", "Seglam-User is no name of 1 to 200 printable ASCII characters")
    return header.strip()


def cache_status(answer: Answer) -> str:
    """The `Cache-Status` of an answer. The cache's key is the revision that answered."""
    if answer.outcome is Outcome.HIT:
        return f'SEGLAM; hit; key="{answer.revision}"'
    parts = ["SEGLAM"]
    if answer.compilation is not None:
        parts.append("fwd=miss")
        if not answer.started:
            parts.append("collapsed")
        if answer.answer is not None and answer.outcome is Outcome.MISS:
            parts.append("stored")
    if answer.reason is not None:
        parts.append(f"detail={answer.reason}")
    return "; ".join(parts)
