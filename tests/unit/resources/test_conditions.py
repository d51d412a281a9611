"""Setting a condition: what changes, and what must not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from seglam.resources import ConditionType, Reason, timestamp, with_condition
from seglam.resources.base import Condition

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
READY = ConditionType.READY


def at(
    moment: datetime, conditions: list[Condition] | None, status: bool, reason: Reason, **more: int
) -> list[Condition]:
    """`conditions` with Ready set at a moment."""
    generation = more.get("generation", 1)
    return with_condition(conditions, READY, status, reason, "text", generation=generation, clock=lambda: moment)


def test_the_time_stays_while_the_status_stays() -> None:
    first = at(NOON, None, False, Reason.VERIFYING)
    later = at(NOON + timedelta(hours=1), first, False, Reason.AWAITING_REVIEW, generation=2)
    assert later[0].last_transition_time == "2026-11-21T12:00:00Z"
    assert (later[0].reason, later[0].observed_generation) == ("AwaitingReview", 2)
    turned = at(NOON + timedelta(hours=2), later, True, Reason.ACTIVE)
    assert turned[0].last_transition_time == "2026-11-21T14:00:00Z"


def test_setting_the_same_again_changes_nothing() -> None:
    first = at(NOON, None, True, Reason.ACTIVE)
    assert at(NOON + timedelta(days=1), first, True, Reason.ACTIVE) == first


def test_other_conditions_keep_value_and_place() -> None:
    first = at(NOON, None, True, Reason.ACTIVE)
    both = with_condition(first, "Stalled", "Unknown", "Progressing", "", generation=1, clock=lambda: NOON)
    again = at(NOON, both, False, Reason.QUARANTINED)
    assert [each.type for each in again] == ["Ready", "Stalled"]
    assert again[1] == both[1]
    assert first[0].status == "True"  # the list that was given is left alone


def test_a_long_message_is_cut_to_what_the_kind_allows() -> None:
    (condition,) = with_condition(None, "Ready", False, "Invalid", "x" * 5000, generation=None, clock=lambda: NOON)
    assert len(condition.message) == 1024


def test_moments_are_written_in_utc() -> None:
    assert timestamp(NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))) == "2026-11-21T12:00:00Z"
    with pytest.raises(ValueError, match="time zone"):
        timestamp(datetime(2026, 11, 21))
