"""A revision: one immutable version of a procedure, made ready for lookup and sandbox."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from seglam.procedures.canonical import digest
from seglam.procedures.document import Parameter, ReasoningProcedure, Spec
from seglam.procedures.patterns import Patterns, patterns_of
from seglam.procedures.request import BINDING
from seglam.procedures.values import ValueType, type_of_parameter, type_of_returns, value_type
from seglam.procedures.values.filenames import FILE_NAME

DEFAULT_FUEL = 10_000_000_000
DEFAULT_MEMORY_MIB = 32
_WITHOUT: frozenset[str | None] = frozenset({None})


def slot_types(parameters: Iterable[Parameter], types: Mapping[str, ValueType]) -> dict[str, ValueType]:
    """What patterns may have slots for: the value of a parameter of origin pattern, which each pattern must give, and
    the file's name of one of origin input, which it may mention.

    Args:
        parameters: a procedure's.
        types: their value types by name; a parameter that has none here is passed over.
    """
    return {
        parameter.name: FILE_NAME if parameter.origin == "input" else types[parameter.name]
        for parameter in parameters
        if parameter.name in types and parameter.origin != "context"
    }


@dataclass(frozen=True)
class Revision:
    """One immutable version of a procedure, named by the digest of its canonical form."""

    name: str
    spec: Spec
    digest: str

    @classmethod
    def of(cls, document: ReasoningProcedure) -> Revision:
        """The revision that a document states."""
        return cls(document.metadata.name, document.spec, digest(document.spec))

    @cached_property
    def parameters(self) -> Mapping[str, Parameter]:
        """Parameters by name."""
        return {parameter.name: parameter for parameter in self.spec.parameters or ()}

    @cached_property
    def types(self) -> Mapping[str, ValueType]:
        """Value types of the parameters, by name."""
        return {name: type_of_parameter(parameter, self.spec) for name, parameter in self.parameters.items()}

    @cached_property
    def slots(self) -> Mapping[str, ValueType]:
        """What patterns may have slots for, by the parameter's name: see `slot_types`."""
        return slot_types(self.parameters.values(), self.types)

    @property
    def rules(self) -> Mapping[str, str]:
        """Texts of the rules that patterns may name, by name."""
        return {rule.name: rule.text for rule in self.spec.rules or ()}

    @property
    def patterns(self) -> Patterns:
        """What reads patterns with the procedure's rules and slots."""
        return patterns_of(self.rules, self.slots)

    @cached_property
    def argument_types(self) -> Mapping[str, ValueType]:
        """Value types of all arguments that the code takes: the parameters and what `sourceAs` adds."""
        extra = {p.source_as: value_type("text") for p in self.parameters.values() if p.source_as}
        return {**self.types, **extra}

    @cached_property
    def returns(self) -> ValueType:
        """Value type of the answer."""
        return type_of_returns(self.spec.returns, self.spec)

    @cached_property
    def made_for(self) -> Mapping[str, frozenset[str | None]]:
        """For each entry of `BINDING`, the values with which a request may come; None stands for a request without
        it."""
        declared = {
            parameter.key or parameter.name: parameter
            for parameter in self.parameters.values()
            if parameter.origin == "context"
        }
        return {key: frozenset(declared[key].one_of or ()) if key in declared else _WITHOUT for key in BINDING}

    @cached_property
    def languages(self) -> tuple[str | None, ...] | None:
        """The language of each pattern, without its region (`es`); None where no pattern states one."""
        stated = [pattern.language for pattern in self.spec.match.patterns or ()]
        return tuple(each and each.split("-")[0].lower() for each in stated) if any(stated) else None

    @cached_property
    def reads_inputs(self) -> bool:
        """Whether some parameter is the text of an attached input; only requests with inputs bind then, else only those
        without."""
        return any(parameter.origin == "input" for parameter in self.parameters.values())

    @cached_property
    def plain(self) -> bool:
        """Whether a pattern's slots are all that a binding needs: no inputs, context, bounds, columns or sources."""
        return not any(
            not parameter.in_patterns
            or parameter.minimum is not None
            or parameter.maximum is not None
            or parameter.one_of
            or parameter.source_as
            or parameter.type in ("column", "table")
            for parameter in self.parameters.values()
        )

    @property
    def fuel(self) -> int:
        """Fuel of one call."""
        return (self.spec.limits and self.spec.limits.fuel) or DEFAULT_FUEL

    @property
    def memory_mib(self) -> int:
        """Memory of an instance, in MiB."""
        return (self.spec.limits and self.spec.limits.memory_mib) or DEFAULT_MEMORY_MIB
