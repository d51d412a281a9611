"""The closed set of value types."""

from seglam.procedures.values.base import Reading, Sample, Shape, ValueProblem, ValueType
from seglam.procedures.values.registry import NAMES, type_of_parameter, type_of_returns, value_type

__all__ = [
    "NAMES",
    "Reading",
    "Sample",
    "Shape",
    "ValueProblem",
    "ValueType",
    "type_of_parameter",
    "type_of_returns",
    "value_type",
]
