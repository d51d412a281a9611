"""The JSON between host and guest. The host trusts no reply: a procedure shares the guest's interpreter and may forge
one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from json.encoder import c_make_encoder, encode_basestring_ascii  # type: ignore[attr-defined]
from typing import Any, NamedTuple, NoReturn

from seglam.sandbox.results import Fault, FaultKind, Finding, FunctionInfo, Inspection, Program

STDOUT_CHARACTERS = 64 << 10
_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


# What `encode` and `decode` do around these, once for each call, takes longer than they do.
_SCAN: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder(parse_constant=_constant).scan_once  # type: ignore[attr-defined]
# Without a note of what contains what, which calls would share: what contains itself is too deep.
_WRITE: Callable[[object, int], tuple[str, ...]] = c_make_encoder(
    None, _ENCODER.default, encode_basestring_ascii, None, ":", ",", False, False, False
)
_PLAIN = frozenset((bool, int, str, type(None)))
"""Types of values that no tag stands for. Arguments that are all of them go as one object, which the guest reads
faster."""
_UNREADABLE = Fault(FaultKind.TRAP, "the engine's reply cannot be read; the procedure may have changed the engine")


class Reply(NamedTuple):
    """One call's outcome as the guest tells it. `spoiled`: later calls would see what this one changed."""

    answer: object | None
    fault: Fault | None
    stdout: str = ""
    spoiled: bool = False


def settings_of(program: Program) -> str:
    """The request that prepares an instance for a program."""
    return _ENCODER.encode(
        {"code": program.code, "answer_bytes": program.answer_bytes, "stdout_bytes": STDOUT_CHARACTERS}
    )


def encode_arguments(arguments: Mapping[str, object]) -> str | Fault:
    """Tagged arguments as the guest reads them, or the fault that says why they cannot be written."""
    try:
        plain = _PLAIN.issuperset(map(type, arguments.values()))
        return "".join(_WRITE(dict(arguments) if plain else list(arguments.items()), 0))
    except (TypeError, ValueError, RecursionError) as problem:
        return Fault(FaultKind.ARGUMENTS, f"the arguments are not tagged JSON: {problem}")


def read_reply(text: str) -> Reply:
    """The reply to a call; one that is no reply is a fault of kind trap, and spoils its instance."""
    try:
        read, end = _SCAN(text, 0)
        if end != len(text):
            raise ValueError("there is more after the reply")
        if len(read) == 1 and "answer" in read:
            return Reply(read["answer"], None)
        stdout = _text(read.get("stdout", ""))[: STDOUT_CHARACTERS + 100]
        spoiled = bool(read.get("spoiled", False))
        if "fault" in read:
            return Reply(None, _fault(read["fault"]), stdout, spoiled)
        return Reply(read["answer"], None, stdout, spoiled)
    except (ValueError, TypeError, KeyError, AttributeError, StopIteration, RecursionError):
        return Reply(None, _UNREADABLE, spoiled=True)


def read_prepared(text: str) -> Fault | None:
    """The fault of a program that cannot be prepared, or None."""
    read = json.loads(text)
    return _fault(read["fault"]) if "fault" in read else None


def inspection_request(code: str, examples: Iterable[object]) -> str:
    """The request that inspects code. `examples` are tagged values or canonical texts."""
    return _ENCODER.encode({"code": code, "examples": list(examples)})


def read_inspection(text: str) -> Inspection:
    """What the guest found in code; it ran none of it, so the reply is taken as it is."""
    read = json.loads(text)
    if "fault" in read:
        return Inspection(_fault(read["fault"]))
    return Inspection(
        error=None,
        imports=tuple(read["imports"]),
        unavailable_imports=tuple(read["unavailable"]),
        functions=tuple(
            FunctionInfo(each["name"], tuple(each["parameters"]), tuple(each["keyword_only"]), each["line"])
            for each in read["functions"]
        ),
        findings=tuple(Finding(each["rule"], each["message"], each["line"]) for each in read["findings"]),
    )


def _fault(read: Any) -> Fault:
    line = read["line"]
    if not (line is None or (type(line) is int and line >= 0)):
        raise TypeError("a line is a number")
    return Fault(FaultKind(read["kind"]), _text(read["message"]), line)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a text was expected")
    return value
