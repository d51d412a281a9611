"""The JSON between a runner and those who call it, for both ends. What does not have its exact form is refused.

    GET  /v1/engines             -> {"engines": [{"build", "digest", "modules", "memoryFloorMib"}]}
    PUT  /v1/revisions/{digest}  canonical JSON of a procedure's spec, whose SHA-256 is the digest
    POST /v1/runs                {"revision", "arguments"} -> a run
    POST /v1/batches             {"build", "mode", "program", "arguments": [...]} -> {"runs": [...]}
    POST /v1/inspections         {"build", "code", "examples"} -> an inspection

Arguments are objects of tagged JSON by name. The reply to a batch may hold fewer runs than arguments, but at least one,
where more would take too long or too much room; the caller asks again for the rest.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from seglam.sandbox.results import Fault, FaultKind, Finding, FunctionInfo, Inspection, Mode, Program, Run

DEADLINE = "Seglam-Deadline-Ms"
"""The header that says for how many milliseconds the caller will wait."""
MAX_BATCH = 256
"""Arguments of one batch."""
MAX_FUEL = 1_000_000_000_000
MAX_MEMORY_MIB = 1024
MAX_ANSWER_BYTES = 16 << 20

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_KINDS = frozenset(FaultKind)


class WireError(ValueError):
    """A message does not have the form that it must have; the words say where, and hold no value of it."""


class Unwritable(ValueError):
    """A value is not tagged JSON."""


@dataclass(frozen=True, slots=True)
class EngineDescription:
    """An engine of a runner; satisfies `EngineInfo`."""

    build: str
    digest: str
    modules: frozenset[str]
    memory_floor_mib: int


@dataclass(frozen=True, slots=True)
class Call:
    """One warm call of an admitted revision."""

    revision: str
    arguments: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Batch:
    """Calls of a program in instances that are not kept."""

    build: str
    mode: Mode
    program: Program
    arguments: Sequence[Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Examination:
    """Code to be read, with the example values that it must not single out."""

    build: str
    code: str
    examples: Sequence[object]


# Requests


def write_arguments(arguments: Mapping[str, object]) -> bytes:
    """The arguments of one call, for the two bodies below; `Unwritable` if one is not tagged JSON."""
    return _write(dict(arguments))


def write_call(revision: str, arguments: bytes) -> bytes:
    """The body of a run."""
    return b'{"revision":%b,"arguments":%b}' % (_write(revision), arguments)


def read_call(body: bytes) -> Call:
    """The call in the body of a run."""
    read = _members(_parse(body), "the call", "revision", "arguments")
    return Call(_digest(read["revision"], "revision"), _arguments(read["arguments"]))


def write_batch(build: str, mode: Mode, program: Program, arguments: Sequence[bytes]) -> bytes:
    """The body of a batch."""
    stated = {
        "digest": program.digest,
        "code": program.code,
        "fuel": program.fuel,
        "memoryMib": program.memory_mib,
        "answerBytes": program.answer_bytes,
    }
    head = _write({"build": build, "mode": mode, "program": stated})
    return b'%b,"arguments":[%b]}' % (head[:-1], b",".join(arguments))


def read_batch(body: bytes) -> Batch:
    """The batch in a body."""
    read = _members(_parse(body), "the batch", "build", "mode", "program", "arguments")
    if read["mode"] not in (Mode.FRESH, Mode.SINGLE_USE):
        raise WireError(f"mode is {Mode.FRESH} or {Mode.SINGLE_USE}")
    stated = _members(read["program"], "program", "digest", "code", "fuel", "memoryMib", "answerBytes")
    program = Program(
        digest=_text(stated["digest"], "program.digest"),
        code=_text(stated["code"], "program.code"),
        fuel=_whole(stated["fuel"], "program.fuel", 1, MAX_FUEL),
        memory_mib=_whole(stated["memoryMib"], "program.memoryMib", 1, MAX_MEMORY_MIB),
        answer_bytes=_whole(stated["answerBytes"], "program.answerBytes", 1, MAX_ANSWER_BYTES),
    )
    arguments = [_arguments(each) for each in _list(read["arguments"], "arguments")]
    if not 1 <= len(arguments) <= MAX_BATCH:
        raise WireError(f"arguments are 1 to {MAX_BATCH}")
    return Batch(_text(read["build"], "build"), Mode(read["mode"]), program, arguments)


def write_examination(examination: Examination) -> bytes:
    """The body of an inspection; `Unwritable` if an example is not tagged JSON."""
    return _write(
        {"build": examination.build, "code": examination.code, "examples": list(examination.examples)},
    )


def read_examination(body: bytes) -> Examination:
    """The examination in the body of an inspection."""
    read = _members(_parse(body), "the inspection", "build", "code", "examples")
    return Examination(_text(read["build"], "build"), _text(read["code"], "code"), _list(read["examples"], "examples"))


def read_revision(digest: str, document: bytes) -> Program:
    """The program that a revision's canonical document states. The caller has checked the digest.

    Of the document only what runs is read; limits that it leaves out are the sandbox's own.
    """
    read = _parse(document)
    if not isinstance(read, dict):
        raise WireError("the document is no object")
    limits = read.get("limits", {})
    if not isinstance(limits, dict):
        raise WireError("limits is no object")
    program = Program(digest, _text(read.get("code"), "code"))
    return Program(
        digest,
        program.code,
        fuel=_whole(limits.get("fuel", program.fuel), "limits.fuel", 1, MAX_FUEL),
        memory_mib=_whole(limits.get("memoryMiB", program.memory_mib), "limits.memoryMiB", 1, MAX_MEMORY_MIB),
    )


# Replies


def write_run(run: Run) -> bytes:
    """A run. An answer that JSON cannot hold becomes a fault: it has no form in tagged JSON."""
    try:
        return _write(_run(run, run.answer, run.fault))
    except Unwritable as problem:
        return _write(_run(run, None, Fault(FaultKind.ANSWER, str(problem))))


def _run(run: Run, answer: object, fault: Fault | None) -> dict[str, object]:
    return {
        "answer": answer,
        "fault": _fault_out(fault),
        "stdout": run.stdout,
        "fuelUsed": run.fuel_used,
        "elapsedUs": round(run.elapsed_us, 3),
        "engine": run.engine,
        "mode": run.mode,
    }


def read_run(body: bytes, mode: Mode) -> Run:
    """The run in a reply; it must be of the mode that was asked for."""
    return _run_in(_parse(body), mode)


def write_runs(runs: Sequence[bytes]) -> bytes:
    """The reply to a batch, of runs already written."""
    return b'{"runs":[' + b",".join(runs) + b"]}"


def read_runs(body: bytes, mode: Mode, at_most: int) -> list[Run]:
    """The runs in the reply to a batch: 1 to `at_most`."""
    runs = _list(_members(_parse(body), "the reply", "runs")["runs"], "runs")
    if not 1 <= len(runs) <= at_most:
        raise WireError(f"runs are 1 to {at_most}")
    return [_run_in(each, mode) for each in runs]


def write_inspection(inspection: Inspection) -> bytes:
    """An inspection."""
    return _write(
        {
            "error": _fault_out(inspection.error),
            "imports": inspection.imports,
            "unavailableImports": inspection.unavailable_imports,
            "functions": [
                {
                    "name": each.name,
                    "parameters": each.parameters,
                    "keywordOnly": each.keyword_only,
                    "line": each.line,
                }
                for each in inspection.functions
            ],
            "findings": [
                {"rule": each.rule, "message": each.message, "line": each.line} for each in inspection.findings
            ],
        }
    )


def read_inspection(body: bytes) -> Inspection:
    """The inspection in a reply."""
    read = _members(_parse(body), "the inspection", "error", "imports", "unavailableImports", "functions", "findings")
    functions = [
        _members(each, "a function", "name", "parameters", "keywordOnly", "line")
        for each in _list(read["functions"], "functions")
    ]
    findings = [_members(each, "a finding", "rule", "message", "line") for each in _list(read["findings"], "findings")]
    return Inspection(
        error=_fault_in(read["error"]),
        imports=_texts(read["imports"], "imports"),
        unavailable_imports=_texts(read["unavailableImports"], "unavailableImports"),
        functions=tuple(
            FunctionInfo(
                _text(each["name"], "name"),
                _texts(each["parameters"], "parameters"),
                _texts(each["keywordOnly"], "keywordOnly"),
                _whole(each["line"], "line"),
            )
            for each in functions
        ),
        findings=tuple(
            Finding(_text(each["rule"], "rule"), _text(each["message"], "message"), _whole(each["line"], "line"))
            for each in findings
        ),
    )


def write_engines(engines: Iterable[EngineDescription]) -> bytes:
    """The engines of a runner."""
    return _write(
        {
            "engines": [
                {
                    "build": each.build,
                    "digest": each.digest,
                    "modules": sorted(each.modules),
                    "memoryFloorMib": each.memory_floor_mib,
                }
                for each in engines
            ]
        }
    )


def read_engines(body: bytes) -> list[EngineDescription]:
    """The engines in a reply."""
    found = _list(_members(_parse(body), "the reply", "engines")["engines"], "engines")
    read = [_members(each, "an engine", "build", "digest", "modules", "memoryFloorMib") for each in found]
    return [
        EngineDescription(
            _text(each["build"], "build"),
            _digest(each["digest"], "digest"),
            frozenset(_texts(each["modules"], "modules")),
            _whole(each["memoryFloorMib"], "memoryFloorMib"),
        )
        for each in read
    ]


# Parts


def _run_in(value: object, mode: Mode) -> Run:
    read = _members(value, "the run", "answer", "fault", "stdout", "fuelUsed", "elapsedUs", "engine", "mode")
    fault = _fault_in(read["fault"])
    if fault is not None and read["answer"] is not None:
        raise WireError("a run with a fault has no answer")
    if read["mode"] != mode:
        raise WireError(f"the run is not of mode {mode}")
    elapsed = read["elapsedUs"]
    if type(elapsed) not in (int, float) or not math.isfinite(elapsed) or elapsed < 0:
        raise WireError("elapsedUs is no time")
    return Run(
        read["answer"],
        fault,
        _text(read["stdout"], "stdout"),
        _whole(read["fuelUsed"], "fuelUsed"),
        float(elapsed),
        _digest(read["engine"], "engine"),
        mode,
    )


def _fault_out(fault: Fault | None) -> dict[str, object] | None:
    return None if fault is None else {"kind": fault.kind, "message": fault.message, "line": fault.line}


def _fault_in(value: object) -> Fault | None:
    if value is None:
        return None
    read = _members(value, "the fault", "kind", "message", "line")
    kind = _text(read["kind"], "kind")
    if kind not in _KINDS:
        raise WireError("kind is no kind of fault")
    line = None if read["line"] is None else _whole(read["line"], "line")
    return Fault(FaultKind(kind), _text(read["message"], "message"), line)


def _arguments(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise WireError("arguments are no object")
    return value


def _constant(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity are no JSON")


_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
_DECODER = json.JSONDecoder(parse_constant=_constant)


def _write(value: object) -> bytes:
    try:
        return _ENCODER.encode(value).encode("ascii")
    except (TypeError, ValueError, RecursionError) as problem:
        raise Unwritable(f"a value is not tagged JSON: {problem}") from problem


def _parse(body: bytes) -> Any:
    try:
        return _DECODER.decode(body.decode("utf-8"))
    except (ValueError, RecursionError) as problem:  # its words may hold what users sent
        raise WireError(f"the body is no JSON ({type(problem).__name__})") from None


def _members(value: object, what: str, *names: str) -> dict[str, Any]:
    if not isinstance(value, dict) or value.keys() != frozenset(names):
        raise WireError(f"{what} is no object of {', '.join(names)}")
    return value


def _list(value: object, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise WireError(f"{what} is no list")
    return value


def _text(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise WireError(f"{what} is no text")
    return value


def _texts(value: object, what: str) -> tuple[str, ...]:
    return tuple(_text(each, what) for each in _list(value, what))


def _whole(value: object, what: str, least: int = 0, most: int | None = None) -> int:
    if type(value) is not int or value < least or (most is not None and value > most):
        bounds = f"from {least} on" if most is None else f"from {least} to {most}"
        raise WireError(f"{what} is no whole number {bounds}")
    return value


def _digest(value: object, what: str) -> str:
    if not isinstance(value, str) or not DIGEST.fullmatch(value):
        raise WireError(f"{what} is no digest")
    return value
