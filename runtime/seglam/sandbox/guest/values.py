"""The composite values that a procedure receives and may answer with; predefined names in its namespace."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple


class Complex(NamedTuple):
    """A complex number with exact parts."""

    real: Decimal
    imag: Decimal


class Money(NamedTuple):
    """An amount in a currency, named by its ISO 4217 code."""

    amount: Decimal
    currency: str


class MonthDay(NamedTuple):
    """A day of a month in no particular year."""

    month: int
    day: int


class Quantity(NamedTuple):
    """A number with a unit."""

    value: Decimal
    unit: str


class Record(NamedTuple):
    """A count of things, as in "13 woodlouses"."""

    count: int  # type: ignore[assignment]  # tuple.count, which nobody needs here
    noun: str


class Table(NamedTuple):
    """A rectangular table of text."""

    columns: list[str]
    rows: list[list[str]]


PREDEFINED = {each.__name__: each for each in (Complex, Money, MonthDay, Quantity, Record, Table)}
