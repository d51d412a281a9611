"""From a parse to a binding: what a pattern explained, checked against everything that a procedure declares."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from seglam.lookup.results import Binding, MissReason
from seglam.procedures.document import Parameter
from seglam.procedures.request import Attachment, Request
from seglam.procedures.revision import Revision
from seglam.procedures.values import ValueProblem, ValueType
from seglam.procedures.values.filenames import FILE_NAME
from seglam.procedures.values.tables import find_column, table_of


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a parse is no binding."""

    reason: MissReason
    explanation: str


class _Refused(Exception):
    def __init__(self, reason: MissReason, explanation: str) -> None:
        super().__init__(explanation)
        self.refusal = Refusal(reason, explanation)


def bind_plainly(
    revision: Revision, pattern: int, names: Sequence[str], values: Sequence[tuple[str, int, int]]
) -> Binding | None:
    """The binding where slots are all that it needs and each parameter has one; None where `bind` must look closer.

    Args:
        revision: the revision whose pattern matched.
        pattern: index of the pattern.
        names: parameter of each slot.
        values: reading of each slot, canonical text first.
    """
    if not revision.plain or len(names) != len(revision.types):
        return None
    arguments = {name: value[0] for name, value in zip(names, values, strict=True)}
    if len(arguments) != len(names):
        return None
    return Binding(revision, {name: arguments[name] for name in revision.types}, pattern)


def is_foreign(revision: Revision, pattern: int, request: Request) -> bool:
    """Whether a pattern is a sentence of another language than the request's locale, which may write numbers and dates
    in another way.
    """
    language = revision.languages[pattern] if revision.languages else None
    return language is not None and language != request.language


def left_open(revision: Revision, slots: Sequence[tuple[str, str, str]], request: Request) -> Refusal | None:
    """Refuse values of a foreign sentence that only the locale makes certain: `1.105` of a German one under `en-US`."""
    for name, _, source in slots:
        kind = revision.slots[name]
        if kind.readings(source, request.region) != kind.readings(source, None):
            why = f"{source!r} is read by the locale's region, and the sentence is not in the locale's language"
            return Refusal(MissReason.VALUE_REJECTED, why)
    return None


def bind(
    revision: Revision,
    pattern: int | None,
    slots: Sequence[tuple[str, str, str]],
    request: Request,
) -> Binding | Refusal:
    """Bind a request to a revision.

    Args:
        revision: the revision whose pattern or structure matched.
        pattern: index of the pattern, or None for a structured request.
        slots: parameter name, canonical text and source text of each slot, in the order of the text.
        request: the request, for its inputs and context.
    """
    arguments: dict[str, str] = {}
    try:
        if request.bound:
            _made_for(revision, request)
        files: list[tuple[str, str]] = []
        for name, canonical, source in slots:
            if revision.parameters[name].origin == "input":
                files.append((name, source))
            else:
                _put(revision, arguments, name, canonical, source)
        used = 0
        for parameter in revision.parameters.values():
            if parameter.origin == "input":
                used += 1
                attached, item = _attached(parameter, request.inputs)
                arguments[parameter.name] = _from_input(revision.types[parameter.name], attached, item)
                _named(attached, [written for name, written in files if name == parameter.name])
            elif parameter.origin == "context":
                arguments[parameter.name] = _from_context(parameter, revision.types[parameter.name], request)
        if len(request.inputs) > used:
            raise _Refused(
                MissReason.GUARD,
                f"the request attaches {len(request.inputs)} inputs and {revision.name} reads {used} of them",
            )
        _columns(revision, arguments)
        for name, parameter in revision.parameters.items():
            if name not in arguments:
                raise _Refused(MissReason.GUARD, f"the request gives no value for {name} of {revision.name}")
            _guard(parameter, revision.types[name], arguments[name])
    except _Refused as refused:
        return refused.refusal
    ordered = {name: arguments[name] for name in revision.argument_types if name in arguments}
    return Binding(revision, ordered, pattern)


def _made_for(revision: Revision, request: Request) -> None:
    """Refuse a request with a system prompt or a form of answer that the revision was not made for."""
    for key, values in revision.made_for.items():
        if key in request.context and request.context[key] not in values:
            declared = "another one" if values - {None} else "none"
            raise _Refused(
                MissReason.GUARD, f"the request's context has {key!r}, and {revision.name} was made for {declared}"
            )


def _put(revision: Revision, arguments: dict[str, str], name: str, canonical: str, source: str) -> None:
    if name in arguments and not revision.types[name].equal(arguments[name], canonical):
        raise _Refused(
            MissReason.GUARD,
            f"{name} of {revision.name} stands for both {arguments[name]!r} and {canonical!r}",
        )
    arguments[name] = canonical
    extra = revision.parameters[name].source_as
    if extra:
        if arguments.get(extra, source) != source:
            raise _Refused(
                MissReason.GUARD,
                f"{name} of {revision.name} is written as both {arguments[extra]!r} and {source!r}",
            )
        arguments[extra] = source


def fitting_inputs(parameter: Parameter, inputs: Mapping[str, Attachment]) -> dict[str, Attachment]:
    """The inputs that a parameter of origin input may take; it is bound where there is exactly one."""
    return {name: item for name, item in inputs.items() if parameter.key in (None, item.media_type)}


def _attached(parameter: Parameter, inputs: Mapping[str, Attachment]) -> tuple[str, Attachment]:
    fitting = fitting_inputs(parameter, inputs)
    wanted = f"an input of type {parameter.key}" if parameter.key else "an input"
    if len(fitting) != 1:
        raise _Refused(
            MissReason.GUARD,
            f"{parameter.name} needs exactly one {wanted[3:]}; the request has {len(fitting)}",
        )
    ((name, item),) = fitting.items()
    return name, item


def _named(attached: str, mentioned: Iterable[str]) -> None:
    """Refuse a request that speaks of another file than the one that is attached."""
    for name in mentioned:
        if not FILE_NAME.equal(name, attached):
            raise _Refused(MissReason.VALUE_REJECTED, f"the request speaks of {name}, and {attached} is attached")


def _from_input(kind: ValueType, name: str, item: Attachment) -> str:
    try:
        if kind.name == "table":
            return table_of(item.text)
        readings = (item.text,) if kind.name == "text" else kind.readings(item.text)
    except ValueError as error:
        raise _Refused(MissReason.VALUE_REJECTED, f"input {name}: {error}") from None
    if len(readings) != 1:
        raise _Refused(
            MissReason.VALUE_REJECTED,
            f"input {name} has {len(readings)} readings as {kind.name}; one is needed",
        )
    return readings[0]


def _from_context(parameter: Parameter, kind: ValueType, request: Request) -> str:
    key = parameter.key or parameter.name
    if key not in request.context:
        raise _Refused(MissReason.GUARD, f"{parameter.name} needs {key!r} in the request's context, which has none")
    text = request.context[key]
    readings = (text,) if kind.name == "text" else kind.readings(text, request.region)
    if len(readings) != 1:
        raise _Refused(
            MissReason.VALUE_REJECTED,
            f"{key!r} of the context has {len(readings)} readings as {kind.name}; one is needed",
        )
    return readings[0]


def _columns(revision: Revision, arguments: dict[str, str]) -> None:
    """Replace what the request calls a column by the name that the table gives it."""
    names = [name for name, kind in revision.types.items() if kind.name == "column" and name in arguments]
    if not names:
        return
    tables = [arguments[name] for name, kind in revision.types.items() if kind.name == "table" and name in arguments]
    if len(tables) != 1:
        raise _Refused(
            MissReason.GUARD,
            f"{revision.name} names columns, so it needs one table; the request has {len(tables)}",
        )
    for name in names:
        found = find_column(tables[0], arguments[name])
        if found is None:
            known = ", ".join(json.loads(tables[0])["columns"])
            raise _Refused(
                MissReason.VALUE_REJECTED, f"{arguments[name]!r} is not the name of one column; the table has {known}"
            )
        arguments[name] = found


def _guard(parameter: Parameter, kind: ValueType, canonical: str) -> None:
    try:
        inside = kind.within(canonical, parameter.minimum, parameter.maximum)
    except ValueProblem as error:
        raise _Refused(MissReason.GUARD, f"{parameter.name}: {error}") from None
    if not inside:
        bounds = f"{parameter.minimum or 'any'} to {parameter.maximum or 'any'}"
        raise _Refused(MissReason.GUARD, f"{parameter.name} = {canonical} is outside {bounds}")
    if parameter.one_of and not any(kind.equal(canonical, allowed) for allowed in parameter.one_of):
        raise _Refused(MissReason.GUARD, f"{parameter.name} = {canonical} is none of {', '.join(parameter.one_of)}")
