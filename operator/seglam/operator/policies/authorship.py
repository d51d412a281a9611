"""Who counts as author of a revision."""

from __future__ import annotations

from collections.abc import Sequence

MAX_AUTHORS = 64
"""That a revision and its review can hold."""


def authors_of_revision(stated: Sequence[str], reviewed: Sequence[str] | None) -> tuple[str, ...]:
    """Authors of a revision that is made now.

    Args:
        stated: authors that the procedure's annotation names: everybody who changed the spec since the last activation.
        reviewed: authors of the review or revision of the same digest, if there is one: its decisions were judged
            against those, and recreating a procedure neither launders nor spoils them.
    """
    return tuple(dict.fromkeys(reviewed if reviewed is not None else stated))


def starts_anew(stated: Sequence[str], current: str | None, active: str | None) -> bool:
    """Whether the authors that have accumulated are to be cleared: what they wrote is approved and served, so that the
    next author answers for what is changed from here on.
    """
    return bool(stated) and current is not None and current == active
