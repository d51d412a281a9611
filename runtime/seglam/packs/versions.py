"""Versions of packs: SemVer 2.0.0 without build metadata, and ranges of them.

Build metadata has no place, because a version is also an OCI tag, which cannot hold `+`, and because two versions that
differ only there would have no order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import total_ordering
from typing import Literal

MAX_VERSION = 64
"""Characters of a version; an OCI tag ends at 128."""
MAX_RANGE = 256

_NUMBER = "0|[1-9][0-9]*"
_IDENTIFIER = rf"(?:{_NUMBER}|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)"
_PRERELEASE = rf"(?:-(?P<pre>{_IDENTIFIER}(?:\.{_IDENTIFIER})*))?"
_VERSION = re.compile(rf"(?P<major>{_NUMBER})\.(?P<minor>{_NUMBER})\.(?P<patch>{_NUMBER}){_PRERELEASE}")
_PARTIAL = re.compile(rf"(?P<major>{_NUMBER})(?:\.(?P<minor>{_NUMBER})(?:\.(?P<patch>{_NUMBER}){_PRERELEASE})?)?")
_COMPARATOR = re.compile(r"(?P<operator>\^|~|>=|<=|>|<|=)?(?P<version>.+)")


class VersionInvalid(ValueError):
    """A text that is no version or no range."""


@total_ordering
@dataclass(frozen=True, slots=True)
class Version:
    """One version. The order is SemVer's (section 11): `1.0.0-alpha < 1.0.0-alpha.1 < 1.0.0-beta < 1.0.0`.

    Attributes:
        prerelease: the dot-separated identifiers after `-`, empty for a release.
    """

    major: int
    minor: int
    patch: int
    prerelease: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Version:
        """Read a version.

        Raises:
            VersionInvalid: the text is not `MAJOR.MINOR.PATCH[-PRERELEASE]`.
        """
        found = _VERSION.fullmatch(text) if len(text) <= MAX_VERSION else None
        if found is None:
            raise VersionInvalid(
                f"{text[:MAX_VERSION]!r} is no version: write MAJOR.MINOR.PATCH, such as 1.2.3 or 1.2.3-rc.1, "
                f"without leading zeros, without build metadata and in at most {MAX_VERSION} characters"
            )
        return cls(int(found["major"]), int(found["minor"]), int(found["patch"]), _identifiers(found["pre"]))

    def __str__(self) -> str:
        core = f"{self.major}.{self.minor}.{self.patch}"
        return f"{core}-{'.'.join(self.prerelease)}" if self.prerelease else core

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Version):
            return NotImplemented
        return self._key() < other._key()

    @property
    def core(self) -> tuple[int, int, int]:
        """Major, minor, patch."""
        return self.major, self.minor, self.patch

    def _key(self) -> tuple[tuple[int, int, int], bool, tuple[tuple[bool, int, str], ...]]:
        # Numbers come before texts and compare as numbers; a release comes after all its prereleases.
        parts = tuple(
            (not part.isdigit(), int(part), "") if part.isdigit() else (True, 0, part) for part in self.prerelease
        )
        return self.core, not self.prerelease, parts


def _identifiers(text: str | None) -> tuple[str, ...]:
    return tuple(text.split(".")) if text else ()


_Operator = Literal[">=", ">", "<=", "<", "="]


@dataclass(frozen=True, slots=True)
class VersionRange:
    """A set of versions: comparators that must all hold, separated by single spaces.

    `1.2.3` and `=1.2.3` mean that version. `^1.2` means what keeps the leftmost number that is not zero, `~1.2.3` what
    keeps major and minor (`~1` major). `>`, `>=`, `<`, `<=` take whole versions. A prerelease belongs to a range only
    if a comparator was written with a prerelease of the same MAJOR.MINOR.PATCH.
    """

    text: str
    comparators: tuple[tuple[_Operator, Version], ...] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> VersionRange:
        """Read a range.

        Raises:
            VersionInvalid: the text is no range, or no version can be in it.
        """
        if not text or len(text) > MAX_RANGE:
            raise VersionInvalid(f"a range has 1 to {MAX_RANGE} characters, such as ^1.2 or >=1.0.0 <2.0.0")
        comparators = tuple(bound for part in text.split(" ") for bound in _bounds(part, text))
        return cls(text, comparators)

    def __str__(self) -> str:
        return self.text

    def __contains__(self, version: Version) -> bool:
        if version.prerelease and not any(
            bound.prerelease and bound.core == version.core for _, bound in self.comparators
        ):
            return False
        return all(_holds(version, operator, bound) for operator, bound in self.comparators)

    @property
    def exact(self) -> Version | None:
        """The only version of the range, if it was written so."""
        equal = [bound for operator, bound in self.comparators if operator == "="]
        return equal[0] if len(equal) == len(self.comparators) == 1 else None

    def highest(self, versions: Iterable[Version]) -> Version | None:
        """The highest of `versions` that is in the range."""
        return max((version for version in versions if version in self), default=None)


def _holds(version: Version, operator: _Operator, bound: Version) -> bool:
    if operator == "=":
        return version == bound
    if operator == ">=":
        return version >= bound
    if operator == ">":
        return version > bound
    return version <= bound if operator == "<=" else version < bound


def _bounds(part: str, text: str) -> list[tuple[_Operator, Version]]:
    found = _COMPARATOR.fullmatch(part)
    operator = found["operator"] if found else None
    if found is None:
        raise VersionInvalid(f"{text!r} is no range: separate comparators by one space, such as >=1.0.0 <2.0.0")
    if operator not in ("^", "~"):
        version = Version.parse(found["version"])
        exact: _Operator = operator or "="  # type: ignore[assignment]
        return [(exact, version)]
    partial = _PARTIAL.fullmatch(found["version"]) if len(found["version"]) <= MAX_VERSION else None
    if partial is None:
        raise VersionInvalid(f"{text!r} is no range: after {operator} stands a version such as 1, 1.2 or 1.2.3")
    numbers = [int(partial[name]) for name in ("major", "minor", "patch") if partial[name] is not None]
    major, minor, patch = [*numbers, 0, 0][:3]
    low = Version(major, minor, patch, _identifiers(partial["pre"]))
    return [(">=", low), ("<", _ceiling(numbers, caret=operator == "^"))]


def _ceiling(numbers: list[int], *, caret: bool) -> Version:
    """The first version that a caret or tilde range no longer has; its place is raised by one, what follows is zero."""
    if caret:
        place = next((place for place, number in enumerate(numbers) if number), len(numbers) - 1)
    else:
        place = min(1, len(numbers) - 1)
    raised = [*numbers[:place], numbers[place] + 1, 0, 0]
    return Version(raised[0], raised[1], raised[2])
