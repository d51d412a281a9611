from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglam.compiler.jobresult import (
    MAX_DETAIL_BYTES,
    CallRecord,
    EvidenceRecord,
    JobOutcome,
    JobResult,
    NegativeRecord,
    ResultInvalid,
    Work,
    bounded,
)
from seglam.compiler.results import Compilation, Evidence, Gate, ModelCall, Negative, Outcome
from seglam.procedures import Revision
from tests.documents import document

NAME = "rpc-0123456789abcdef0123"
CALL = ModelCall("author", "author", "m-1", "sha256:0", 10, 5, 1.5)
MADE = document()


def result(**changes: Any) -> JobResult:
    given: dict[str, Any] = {"compilation": NAME, "attempt": 1, "outcome": JobOutcome.FAILED, "message": "no runner"}
    return JobResult(**{**given, **changes})


def proposed() -> JobResult:
    evidence = (Evidence(Gate.STATIC, True, "fine", {"imports": []}),)
    digest = Revision.of(MADE).digest
    made = Compilation("id", Outcome.PROPOSED, "passed", "f" * 32, evidence, (CALL,), MADE, digest, answer="4")
    return JobResult.of(made, NAME, 3, "ana")


def test_every_outcome_of_the_compiler_has_its_word() -> None:
    assert {JobOutcome.of(outcome) for outcome in Outcome} == set(JobOutcome) - {
        JobOutcome.KNOWN_BY_NOW,
        JobOutcome.FAILED,
    }


def test_what_is_written_is_read_again() -> None:
    found = proposed()
    assert JobResult.read(found.written(), NAME) == found
    assert found.authors == ["ana", "model:m-1"] and found.document == MADE.spec and found.name == "double"


def test_a_negative_entry_comes_through() -> None:
    entry = Negative(
        "f" * 32, "no", "m", datetime(2027, 1, 1, tzinfo=UTC), ("x {n}",), ({"name": "n", "type": "text"},)
    )
    made = Compilation("id", Outcome.NOT_COMPILABLE, "no", "f" * 32, negative=entry)
    found = JobResult.read(JobResult.of(made, NAME, 1, "ana").written(), NAME)
    assert found.negative is not None and found.negative.entry("f" * 32) == entry


def test_a_rejection_is_told_without_what_the_request_held() -> None:
    detail = {"category": "the answers differ", "differences": [{"arguments": {"n": "Miriam"}}]}
    evidence = (Evidence(Gate.DIFFERENTIAL, False, "Miriam differs", detail),)
    made = Compilation("id", Outcome.REJECTED, "Miriam differs", "f" * 32, evidence)
    assert JobResult.of(made, NAME, 1, "ana").message == "gate differential failed: the answers differ"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "the object"),
        ({"compilation": "rpc-other"}, "the result of 'rpc-other'"),
        ({"outcome": "Failed"}, "with a document"),
        ({"document": None}, "without a document"),
        ({"outcome": "Extended"}, "which revision it replaces"),
        ({"attempt": 0}, "attempt"),
        ({"digest": "sha256:x"}, "digest"),
        ({"more": 1}, "more"),
    ],
)
def test_what_is_no_result_is_refused(change: str | dict[str, Any], said: str) -> None:
    text = change if isinstance(change, str) else json.dumps({**json.loads(proposed().written()), **change})
    with pytest.raises(ResultInvalid, match=said):
        JobResult.read(text, NAME)


def test_details_are_cut_first_and_the_cut_is_said() -> None:
    big = {"differences": [{"arguments": {"text": "x" * 5000}} for _ in range(100)], "compared": 240}
    records = [EvidenceRecord(gate=gate, passed=True, summary="s", detail=big) for gate in Gate]
    found = proposed().model_copy(update={"evidence": records})
    text = found.written(200_000)
    assert len(text.encode()) <= 200_000
    read = JobResult.read(text, NAME)
    assert read.cut and read.document == found.document and read.evidence[0].detail["compared"] == 240
    assert read.evidence[0].detail["cut"] == ["differences"]
    bare = JobResult.read(found.written(8_000), NAME)
    assert [each.detail for each in bare.evidence] == [{}] * 5 and bare.document == found.document


def test_what_does_not_fit_at_all_is_a_failure() -> None:
    found = JobResult.read(proposed().written(700), NAME)
    assert found.outcome is JobOutcome.FAILED and "bytes" in found.message and found.document is None


def test_text_that_is_no_unicode_does_not_lose_the_result() -> None:
    record = EvidenceRecord(gate=Gate.EXAMPLES, passed=False, summary="answered '\ud800'")
    found = JobResult.read(result(evidence=[record]).written(), NAME)
    assert found.evidence[0].summary == "answered '?'"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(st.dictionaries(st.text(min_size=1), JSON), st.integers(400, 4000))
def test_a_bounded_detail_is_within_its_bound(detail: dict[str, Any], limit: int) -> None:
    names = len(json.dumps(sorted(detail), ensure_ascii=False).encode(errors="replace"))
    found = bounded(detail, limit + names)
    assert len(json.dumps(found, ensure_ascii=False).encode(errors="replace")) <= limit + names
    if len(json.dumps(detail, ensure_ascii=False).encode(errors="replace")) <= limit:
        assert found == detail


def test_a_detail_that_is_no_unicode_is_bounded_too() -> None:
    assert bounded({"answer": "\ud800", "set": {"n": ["\udfff"]}}) == {"answer": "?", "set": {"n": ["?"]}}


def test_a_detail_of_many_small_members_is_bounded() -> None:
    found = bounded({f"member {number}": "x" * 60 for number in range(1000)})
    assert len(json.dumps(found).encode()) <= MAX_DETAIL_BYTES or "cut" in found


def test_work_is_read_with_numbers_as_written() -> None:
    content = '{"tenant":"t","fingerprint":"f","requester":"r","request":{"value":{"n":1.50}},"revisions":[]}'
    assert Work.read(content).request["value"]["n"] == Decimal("1.50")


def test_a_call_is_recorded_whole() -> None:
    assert CallRecord.of(CALL).model == "m-1"
    assert NegativeRecord(reason="r", model="m", expires=datetime(2027, 1, 1, tzinfo=UTC)).entry("f").patterns == ()
