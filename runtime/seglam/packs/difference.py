"""What changed between two packs, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from seglam.packs.names import Release
from seglam.packs.pack import Pack

Change = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True)
class ListChange:
    """Entries of a list that only one side has."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed)


@dataclass(frozen=True, slots=True)
class ProcedureChange:
    """One procedure that differs.

    Attributes:
        before, after: digests; None on the side that does not have it.
        fields: names of the fields of the specification that differ, such as `code`.
        patterns: texts of the patterns.
        examples: requests of the examples; one whose answer changed is on both sides.
        code: unified diff of the code, lines without line ends; empty if it is the same.
    """

    name: str
    change: Change
    before: str | None
    after: str | None
    fields: tuple[str, ...] = ()
    patterns: ListChange = ListChange()
    examples: ListChange = ListChange()
    code: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file outside `procedures/` that differs; sha256 in hexadecimal."""

    path: str
    change: Change
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Difference:
    """What changed from `before` to `after`.

    Attributes:
        description: fields of pack.json that differ, as (name, before, after).
    """

    before: Release
    after: Release
    before_digest: str
    after_digest: str
    description: tuple[tuple[str, str, str], ...]
    procedures: tuple[ProcedureChange, ...]
    files: tuple[FileChange, ...]

    def __bool__(self) -> bool:
        return self.before_digest != self.after_digest


def difference(before: Pack, after: Pack) -> Difference:
    """What changed from one pack to another, which may have other names.

    Raises:
        PackInvalid: one of them holds a procedure that is none.
    """
    raise NotImplementedError
