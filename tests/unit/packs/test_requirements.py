"""What a pack requires: each after what it requires, by range, and no circle."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from seglam.packs.index.requirements import Find, RequirementRefused, in_order
from seglam.packs.layout import Packed
from seglam.packs.names import PackName
from seglam.packs.versions import Version, VersionRange
from tests import packs


def packed(name: str, version: str = "1.0.0", **requires: str) -> Packed:
    wanted = {f"localhost/acme/{other}": versions for other, versions in requires.items()}
    return Packed(packs.pack(f"localhost/acme/{name}", version, requires=wanted))


def finding(*given: Packed) -> Find:
    def find(name: PackName, versions: VersionRange) -> Packed | None:
        fitting = [each for each in given if each.pack.release.name == name and each.pack.release.version in versions]
        return max(fitting, key=lambda each: each.pack.release.version, default=None)

    return find


def names(found: list[Packed]) -> list[str]:
    return [f"{each.pack.release.name.pack}@{each.pack.release.version}" for each in found]


def having(versions: Mapping[str, str]) -> dict[PackName, Version]:
    return {PackName.parse(f"localhost/acme/{name}"): Version.parse(version) for name, version in versions.items()}


def test_each_comes_after_what_it_requires_and_once() -> None:
    top = packed("top", left="^1.0", right="^1.0")
    there = finding(packed("left", base="^1.0"), packed("right", base=">=1.2.0"), packed("base", "1.3.0"))
    assert names(in_order([top], there)) == ["base@1.3.0", "left@1.0.0", "right@1.0.0", "top@1.0.0"]


def test_of_a_range_it_is_the_highest() -> None:
    there = finding(packed("base", "1.2.0"), packed("base", "1.9.0"), packed("base", "2.0.0"))
    assert names(in_order([packed("top", base="^1.0")], there)) == ["base@1.9.0", "top@1.0.0"]


def test_what_comes_along_in_one_file_is_taken_from_it() -> None:
    given = [packed("top", base="^1.0"), packed("base", "1.1.0")]
    assert names(in_order(given, finding(packed("base", "1.9.0")))) == ["base@1.1.0", "top@1.0.0"]


@pytest.mark.parametrize(("version", "comes"), [("1.1.0", ["top@1.0.0"]), ("2.0.0", ["base@1.9.0", "top@1.0.0"])])
def test_what_is_in_use_already_is_enough_if_it_fits(version: str, comes: list[str]) -> None:
    met = having({"base": version})
    assert names(in_order([packed("top", base="^1.0")], finding(packed("base", "1.9.0")), met=met.get)) == comes


def test_a_circle_is_refused_and_named() -> None:
    there = finding(packed("second", third="^1.0"), packed("third", first="^1.0"))
    with pytest.raises(
        RequirementRefused, match=r"first@1.0.0 requires .*second@.* requires .*third@.*first@"
    ) as caught:
        in_order([packed("first", second="^1.0")], there)
    assert caught.value.code == "requirement-cycle"


def test_what_nobody_has_is_said() -> None:
    with pytest.raises(RequirementRefused, match=r"top@1.0.0 requires localhost/acme/base \^3.0") as caught:
        in_order([packed("top", base="^3.0")], finding(packed("base", "1.9.0")))
    assert caught.value.code == "requirement"
