from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglam.procedures.values.filenames import FILE_NAME
from tests.unit.procedures.values.properties import check_junk, check_samples


@pytest.mark.parametrize("text", FILE_NAME.accepts)
def test_a_name_with_an_extension_is_read_as_written(text: str) -> None:
    assert FILE_NAME.readings(text) == (text,)


@pytest.mark.parametrize("text", FILE_NAME.rejects)
def test_anything_else_is_no_name_of_a_file(text: str) -> None:
    assert FILE_NAME.readings(text) == ()


def test_two_writings_of_one_name_are_equal() -> None:
    assert FILE_NAME.equal("Sales.CSV", "sales.csv") and not FILE_NAME.equal("sales.csv", "sales2.csv")


def test_samples_read_as_themselves() -> None:
    check_samples(FILE_NAME)


@given(st.lists(st.sampled_from([*'aB0._-é٣²" /,', ".csv", ".MD", "csv"]), max_size=20).map("".join))
def test_whatever_is_read_is_within_the_shape(written: str) -> None:
    check_junk(FILE_NAME, written)
