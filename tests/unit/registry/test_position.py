"""The text by which databases sort versions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from seglam.packs.versions import Version
from seglam.registry.publishing.position import position

numbers = st.one_of(st.integers(0, 12), st.integers(0, 10**15))
identifiers = st.one_of(
    numbers.map(str),
    st.from_regex(r"[0-9A-Za-z-]{0,3}[A-Za-z-][0-9A-Za-z-]{0,3}", fullmatch=True),
    st.sampled_from(["alpha", "alpha-1", "alpha1", "a", "A", "-", "--"]),
)
versions = st.builds(Version, numbers, numbers, numbers, st.lists(identifiers, max_size=3).map(tuple))


@given(versions, versions)
def test_texts_sort_as_versions_do(one: Version, other: Version) -> None:
    assert (position(one).encode() < position(other).encode()) == (one < other)
    assert (position(one) == position(other)) == (one == other)


def test_the_order_of_the_specification() -> None:
    """SemVer 2.0.0, section 11."""
    ordered = (
        "1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0 1.9.0 1.10.0"
    )
    texts = [position(Version.parse(text)) for text in ordered.split()]
    assert texts == sorted(texts)
