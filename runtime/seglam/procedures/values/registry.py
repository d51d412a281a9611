"""The closed set of value types, by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

from seglam.procedures.document import Parameter, Returns, Spec, Vocabulary
from seglam.procedures.values.base import ValueProblem, ValueType
from seglam.procedures.values.dates import DateType, MonthDayType, MonthType, WeekdayType
from seglam.procedures.values.expressions import ArithmeticType, CalculationType, EquationType, ExpressionType
from seglam.procedures.values.jsonvalue import JsonType
from seglam.procedures.values.lists import ListType
from seglam.procedures.values.mathematics import ComplexType, FractionType
from seglam.procedures.values.matrices import MatrixType
from seglam.procedures.values.numbers import DecimalType, IntegerType, OrdinalType, PercentType, YearType
from seglam.procedures.values.quantities import MoneyType, QuantityType
from seglam.procedures.values.records import RecordsType
from seglam.procedures.values.tables import ColumnType, TableType
from seglam.procedures.values.times import DatetimeType, DurationType, TimeType
from seglam.procedures.values.vocabulary import VocabularyType
from seglam.procedures.values.words import (
    CharacterType,
    CodeType,
    QuotedType,
    TextType,
    TokenType,
    VariableType,
    WordType,
)

_ITEMS: dict[str, Callable[[], ValueType]] = {
    "integer": IntegerType,
    "decimal": DecimalType,
    "fraction": FractionType,
    "percent": PercentType,
    "complex": ComplexType,
    "money": MoneyType,
    "ordinal": OrdinalType,
    "year": YearType,
    "date": DateType,
    "monthday": MonthDayType,
    "weekday": WeekdayType,
    "month": MonthType,
    "time": TimeType,
    "datetime": DatetimeType,
    "duration": DurationType,
    "character": CharacterType,
    "word": WordType,
    "code": CodeType,
    "token": TokenType,
    "variable": VariableType,
    "quoted": QuotedType,
    "arithmetic": ArithmeticType,
    "calculation": CalculationType,
    "expression": ExpressionType,
    "equation": EquationType,
}
"""Types of which there are lists, and that need nothing but their name."""

_WHOLES: dict[str, Callable[[], ValueType]] = {
    "text": TextType,
    "matrix": MatrixType,
    "table": TableType,
    "column": ColumnType,
    "json": JsonType,
}
"""Types that need nothing but their name and are no items of lists."""

_PLAIN = {**_ITEMS, **_WHOLES}
_WITH_VOCABULARY = ("vocabulary", "records")
_LIST = re.compile(r"list\[([a-z]+)\]")

NAMES: tuple[str, ...] = (*_ITEMS, "quantity", "vocabulary", "records", *_WHOLES, "list[T]")
"""Names of all types; `T` stands for `quantity`, `vocabulary` or a type that is one value by itself."""


def value_type(name: str, *, vocabulary: Vocabulary | None = None, units: Sequence[str] | None = None) -> ValueType:
    """The type that a document names.

    Args:
        name: such as `integer` or `list[vocabulary]`.
        vocabulary: the values of `vocabulary`, `list[vocabulary]` and `records`, which need it.
        units: the units that `quantity` and `list[quantity]` accept; without it all that are known.

    Raises:
        ValueProblem: an unknown name, or a vocabulary or units that the type lacks, does not take or that are wrong.
    """
    match = _LIST.fullmatch(name)
    base = match.group(1) if match else name
    if (vocabulary is None) == (base in _WITH_VOCABULARY):
        raise ValueProblem(
            f"type {name} needs a vocabulary" if vocabulary is None else f"type {name} takes no vocabulary; remove it"
        )
    if units is not None and base != "quantity":
        raise ValueProblem(f"type {name} takes no units; remove them")
    if match and (base in _WHOLES or base == "records"):
        raise ValueProblem(f"there are no lists of {base}; lists are of {', '.join(_ITEMS)}, quantity or vocabulary")
    if vocabulary is not None:
        single: ValueType = (RecordsType if base == "records" else VocabularyType)(vocabulary)
    elif base == "quantity":
        single = _quantity(None if units is None else tuple(units))
    else:
        return _named(name)
    return ListType(single) if match else single


@cache
def _named(name: str) -> ValueType:
    match = _LIST.fullmatch(name)
    if match and match.group(1) in _ITEMS:
        return ListType(_named(match.group(1)))
    if name not in _PLAIN:
        raise ValueProblem(f"unknown value type {name!r}; known are {', '.join(NAMES)}")
    return _PLAIN[name]()


@cache
def _quantity(units: tuple[str, ...] | None) -> ValueType:
    return QuantityType(units)


def _vocabulary(name: str | None, spec: Spec) -> Vocabulary | None:
    if name is None:
        return None
    for vocabulary in spec.vocabularies or ():
        if vocabulary.name == name:
            return vocabulary
    known = ", ".join(vocabulary.name for vocabulary in spec.vocabularies or ()) or "none"
    raise ValueProblem(f"unknown vocabulary {name!r}; the procedure has {known}")


def type_of_parameter(parameter: Parameter, spec: Spec) -> ValueType:
    """The value type of a procedure's parameter; `ValueProblem` names the parameter and what is wrong."""
    try:
        return value_type(parameter.type, vocabulary=_vocabulary(parameter.vocabulary, spec), units=parameter.units)
    except ValueProblem as problem:
        raise ValueProblem(f"parameter {parameter.name}: {problem}") from None


def type_of_returns(returns: Returns, spec: Spec) -> ValueType:
    """The value type of a procedure's answer; `ValueProblem` says what is wrong."""
    try:
        return value_type(returns.type, vocabulary=_vocabulary(returns.vocabulary, spec))
    except ValueProblem as problem:
        raise ValueProblem(f"returns: {problem}") from None


class Description(NamedTuple):
    """A value type, for documentation and for whoever writes procedures."""

    name: str
    summary: str
    accepts: tuple[str, ...]
    rejects: tuple[str, ...]
    python: str


def describe() -> list[Description]:
    """All value types, in the order of `NAMES`."""
    classes: dict[str, type[ValueType]] = {
        "quantity": QuantityType,
        "vocabulary": VocabularyType,
        "records": RecordsType,
        "list[T]": ListType,
    }
    types = [(name, classes[name] if name in classes else type(_named(name))) for name in NAMES]
    return [Description(name, kind.summary, kind.accepts, kind.rejects, kind.python) for name, kind in types]
