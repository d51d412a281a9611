"""The rule by which a procedure is unused."""

from __future__ import annotations

import pytest

from seglam.compiler.hygiene import least_hits, uses


@pytest.mark.parametrize(("total", "least"), [(0, 0.0), (1, 0.0), (100, 1.0), (10_000, 2.0)])
def test_the_least_grows_with_the_logarithm_of_all_hits(total: int, least: float) -> None:
    assert least_hits(total) == pytest.approx(least)


def test_unused_procedures_are_proposed_for_retirement() -> None:
    found = uses(["often", "once", "never"], {"often": 9_999, "once": 1, "gone": 50})
    assert [(use.procedure, use.hits, use.retire) for use in found] == [
        ("often", 9_999, False),
        ("once", 1, True),
        ("never", 0, True),
    ]
    assert sum(use.share for use in found) == pytest.approx(1)


def test_a_library_without_hits_retires_nothing() -> None:
    assert not any(use.retire for use in uses(["a", "b"], {}))
