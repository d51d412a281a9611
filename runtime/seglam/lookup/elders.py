"""Which of many revisions could share a request with a newcomer: a quick answer that never misses one.

Comparing automata is exact but needs every elder's document, and thousands of them do not fit a small process. Here
each pattern leaves a silhouette of a few hundred bytes: what its sentences must hold and what they may hold. What
passes is compared in full by `overlaps`; what does not shares no sentence, by the condition of `machine.may_meet`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from sys import intern
from typing import Generic, TypeVar
from zlib import crc32

from seglam.lookup.machine import Machine, kind_of
from seglam.lookup.overlap import machines_of
from seglam.lookup.structured import key_of
from seglam.procedures.revision import Revision

T = TypeVar("T", bound=Hashable)

BITS_PER_TOKEN = 16
"""Bits of a set for each of its tokens: of the tokens that are not in it one in sixteen seems to be."""


class _Tokens:
    """A set of tokens that may hold more than was put in, never less (Bloom's filter with one hash)."""

    __slots__ = ("bits", "size")

    def __init__(self, tokens: Iterable[str]) -> None:
        members = set(tokens)
        self.size = max(64, BITS_PER_TOKEN * len(members))
        self.bits = 0
        for token in members:
            self.bits |= 1 << crc32(token.encode()) % self.size

    def may_hold(self, token: str) -> bool:
        return bool(self.bits >> crc32(token.encode()) % self.size & 1)


@dataclass(frozen=True, slots=True)
class _Silhouette:
    """What a pattern's sentences must hold (`needs`), and may hold: `tokens`, and any token of the `kinds`."""

    needs: tuple[str, ...]
    tokens: _Tokens
    kinds: int

    @classmethod
    def of(cls, machine: Machine) -> _Silhouette:
        held = (token for tokens in machine.tokens for token in tokens)
        return cls(tuple(intern(token) for token in sorted(machine.needs)), _Tokens(held), machine.kinds)

    def may_hold(self, token: str) -> bool:
        return bool(kind_of(token) & self.kinds) or self.tokens.may_hold(token)

    def may_meet(self, other: _Silhouette) -> bool:
        return all(map(other.may_hold, self.needs)) and all(map(self.may_hold, other.needs))


class Elders(Generic[T]):
    """Silhouettes of revisions, by keys of the caller's.

    A pattern is filed under one token that each of its sentences holds, the one with the fewest patterns so far; a
    newcomer looks only where it may hold that token. About 1 KiB a revision of three short patterns.
    """

    def __init__(self) -> None:
        self._places: dict[T, tuple[tuple[str, ...], frozenset[str] | None]] = {}
        self._filed: dict[str, dict[T, tuple[_Silhouette, ...]]] = {}

    def __contains__(self, key: object) -> bool:
        return key in self._places

    def __len__(self) -> int:
        return len(self._places)

    def keys(self) -> set[T]:
        """The keys of all revisions that are kept."""
        return set(self._places)

    def add(self, key: T, revision: Revision) -> None:
        """Keep a revision's silhouette, in place of what was kept under the key. `PatternError` as for an index."""
        silhouettes = [_Silhouette.of(machine) for machine in machines_of(revision)]
        self.discard(key)
        places = []
        for silhouette in silhouettes:
            token = min(silhouette.needs, key=lambda token: len(self._filed.get(token, ())), default="")
            filed = self._filed.setdefault(token, {})
            filed[key] = (*filed.get(key, ()), silhouette)
            places.append(token)
        structured = revision.spec.match.structured
        members = key_of(structured) if structured else None
        self._places[key] = (tuple(places), members)

    def discard(self, key: T) -> None:
        """Keep nothing under a key any more."""
        places, _ = self._places.pop(key, ((), None))
        for token in set(places):
            del self._filed[token][key]
            if not self._filed[token]:
                del self._filed[token]

    def candidates(self, newcomer: Revision) -> set[T]:
        """Keys of all revisions that might share a request with a newcomer, and of some that do not."""
        found: set[T] = set()
        for machine in machines_of(newcomer):
            mine = _Silhouette.of(machine)
            for token, filed in self._filed.items():
                if token and not machine.may_hold(token):
                    continue
                found |= {key for key, theirs in filed.items() if key not in found and any(map(mine.may_meet, theirs))}
        if newcomer.spec.match.structured:
            members = key_of(newcomer.spec.match.structured)
            found |= {key for key, (_, theirs) in self._places.items() if theirs == members}
        return found
