"""Models: which of them procedures stand in for, and the one that is only procedures."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

import msgspec

OWN = "seglam"
"""The model that answers from procedures only: a miss is an error, and no other model is asked."""
SINCE = 1_767_225_600
"""When the model came to be, as the list of models wants it: the beginning of 2026 in seconds since 1970."""
PECULIAR = (
    "ft:*",
    "*-search-*",
    "*-audio-*",
    "*-realtime-*",
    "*-deep-research*",
    "*-transcribe*",
    "*-tts*",
    "*-image*",
)
"""Models whose answers depend on more than the request: on examples that they were tuned with, on the web, on sound."""


def stands_in(model: str, listed: Sequence[str]) -> bool:
    """Whether a procedure may answer in the place of a model.

    Args:
        listed: shell patterns of such models; empty for all but the peculiar ones.
    """
    if model == OWN:
        return True
    if listed:
        return any(fnmatchcase(model, pattern) for pattern in listed)
    return not any(fnmatchcase(model, pattern) for pattern in PECULIAR)


def own() -> dict[str, object]:
    """The entry of the own model."""
    return {"id": OWN, "object": "model", "created": SINCE, "owned_by": "seglam"}


def listed(upstream: bytes | None) -> bytes | None:
    """A list of models with the own one.

    Args:
        upstream: the list of the upstream, if there is one; None is returned if it is no such list.
    """
    content: object = {"object": "list", "data": []}
    if upstream is not None:
        try:
            content = msgspec.json.decode(upstream)
        except (msgspec.DecodeError, RecursionError):
            return None
    if not isinstance(content, dict) or not isinstance(content.get("data"), list):
        return None
    return msgspec.json.encode({**content, "data": [*content["data"], own()]})
