"""The closed set of value types, by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from seglam.procedures.document import Parameter, Returns, Spec, Vocabulary
from seglam.procedures.values.base import ValueProblem, ValueType
from seglam.procedures.values.lists import ListType
from seglam.procedures.values.numbers import DecimalType, IntegerType, OrdinalType, PercentType, YearType

_PLAIN: dict[str, Callable[[], ValueType]] = {
    cls.name: cls for cls in (IntegerType, DecimalType, PercentType, OrdinalType, YearType)
}
NAMES: tuple[str, ...] = (*sorted(_PLAIN), "list[T]")


def value_type(
    name: str, *, vocabulary: Vocabulary | None = None, units: Sequence[str] | None = None
) -> ValueType:
    return _made(name)


@lru_cache(maxsize=None)
def _made(name: str) -> ValueType:
    if match := re.fullmatch(r"list\[([a-z]+)\]", name):
        return ListType(_made(match.group(1)))
    if name not in _PLAIN:
        raise ValueProblem(f"unknown value type {name!r}; known are {', '.join(NAMES)}")
    return _PLAIN[name]()


def type_of_parameter(parameter: Parameter, spec: Spec) -> ValueType:
    return value_type(parameter.type)


def type_of_returns(returns: Returns, spec: Spec) -> ValueType:
    return value_type(returns.type)
