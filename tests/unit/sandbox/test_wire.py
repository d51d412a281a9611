"""The form of what runners and their clients say to each other."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglam.sandbox import Fault, FaultKind, Finding, FunctionInfo, Inspection, Mode, Program, Run, wire
from seglam.sandbox.wire import Unwritable, WireError

DIGEST = "sha256:" + "0" * 64
TAGGED = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**40), 10**40) | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
ARGUMENTS = st.dictionaries(st.text(max_size=8), TAGGED, max_size=4)
FAULTS = st.builds(Fault, st.sampled_from(FaultKind), st.text(), st.none() | st.integers(0, 10**6))


def _run(answer: object, fault: Fault | None, stdout: str, mode: Mode) -> Run:
    return Run(None if fault else answer, fault, stdout, 12, 3.25, DIGEST, mode)


RUNS = st.builds(_run, TAGGED, st.none() | FAULTS, st.text(), st.sampled_from(Mode))


@given(ARGUMENTS)
def test_a_call_is_read_as_it_was_written(arguments: dict[str, object]) -> None:
    read = wire.read_call(wire.write_call(DIGEST, wire.write_arguments(arguments)))
    assert (read.revision, list(read.arguments.items())) == (DIGEST, list(arguments.items()))


@given(st.lists(ARGUMENTS, min_size=1, max_size=3), st.text(), st.sampled_from([Mode.FRESH, Mode.SINGLE_USE]))
def test_a_batch_is_read_as_it_was_written(arguments: list[dict[str, object]], code: str, mode: Mode) -> None:
    program = Program("any", code, fuel=7, memory_mib=20, answer_bytes=99)
    read = wire.read_batch(wire.write_batch("b", mode, program, [wire.write_arguments(each) for each in arguments]))
    assert read == wire.Batch("b", mode, program, arguments)


@given(st.lists(RUNS, min_size=1, max_size=3))
def test_runs_are_read_as_they_were_written(runs: list[Run]) -> None:
    for run in runs:
        assert wire.read_run(wire.write_run(run), run.mode) == run
    same = [run for run in runs if run.mode is runs[0].mode]
    assert wire.read_runs(wire.write_runs([wire.write_run(run) for run in same]), same[0].mode, len(same)) == same


def test_inspections_and_engines_are_read_as_they_were_written() -> None:
    for each in (
        Inspection(Fault(FaultKind.SYNTAX, "invalid syntax", 3)),
        Inspection(
            None,
            ("math",),
            ("numpy",),
            (FunctionInfo("solve", ("a", "b"), ("c",), 1),),
            (Finding("no-loop", "a loop", 2),),
        ),
    ):
        assert wire.read_inspection(wire.write_inspection(each)) == each
    engines = [wire.EngineDescription(build, DIGEST, frozenset({"re", "math"}), 14) for build in "ab"]
    assert wire.read_engines(wire.write_engines(engines)) == engines
    wanted = wire.Examination("a", "def solve(): pass", ["1", {"$decimal": "1.5"}])
    assert wire.read_examination(wire.write_examination(wanted)) == wanted


@pytest.mark.parametrize("value", [math.nan, math.inf, {1, 2}, b"x", [object()], [10**5000]])
def test_what_is_not_tagged_json_is_not_written(value: object) -> None:
    with pytest.raises(Unwritable, match="not tagged JSON"):
        wire.write_arguments({"a": value})
    run = wire.read_run(wire.write_run(Run(value, None, "said", 1, 1.0, DIGEST, Mode.WARM)), Mode.WARM)
    assert run.fault is not None and run.fault.kind is FaultKind.ANSWER
    assert (run.answer, run.stdout) == (None, "said")


GOOD_RUN: dict[str, Any] = {
    "answer": 1, "fault": None, "stdout": "", "fuelUsed": 1, "elapsedUs": 1.5, "engine": DIGEST, "mode": "warm"
}  # fmt: skip
FAULT = {"kind": "raised", "message": "x", "line": 1}


@pytest.mark.parametrize(
    "changed",
    [
        {"fault": FAULT},  # and an answer
        {"answer": None, "fault": {**FAULT, "kind": "unheard"}},
        {"answer": None, "fault": {**FAULT, "kind": ["raised"]}},
        {"answer": None, "fault": {**FAULT, "line": -1}},
        {"answer": None, "fault": {**FAULT, "line": True}},
        {"answer": None, "fault": {"kind": "raised"}},
        {"answer": None, "fault": "raised"},
        {"stdout": None},
        {"fuelUsed": -1},
        {"fuelUsed": 1.0},
        {"elapsedUs": "1"},
        {"elapsedUs": -1},
        {"elapsedUs": True},
        {"engine": "sha256:x"},
        {"engine": DIGEST + "\n"},
        {"mode": "fresh"},
        {"more": 1},
    ],
)
def test_a_run_of_another_form_is_not_read(changed: dict[str, object]) -> None:
    assert wire.read_run(json.dumps(GOOD_RUN).encode(), Mode.WARM).answer == 1
    with pytest.raises(WireError):
        wire.read_run(json.dumps({**GOOD_RUN, **changed}).encode(), Mode.WARM)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"\xff",
        json.dumps(GOOD_RUN)[:-1].encode(),
        json.dumps(GOOD_RUN).encode() + b"x",
        b'{"answer":NaN' + json.dumps(GOOD_RUN)[12:].encode(),
        b'{"answer":' + b"9" * 5000 + json.dumps(GOOD_RUN)[11:].encode(),
        b'{"answer":' + b"[" * 100_000 + json.dumps(GOOD_RUN)[11:].encode(),
    ],
)
def test_what_is_no_json_object_is_no_run(body: bytes) -> None:
    with pytest.raises(WireError) as problem:
        wire.read_run(body, Mode.WARM)
    assert "999" not in str(problem.value)


def test_a_reply_to_a_batch_holds_one_run_at_least_and_no_more_than_were_asked_for() -> None:
    one = json.dumps(GOOD_RUN).encode()
    assert len(wire.read_runs(wire.write_runs([one]), Mode.WARM, 2)) == 1
    for runs in ([], [one] * 3):
        with pytest.raises(WireError, match="runs are 1 to 2"):
            wire.read_runs(wire.write_runs(runs), Mode.WARM, 2)


BATCH: dict[str, Any] = {
    "build": "a", "mode": "fresh", "arguments": [{}],
    "program": {"digest": "any", "code": "", "fuel": 1, "memoryMib": 1, "answerBytes": 1},
}  # fmt: skip


@pytest.mark.parametrize(
    "changed",
    [
        {"mode": "warm"},
        {"mode": []},
        {"build": 1},
        {"arguments": []},
        {"arguments": [{}] * 257},
        {"arguments": [[]]},
        {"arguments": {}},
        {"program": {**BATCH["program"], "fuel": 0}},
        {"program": {**BATCH["program"], "fuel": 10**12 + 1}},
        {"program": {**BATCH["program"], "memoryMib": 1025}},
        {"program": {**BATCH["program"], "answerBytes": True}},
        {"program": {**BATCH["program"], "code": None}},
    ],
)
def test_a_batch_of_another_form_is_not_read(changed: dict[str, object]) -> None:
    assert wire.read_batch(json.dumps(BATCH).encode()).program.fuel == 1
    with pytest.raises(WireError):
        wire.read_batch(json.dumps({**BATCH, **changed}).encode())


@pytest.mark.parametrize(
    "document",
    [
        "[]",
        "{}",
        '{"code":1}',
        '{"code":"","limits":[]}',
        '{"code":"","limits":{"fuel":"1"}}',
        '{"code":"","limits":{"memoryMiB":5000}}',
    ],
)
def test_a_document_without_a_program_is_not_read(document: str) -> None:
    with pytest.raises(WireError):
        wire.read_revision(DIGEST, document.encode())
