"""What a watch learns, as values: changes of objects, and what two lists differ in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Key(NamedTuple):
    """Names an object of a kind. The namespace of cluster-wide kinds is empty."""

    namespace: str
    name: str


class Type(StrEnum):
    """What happened to an object."""

    ADDED = "added"
    CHANGED = "changed"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """A decoded object with its identity and version."""

    key: Key
    uid: str
    resource_version: str
    value: T


@dataclass(frozen=True, slots=True)
class Change(Generic[T]):
    """One object's change. `old` is None when it was added, `new` when it was deleted."""

    type: Type
    key: Key
    old: T | None
    new: T | None


def difference(before: Mapping[Key, Entry[T]], after: Mapping[Key, Entry[T]]) -> Iterator[Change[T]]:
    """Changes that lead from one state to another: what is new or changed first, deletions last, so that what takes
    an object's place is there before the object goes.
    """
    for key, entry in after.items():
        known = before.get(key)
        if known is None:
            yield Change(Type.ADDED, key, None, entry.value)
        elif (known.uid, known.resource_version) != (entry.uid, entry.resource_version):
            yield Change(Type.CHANGED, key, known.value, entry.value)
    for key, entry in before.items():
        if key not in after:
            yield Change(Type.DELETED, key, entry.value, None)


def disagreement(kept: Mapping[Key, str], listed: Mapping[Key, str]) -> dict[Key, str | None]:
    """Objects whose kept version is not the listed one, with the listed version; None where it is not listed."""
    differing: dict[Key, str | None] = {key: version for key, version in listed.items() if kept.get(key) != version}
    return differing | {key: None for key in kept if key not in listed}
