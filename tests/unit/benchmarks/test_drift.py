"""The stream whose rule changes, and the completions that stand in for a model there."""

from __future__ import annotations

from decimal import Decimal

from benchmarks.drift.run import FAULT, RECORDINGS
from benchmarks.drift.stream import stream
from seglam.compiler.recordings import AuthorRecording, read_recordings


def test_the_rule_changes_at_a_request() -> None:
    before, after = (list(stream(40, 7, at)) for at in (None, 21))
    assert [each.text for each in before] == [each.text for each in after]
    changed = [each.number for each, other in zip(before, after, strict=True) if each.right != other.right]
    assert changed == list(range(21, 41))
    amount = int(before[0].text.split()[7])
    assert before[0].right == Decimal(amount) * Decimal("0.19")


def test_recordings_say_that_no_model_wrote_them() -> None:
    found = read_recordings(RECORDINGS)
    assert len(found) == 5 and all("no language model wrote it" in each.origin for each in found.values())
    assert all(each.model == "by-hand" for each in found.values())
    faulty = [
        name
        for name, each in found.items()
        if isinstance(each, AuthorRecording) and each.reply.procedure and FAULT in each.reply.procedure.code
    ]
    assert faulty == ["author/1-nineteen-faulty.json"]
