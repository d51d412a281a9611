"""What packs raise. Every error has a stable code, so that an API, a condition and a person can tell them apart."""

from __future__ import annotations


class PackError(Exception):
    """Base of the errors of packs.

    Attributes:
        code: stable, kebab-case.
        words: what was wrong, in a sentence without a full stop.
    """

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code = code
        self.words = words


class PackInvalid(PackError):
    """Something that is not, byte for byte, what a pack, an archive or a layout must be.

    Attributes:
        where: the part at fault, such as `pack.json: files[3].path` or `content: docs/a.md`.
    """

    def __init__(self, code: str, where: str, words: str) -> None:
        super().__init__(code, words)
        self.where = where

    def __str__(self) -> str:
        return f"{self.where}: {self.words} ({self.code})"


class TransportError(PackError):
    """A registry that could not be asked, or answered something else than it should.

    Attributes:
        status: HTTP status, None if there was no answer.
        retriable: whether the same call may succeed later.
    """

    def __init__(self, code: str, words: str, *, status: int | None = None, retriable: bool = False) -> None:
        super().__init__(code, words)
        self.status = status
        self.retriable = retriable


class BlobDamaged(PackError):
    """A kept blob whose bytes no longer have its digest."""
