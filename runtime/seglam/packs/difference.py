"""What changed between two packs, as data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff
from typing import Literal

from seglam.packs.names import Release
from seglam.packs.pack import Pack
from seglam.procedures import Spec
from seglam.procedures.document import DEPLOYMENT_FIELDS, Example

MAX_LINES = 4000

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
        fields: names of the fields of the specification that differ, such as `code`; none if one side has it alone.
        patterns: texts of the patterns.
        examples: as `REQUEST -> ANSWER`; one whose answer changed is on both sides.
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
    return Difference(
        before.release,
        after.release,
        before.digest,
        after.digest,
        tuple(_description(before, after)),
        tuple(_procedures(before, after)),
        tuple(_files(before, after)),
    )


def _description(before: Pack, after: Pack) -> Iterator[tuple[str, str, str]]:
    for name in ("name", "version", "description", "licence"):
        old, new = (str(getattr(pack.manifest_model, name)) for pack in (before, after))
        if old != new:
            yield name, old, new
    needed = [{each.name: each.range for each in pack.manifest_model.requires} for pack in (before, after)]
    for pack_name in sorted(needed[0] | needed[1]):
        old, new = (requires.get(pack_name, "") for requires in needed)
        if old != new:
            yield f"requires {pack_name}", old, new


def _procedures(before: Pack, after: Pack) -> Iterator[ProcedureChange]:
    digests = [{each.name: each.digest for each in pack.manifest_model.procedures} for pack in (before, after)]
    documents = [{each.metadata.name: each.spec for each in pack.procedures()} for pack in (before, after)]
    for name in sorted(digests[0] | digests[1]):
        old, new = (each.get(name) for each in digests)
        if old != new:
            yield _procedure(name, (old, new), (documents[0].get(name), documents[1].get(name)))


def _procedure(
    name: str, digests: tuple[str | None, str | None], specs: tuple[Spec | None, Spec | None]
) -> ProcedureChange:
    fields = [
        {} if spec is None else spec.model_dump(mode="json", by_alias=True, exclude=set(DEPLOYMENT_FIELDS))
        for spec in specs
    ]
    changed = sorted(key for key in fields[0] | fields[1] if fields[0].get(key) != fields[1].get(key))
    code = ["" if spec is None else spec.code for spec in specs]
    return ProcedureChange(
        name,
        _change(*digests),
        *digests,
        fields=tuple(changed) if None not in specs else (),
        patterns=_lists([_patterns(spec) for spec in specs]),
        examples=_lists([_examples(spec) for spec in specs]),
        code=tuple(_code(*(each.splitlines() for each in code))),
    )


def _code(before: list[str], after: list[str]) -> Iterator[str]:
    """Unified diff; of long code all lines of both sides, since finding common ones takes minutes at worst."""
    if before == after:
        return iter(())
    if max(len(before), len(after)) > MAX_LINES:
        return iter([*(f"-{line}" for line in before), *(f"+{line}" for line in after)])
    return unified_diff(before, after, "before", "after", lineterm="")


def _patterns(spec: Spec | None) -> list[str]:
    return [] if spec is None else [pattern.text for pattern in spec.match.patterns or ()]


def _examples(spec: Spec | None) -> list[str]:
    return [] if spec is None else [_example(example) for example in spec.examples or ()]


def _lists(sides: list[list[str]]) -> ListChange:
    old, new = sides
    return ListChange(
        added=tuple(text for text in dict.fromkeys(new) if text not in old),
        removed=tuple(text for text in dict.fromkeys(old) if text not in new),
    )


def _files(before: Pack, after: Pack) -> Iterator[FileChange]:
    sides = [
        {file.path: file.sha256 for file in pack.manifest_model.files if not file.path.startswith("procedures/")}
        for pack in (before, after)
    ]
    for path in sorted(sides[0] | sides[1]):
        old, new = (side.get(path) for side in sides)
        if old != new:
            yield FileChange(path, _change(old, new), old, new)


def _change(old: str | None, new: str | None) -> Change:
    return "added" if old is None else "removed" if new is None else "changed"


def _example(example: Example) -> str:
    return f"{example.request if example.request is not None else example.value} -> {example.answer}"
