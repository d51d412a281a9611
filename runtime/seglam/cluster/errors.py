"""What can go wrong when the Kubernetes API is asked, by what the caller can do about it."""

from __future__ import annotations

import json
from dataclasses import dataclass

_UNKNOWN_FIELD = ("field not declared in schema", "failed to create typed patch object")
"""Server-side apply reports a field that a kind does not have by status 500, although trying again cannot help."""


class ConfigurationError(Exception):
    """There is no usable description of how to reach the cluster; the message says what to do."""


@dataclass
class ClusterError(Exception):
    """The API server, or the way to it, refused a call.

    Attributes:
        status: HTTP status; 0 when there was no answer.
        reason: the API server's reason in one word, such as AlreadyExists.
        message: its message, for people.
        call: what was asked, such as `PATCH /api/v1/...`.
        retry_after: seconds to wait, as the server asked; None if it did not.
    """

    status: int
    reason: str
    message: str
    call: str = ""
    retry_after: float | None = None

    def __str__(self) -> str:
        state = f"{self.status} {self.reason}".strip() if self.status else self.reason
        return f"{self.call}: {state}: {self.message}"


class NotFound(ClusterError):
    """There is no such object or kind."""


class Conflict(ClusterError):
    """The object was changed meanwhile, or a precondition or a field's owner is another."""


class AlreadyExists(Conflict):
    """An object of this name exists."""


class Forbidden(ClusterError):
    """The account may not do this, or an admission policy denied it; the message says which."""


class Unauthorized(ClusterError):
    """The credentials are not accepted."""


class Invalid(ClusterError):
    """The object or the call breaks the kind's rules: trying again does not help."""


class Gone(ClusterError):
    """The version that was asked for is no longer kept: list again."""


class TooLarge(Invalid):
    """The object is larger than the API server takes."""


class Unavailable(ClusterError):
    """No answer, too late an answer, or a failure of the server: trying again later may help."""


class TooManyRequests(Unavailable):
    """The API server asks to slow down; the call was not carried out."""


_BY_STATUS: dict[int, type[ClusterError]] = {
    400: Invalid,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    405: Invalid,
    406: Invalid,
    409: Conflict,
    410: Gone,
    413: TooLarge,
    415: Invalid,
    422: Invalid,
    429: TooManyRequests,
}


def error_of(status: int, body: bytes, call: str, retry_after: str | None = None) -> ClusterError:
    """The error that an answer of the API server stands for. `retry_after` is the header's text."""
    reason, message = _stated(body)
    kind = _BY_STATUS.get(status) or (Unavailable if status >= 500 else ClusterError)
    if kind is Conflict and reason == "AlreadyExists":
        kind = AlreadyExists
    if status == 500 and any(sign in message for sign in _UNKNOWN_FIELD):
        kind = Invalid
    if reason == "Expired":
        kind = Gone
    seconds = float(retry_after) if retry_after and retry_after.isascii() and retry_after.isdecimal() else None
    return kind(status, reason, message, call, seconds)


def _stated(body: bytes) -> tuple[str, str]:
    """Reason and message of a `Status` object, or the beginning of whatever else came."""
    try:
        status = json.loads(body)
    except ValueError:
        status = None
    if isinstance(status, dict) and (status.get("message") or status.get("reason")):
        return str(status.get("reason") or ""), str(status.get("message") or "")
    return "", body[:500].decode("utf-8", "replace").strip() or "no explanation was given"
