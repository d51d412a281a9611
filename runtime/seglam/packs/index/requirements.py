"""What a pack requires, and what that requires: which releases, in which order.

A requirement names a pack and a range of versions. For an import and an export alike: each pack comes after what it
requires, and one that requires itself, over however many others, is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from seglam.packs.index.client import Index
from seglam.packs.index.layout import Status
from seglam.packs.layout import Packed
from seglam.packs.names import PackName, Release
from seglam.packs.problems import PackError
from seglam.packs.versions import Version, VersionRange

Find = Callable[[PackName, VersionRange], Packed | None]
"""The pack that a range means; None if nothing fits."""


class RequirementRefused(PackError):
    """A requirement that cannot be met. Codes: `requirement`, `requirement-cycle`."""


def required(packed: Packed) -> list[tuple[PackName, VersionRange]]:
    """What a pack requires."""
    return [(PackName.parse(each.name), VersionRange.parse(each.range)) for each in packed.pack.manifest_model.requires]


def in_order(
    wanted: Iterable[Packed], find: Find, *, met: Callable[[PackName], Version | None] = lambda _: None
) -> list[Packed]:
    """Packs and all that they require, each after what it requires.

    Args:
        find: the pack that a range means.
        met: the version of a pack that is in use already; it meets a requirement whose range it is in.

    Raises:
        RequirementRefused: nothing fits, or a pack requires itself.
    """
    given = list(wanted)
    found: dict[Release, Packed] = {}

    def add(packed: Packed, way: Sequence[Release]) -> None:
        release = packed.pack.release
        if release in way:
            path = " requires ".join(str(each) for each in (*way, release))
            raise RequirementRefused("requirement-cycle", f"{path}: packs that require each other cannot be used")
        if release in found:
            return
        for name, versions in required(packed):
            chosen = _fitting([*found.values(), *given], name, versions)
            if chosen is None:
                there = met(name)
                if there is not None and there in versions:
                    continue
                chosen = find(name, versions)
            if chosen is None:
                words = f"{release} requires {name} {versions}, and no such version is listed or was imported"
                raise RequirementRefused("requirement", words)
            add(chosen, (*way, release))
        found[release] = packed

    for packed in given:
        add(packed, ())
    return list(found.values())


def _fitting(packs: Iterable[Packed], name: PackName, versions: VersionRange) -> Packed | None:
    fitting = [each for each in packs if each.pack.release.name == name and each.pack.release.version in versions]
    return max(fitting, key=lambda each: each.pack.release.version, default=None)


def highest(index: Index, name: PackName, versions: VersionRange) -> tuple[Release, str] | None:
    """The highest release in a range that the index lists, with its digest; None if there is none."""
    for one in index.versions(name):  # the highest first
        if one.status is Status.LISTED and one.version in versions:
            return Release(name, one.version), one.digest
    return None
