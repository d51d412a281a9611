"""What the end of a compile Job amounts to, from what the API server and the Job say."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from seglam.compiler.jobresult import JobOutcome, JobResult, ResultInvalid
from seglam.operator.policies.compilation import (
    MAX_RESULT_BYTES,
    Phase,
    collected_at,
    ended,
    failure_of,
    pause_before,
    phase_of,
    read_result,
    retry_after,
    stuck,
)
from tests.unit.operator.goldens import COMPILATION, PROCEDURE

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
OUTCOME = {"compilation": COMPILATION, "attempt": 2, "outcome": "NoCompletion", "message": "no recording fits"}


def job(*conditions: dict[str, str], **status: Any) -> dict[str, Any]:
    return {"metadata": {"name": COMPILATION}, "status": {"conditions": list(conditions), **status}}


def pod(name: str = "p-1", minute: int = 0, **status: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "creationTimestamp": f"2026-11-21T11:{minute:02}:00Z"}, "status": status}


def container(**state: Any) -> dict[str, Any]:
    return {"containerStatuses": [{"name": "compile", "state": state}]}


def result(**changes: Any) -> str:
    return json.dumps(OUTCOME | changes)


@pytest.mark.parametrize(
    ("conditions", "phase"),
    [
        ([], Phase.RUNNING),
        ([{"type": "FailureTarget", "status": "True"}], Phase.RUNNING),
        ([{"type": "SuccessCriteriaMet", "status": "True"}], Phase.RUNNING),
        ([{"type": "Failed", "status": "False"}], Phase.RUNNING),
        ([{"type": "FailureTarget", "status": "True"}, {"type": "Failed", "status": "True"}], Phase.FAILED),
        ([{"type": "Complete", "status": "True"}], Phase.COMPLETE),
    ],
)
def test_a_job_has_ended_only_when_its_last_condition_says_so(conditions: list[dict[str, str]], phase: Phase) -> None:
    assert phase_of(job(*conditions)) is phase


def test_a_job_without_a_status_runs() -> None:
    assert phase_of({"metadata": {"name": "x"}}) is Phase.RUNNING


LIMIT = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "Job has reached ..."}
DEADLINE = {"type": "Failed", "status": "True", "reason": "DeadlineExceeded", "message": "Job was active ..."}


@pytest.mark.parametrize(
    ("conditions", "pods", "words"),
    [
        ([], [], "it ended without a word"),
        ([{"type": "Complete", "status": "True"}], [pod(**container(terminated={"exitCode": 0}))], "without a word"),
        ([DEADLINE], [], "it ran past its deadline"),
        (
            [LIMIT],
            [pod(**container(terminated={"exitCode": 137, "reason": "OOMKilled"}))],
            "its pod ran out of memory; it was tried as often as it may be",
        ),
        (
            [LIMIT],
            [pod(reason="Evicted", message="The node was low on resource: memory.")],
            "its pod was evicted: The node was low on resource: memory.; it was",
        ),
        (
            [LIMIT],
            [pod(conditions=[{"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}])],
            "its pod was taken away: PreemptionByScheduler",
        ),
        (
            [LIMIT],
            [pod(**container(terminated={"exitCode": 2, "message": "first\nSEGLAM_GATEWAY is not set\n"}))],
            "its pod ended with exit code 2: SEGLAM_GATEWAY is not set",
        ),
        ([DEADLINE], [pod(**container(waiting={"reason": "ImagePullBackOff"}))], "could not start: ImagePullBackOff"),
        (
            [LIMIT],
            [
                pod("b", 5, **container(terminated={"exitCode": 1})),
                pod("a", 1, **container(terminated={"exitCode": 137, "reason": "OOMKilled"})),
            ],
            "its pod ran out of memory; its pod ended with exit code 1; it was tried",
        ),
    ],
)
def test_failures_are_told_in_words(conditions: list[dict[str, str]], pods: list[dict[str, Any]], words: str) -> None:
    assert words in failure_of(job(*conditions), pods)


@pytest.mark.parametrize(
    ("status", "minute", "found"),
    [
        (container(waiting={"reason": "ErrImagePull", "message": "not found"}), 0, "ErrImagePull: not found"),
        (container(waiting={"reason": "ErrImagePull", "message": "not found"}), 59, None),
        (container(waiting={"reason": "ContainerCreating"}), 0, None),
        (container(running={}), 0, None),
        ({}, 0, None),
    ],
)
def test_a_pod_that_cannot_start_is_given_up_after_a_while(status: Any, minute: int, found: str | None) -> None:
    said = stuck([pod(minute=minute, **status)], NOW)
    assert said is None if found is None else found in str(said)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "holds no result"),
        (17, "holds no result"),
        ("", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "the object"),
        ('"' + "x" * MAX_RESULT_BYTES + '"', "larger"),
        (result(compilation="rpc-other"), "'rpc-other'"),
        (result(attempt=1), "attempt 1, not of attempt 2"),
        (result(attempt="two"), "attempt"),
        (result(outcome="Proposed"), "without a document"),
        (result(outcome="Perfect"), "outcome"),
        (result(surprise=1), "surprise"),
        (result(document=PROCEDURE.model_dump(mode="json", by_alias=True, exclude_none=True)), "with a document"),
        (result(outcome="NotCompilable"), "negative"),
    ],
)
def test_what_is_no_result_of_the_attempt_is_refused(text: object, words: str) -> None:
    with pytest.raises(ResultInvalid, match=words):
        read_result(text, COMPILATION, 2)


def test_a_result_of_the_attempt_is_read() -> None:
    assert read_result(result(), COMPILATION, 2).outcome is JobOutcome.NO_COMPLETION


def negative(**changes: Any) -> JobResult:
    entry = {
        "reason": "it asks for an opinion",
        "model": "m-1",
        "expires": "2026-12-01T00:00:00Z",
        "patterns": ["what do you think of {thing}"],
        "parameters": [{"name": "thing", "type": "text"}],
    }
    return JobResult.read(result(outcome="NotCompilable", negative=entry | changes), COMPILATION)


def test_a_negative_entry_is_taken_over() -> None:
    how = ended(negative(), NOW)
    assert how.negative is not None
    assert (how.outcome, how.negative.reason) == (JobOutcome.NOT_COMPILABLE, "it asks for an opinion")
    assert how.negative.expires == "2026-12-01T00:00:00Z"


@pytest.mark.parametrize(
    ("expires", "kept"),
    [("2999-01-01T00:00:00Z", NOW + timedelta(days=365)), ("1999-01-01T00:00:00+02:00", NOW)],
)
def test_a_negative_entry_ends_within_a_year_and_not_in_the_past(expires: str, kept: datetime) -> None:
    entry = ended(negative(expires=expires), NOW).negative
    assert entry is not None
    assert datetime.fromisoformat(entry.expires) == kept


@pytest.mark.parametrize(
    "changes",
    [
        {"patterns": ["x"] * 65},
        {"patterns": ["x" * 5000]},
        {"parameters": [{"name": "no name", "type": "text"}]},
        {"parameters": [{"name": "x"}]},
    ],
)
def test_a_negative_entry_beyond_its_bounds_is_garbage(changes: dict[str, Any]) -> None:
    with pytest.raises(ResultInvalid, match="negative"):
        ended(negative(**changes), NOW)


def test_what_a_job_says_of_calls_is_kept_within_bounds() -> None:
    call = {
        "role": "author",
        "purpose": "procedure",
        "model": "m" * 5000,
        "promptDigest": "sha256:0",
        "inputTokens": -5,
        "outputTokens": 10**12,
        "elapsedMs": 1.5,
    }
    how = ended(JobResult.read(result(calls=[call] * 100, message="x" * 1024), COMPILATION), NOW)
    assert len(how.calls) == 64
    assert len(how.calls[0].model) == 512
    assert (how.calls[0].input_tokens, how.calls[0].output_tokens) == (0, 2_147_483_647)


@pytest.mark.parametrize(
    ("outcome", "attempt", "pause", "seconds"),
    [
        (JobOutcome.FAILED, 1, None, 60),
        (JobOutcome.FAILED, 2, None, 120),
        (JobOutcome.FAILED, 5, None, 960),
        (JobOutcome.FAILED, 1_000_000, None, 86_400),
        (JobOutcome.MODEL_FAILED, 1, 300.0, 300),
        (JobOutcome.BUDGET, 1, 30.0, 60),
        (JobOutcome.MODEL_FAILED, 1, 1e9, 86_400),
        (JobOutcome.REJECTED, 1, None, 60),
        (JobOutcome.NO_COMPLETION, 1, None, 60),
        (JobOutcome.PROPOSED, 1, None, None),
        (JobOutcome.EXTENDED, 1, None, None),
        (JobOutcome.KNOWN_BY_NOW, 1, None, None),
        (JobOutcome.NOT_COMPILABLE, 1, None, None),
    ],
)
def test_later_attempts_wait_longer(
    outcome: JobOutcome, attempt: int, pause: float | None, seconds: int | None
) -> None:
    expected = None if seconds is None else NOW + timedelta(seconds=seconds)
    assert retry_after(outcome, attempt, pause, 60, NOW) == expected


@pytest.mark.parametrize("stated", [-1, float("inf")])
def test_a_pause_that_is_none_does_not_count(stated: float) -> None:
    found = JobResult.read(result(), COMPILATION).model_copy(update={"retry_after": stated})
    assert ended(found, NOW).pause is None


@pytest.mark.parametrize(
    ("status", "day"),
    [
        ({"outcome": "Failed", "finishedAt": "2026-11-01T00:00:00Z"}, 8),
        ({"outcome": "Failed", "finishedAt": "2026-11-01T00:00:00Z", "retryAfter": "2026-11-03T00:00:00Z"}, 8),
        ({"outcome": "Failed", "finishedAt": "2026-11-01T00:00:00Z", "retryAfter": "2026-11-11T00:00:00Z"}, 11),
        (
            {
                "outcome": "NotCompilable",
                "finishedAt": "2026-11-01T00:00:00Z",
                "negative": {"expires": "2026-11-20T00:00:00Z"},
            },
            20,
        ),
        ({"outcome": "Proposed", "finishedAt": "2026-11-01T00:00:00Z"}, None),
        ({"outcome": "Extended", "finishedAt": "2026-11-01T00:00:00Z", "retryAfter": "2026-11-02T00:00:00Z"}, 8),
        ({"outcome": "Failed"}, None),
    ],
)
def test_what_has_ended_is_collected_once_it_means_nothing_any_more(status: dict[str, Any], day: int | None) -> None:
    expected = None if day is None else datetime(2026, 11, day, tzinfo=UTC)
    assert collected_at(status, timedelta(days=7)) == expected


def test_each_pause_is_twice_as_long_up_to_a_day() -> None:
    assert [pause_before(attempt, 60).total_seconds() for attempt in (2, 3, 4)] == [60, 120, 240]
    assert pause_before(10_000, 60) == timedelta(days=1)
