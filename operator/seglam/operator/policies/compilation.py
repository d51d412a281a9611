"""What became of a compile Job, and what follows from it. Pure: from what the API server says to words and times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import ValidationError

from seglam.compiler.jobresult import CallRecord, JobOutcome, JobResult, NegativeRecord, ResultInvalid, shortened
from seglam.resources import Call, NegativeEntry, timestamp

MAX_TEXT = 1024
MAX_SHORT = 512
MAX_CALLS = 64
MAX_RESULT_BYTES = 1024 * 1024
MAX_PAUSE = timedelta(days=1)
MAX_NEGATIVE = timedelta(days=365)
IMAGE_PATIENCE = timedelta(minutes=2)
"""How long a pod may try to get its image or to be set up before the attempt is given up."""
UNSUCCESSFUL = frozenset(
    {JobOutcome.FAILED, JobOutcome.MODEL_FAILED, JobOutcome.BUDGET, JobOutcome.REJECTED, JobOutcome.NO_COMPLETION}
)
"""Outcomes after which a later attempt may do better."""
PROPOSING = frozenset({JobOutcome.PROPOSED, JobOutcome.EXTENDED})
"""Outcomes whose type rests while what was proposed waits for a decision."""
_STUCK = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "CreateContainerConfigError",
        "CreateContainerError",
    }
)


class Phase(StrEnum):
    """Where a Job is."""

    RUNNING = "Running"
    COMPLETE = "Complete"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class Ended:
    """How an attempt ended: the fields of the compilation's status that a Job's end decides."""

    outcome: JobOutcome
    message: str
    negative: NegativeEntry | None = None
    calls: tuple[Call, ...] = ()
    pause: float | None = None


def phase_of(job: Mapping[str, Any]) -> Phase:
    """Where a Job is. A Job that is about to fail still runs: its pods may be ending."""
    for each in (job.get("status") or {}).get("conditions") or ():
        if each.get("status") == "True" and each.get("type") in (Phase.COMPLETE, Phase.FAILED):
            return Phase(each["type"])
    return Phase.RUNNING


def failure_of(job: Mapping[str, Any], pods: Sequence[Mapping[str, Any]]) -> str:
    """Why there is no result, for people: what the pods say, and what the Job says."""
    said = list(dict.fromkeys(filter(None, (_pod_failure(pod) for pod in _by_age(pods)))))
    for each in (job.get("status") or {}).get("conditions") or ():
        if each.get("type") == Phase.FAILED and each.get("status") == "True":
            said.append(_JOB_WORDS.get(each.get("reason", ""), each.get("message") or each.get("reason") or ""))
    words = "; ".join(filter(None, said)) or "it ended without a word"
    return f"the Job left no result: {words}"


_JOB_WORDS = {
    "DeadlineExceeded": "it ran past its deadline",
    "BackoffLimitExceeded": "it was tried as often as it may be",
}


def stuck(pods: Sequence[Mapping[str, Any]], now: datetime) -> str | None:
    """Why a pod cannot start and will not soon, or None."""
    for pod in pods:
        created = pod["metadata"].get("creationTimestamp")
        if not created or now - _moment(created) < IMAGE_PATIENCE:
            continue
        for status in (pod.get("status") or {}).get("containerStatuses") or ():
            waiting = (status.get("state") or {}).get("waiting") or {}
            if waiting.get("reason") in _STUCK:
                return f"its pod cannot start: {waiting['reason']}: {waiting.get('message', '')}".rstrip(": ")
    return None


def _by_age(pods: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(pods, key=lambda pod: (pod["metadata"].get("creationTimestamp") or "", pod["metadata"]["name"]))


def _pod_failure(pod: Mapping[str, Any]) -> str | None:
    status = pod.get("status") or {}
    if status.get("reason") == "Evicted":
        return f"its pod was evicted: {status.get('message', '')}".rstrip(": ")
    for each in status.get("conditions") or ():
        if each.get("type") == "DisruptionTarget" and each.get("status") == "True":
            return f"its pod was taken away: {each.get('reason', '')}: {each.get('message', '')}".rstrip(": ")
    for each in status.get("containerStatuses") or ():
        state = each.get("state") or {}
        ended, waiting = state.get("terminated"), state.get("waiting")
        if ended and ended.get("reason") == "OOMKilled":
            return "its pod ran out of memory"
        if ended and ended.get("exitCode"):
            last = str(ended.get("message") or "").strip().splitlines()
            return f"its pod ended with exit code {ended['exitCode']}" + (f": {last[-1]}" if last else "")
        if waiting and waiting.get("reason") in _STUCK:
            return f"its pod could not start: {waiting['reason']}"
    return None


def read_result(text: object, compilation: str, attempt: int) -> JobResult:
    """What the Job of an attempt wrote. `ResultInvalid` says in words why it is not to be believed."""
    if not isinstance(text, str):
        raise ResultInvalid("its ConfigMap holds no result")
    if len(text.encode()) > MAX_RESULT_BYTES:
        raise ResultInvalid("it is larger than a result may be")
    found = JobResult.read(text, compilation)
    if found.attempt != attempt:
        raise ResultInvalid(f"it is of attempt {found.attempt}, not of attempt {attempt}")
    return found


def ended(result: JobResult, now: datetime) -> Ended:
    """What a result says of how the attempt ended, within the bounds of a status. `ResultInvalid` if it cannot."""
    calls = tuple(_call(each) for each in result.calls[:MAX_CALLS])
    negative = _negative(result.negative, now) if result.negative is not None else None
    return Ended(
        result.outcome, shortened(result.message, MAX_TEXT), negative, calls, _bounded_pause(result.retry_after)
    )


def retry_after(outcome: JobOutcome, attempt: int, pause: float | None, first_s: int, now: datetime) -> datetime | None:
    """When a new attempt may be made: later after each failure, and not before the model wants to be asked again."""
    if outcome not in UNSUCCESSFUL:
        return None
    asked = timedelta(seconds=pause or 0)
    return now + min(max(pause_before(attempt + 1, first_s), asked), MAX_PAUSE)


def pause_before(attempt: int, first_s: int) -> timedelta:
    """How long a type rests before an attempt >= 2: twice as long as before the one before it, up to a day."""
    return timedelta(seconds=min(first_s * 2.0 ** min(attempt - 2, 40), MAX_PAUSE.total_seconds()))


def collected_at(status: Mapping[str, Any], keep: timedelta) -> datetime | None:
    """When a compilation whose attempt has ended is collected: `keep` after its end, and not before what it says has
    lost its meaning, a negative entry's expiry or the time of the next attempt. None while its proposal waits.
    """
    if not status.get("finishedAt"):
        return None
    if status.get("outcome") in PROPOSING and not status.get("retryAfter"):
        return None
    negative = (status.get("negative") or {}).get("expires")
    later = [_moment(text) for text in (status.get("retryAfter"), negative) if text]
    return max([_moment(status["finishedAt"]) + keep, *later])


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _bounded_pause(seconds: float | None) -> float | None:
    if seconds is None or not 0 <= seconds < float("inf"):
        return None
    return min(seconds, MAX_PAUSE.total_seconds())


def _call(record: CallRecord) -> Call:
    return Call(
        role=_short(record.role),
        purpose=_short(record.purpose),
        model=_short(record.model),
        input_tokens=_count(record.input_tokens),
        output_tokens=_count(record.output_tokens),
    )


def _negative(record: NegativeRecord, now: datetime) -> NegativeEntry:
    expires = min(max(record.expires.astimezone(UTC), now), now + MAX_NEGATIVE)
    try:
        return NegativeEntry.model_validate(
            {
                "reason": shortened(record.reason, MAX_TEXT) or "no reason was given",
                "model": _short(record.model),
                "expires": timestamp(expires),
                "patterns": record.patterns or None,
                "parameters": record.parameters or None,
            }
        )
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ResultInvalid(f"negative.{place}: {first['msg']}") from None


def _short(text: str) -> str:
    return shortened(text, MAX_SHORT) or "unknown"


def _count(number: int) -> int:
    return min(max(number, 0), 2_147_483_647)
