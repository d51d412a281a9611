from __future__ import annotations

import contextlib
import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from seglam.packs import Version, VersionInvalid, VersionRange
from seglam.packs.versions import MAX_VERSION

identifiers = (
    st.integers(0, 99).map(str) | st.text("ab0-", max_size=3).map("A".__add__) | st.sampled_from(["-", "0a", "00-"])
)
numbers = st.integers(0, 30)
versions = st.builds(Version, numbers, numbers, numbers, st.lists(identifiers, max_size=3).map(tuple))

ORDER = (
    "0.0.1 0.1.0 1.0.0-0 1.0.0-1 1.0.0-2 1.0.0-11 1.0.0-A 1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta "
    "1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0 1.0.1 1.9.0 1.10.0 2.0.0"
)


def test_order_is_that_of_semver() -> None:
    read = [Version.parse(text) for text in ORDER.split()]
    assert sorted(read) == read
    assert all(low < high and not high < low for low, high in itertools.pairwise(read))


NO_VERSIONS = (
    "1 1.2 01.2.3 1.02.3 1.2.03 1.2.3-01 1.2.3- 1.2.3-a..b 1.2.3-a. 1.2.3+build 1.2.3-a+b v1.2.3 1.2.3.4 -1.2.3 1.2.x "
    "1.2.3-é ١.٢.٣"
)


@pytest.mark.parametrize(
    "text", [*NO_VERSIONS.split(), "", " 1.2.3", "1.2.3 ", "1.2.3\n", "1.2.3\0", "1" * 5000 + ".0.0"]
)
def test_other_texts_are_no_versions(text: str) -> None:
    with pytest.raises(VersionInvalid):
        Version.parse(text)


@given(versions)
def test_a_version_reads_back(version: Version) -> None:
    text = str(version)
    assert Version.parse(text) == version
    assert len(text) <= MAX_VERSION


@given(versions, versions, versions)
def test_the_order_is_total(a: Version, b: Version, c: Version) -> None:
    assert (a < b) + (b < a) + (a == b) == 1
    assert not (a < b and b < c) or a < c


@given(st.text(max_size=30))
@example("1.2.3-" + "-" * 20)
def test_any_text_is_a_version_that_writes_itself_or_refused(text: str) -> None:
    with contextlib.suppress(VersionInvalid):
        assert str(Version.parse(text)) == text
    with contextlib.suppress(VersionInvalid):
        assert str(VersionRange.parse(text)) == text


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("1.2.3", "1.2.3", "1.2.4 1.2.3-rc.1"),
        ("=1.2.3", "1.2.3", "1.2.2"),
        ("^1.2.3", "1.2.3 1.2.4 1.9.0", "1.2.2 2.0.0 2.0.0-alpha 1.3.0-alpha 1.2.3-rc.1"),
        ("^1.2", "1.2.0 1.99.0", "1.1.9 2.0.0"),
        ("^1", "1.0.0 1.99.0", "0.9.0 2.0.0"),
        ("^0.2.3", "0.2.3 0.2.9", "0.3.0 0.2.2"),
        ("^0.0.3", "0.0.3", "0.0.4 0.0.2"),
        ("^0.0", "0.0.0 0.0.9", "0.1.0"),
        ("^0", "0.0.1 0.9.9", "1.0.0"),
        ("^0.0.0", "0.0.0", "0.0.1"),
        ("~1.2.3", "1.2.3 1.2.99", "1.3.0 1.2.2"),
        ("~1.2", "1.2.0 1.2.9", "1.3.0 1.1.0"),
        ("~1", "1.0.0 1.9.9", "2.0.0 0.9.9"),
        (">=1.0.0 <2.0.0", "1.0.0 1.9.9", "0.9.9 2.0.0 2.0.0-rc.1"),
        (">1.0.0 <=1.2.0", "1.0.1 1.2.0", "1.0.0 1.2.1"),
        ("^1.2.3-rc.2", "1.2.3-rc.2 1.2.3-rc.10 1.2.3 1.4.0", "1.2.3-rc.1 1.2.4-rc.3 2.0.0-rc.2"),
        (">=1.0.0-0 <2.0.0-0", "1.0.0-alpha 1.0.0 1.5.0", "1.5.0-alpha 2.0.0-0 2.0.0"),
    ],
)
def test_ranges(text: str, inside: str, outside: str) -> None:
    wanted = VersionRange.parse(text)
    assert [each for each in inside.split() if Version.parse(each) not in wanted] == []
    assert [each for each in outside.split() if Version.parse(each) in wanted] == []


@pytest.mark.parametrize(
    "text", ["", " ", "*", "1.x", "1.2", ">=1.0", ">= 1.0.0", "^", "~x", "1.0.0  2.0.0", "1.0.0 ", "1||2"]
)
def test_other_texts_are_no_ranges(text: str) -> None:
    with pytest.raises(VersionInvalid):
        VersionRange.parse(text)


def test_highest_and_exact() -> None:
    known = [Version.parse(text) for text in "1.0.0 1.2.0 1.10.0 1.11.0-rc.1 2.0.0".split()]
    assert str(VersionRange.parse("^1").highest(known)) == "1.10.0"
    assert VersionRange.parse("^3").highest(known) is None
    assert VersionRange.parse("1.2.0").exact == Version(1, 2, 0)
    assert VersionRange.parse("^1.2.0").exact is None
    assert VersionRange.parse(">=1.0.0 <1.2.0").exact is None
