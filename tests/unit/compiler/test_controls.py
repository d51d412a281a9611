"""Control pairs among those that a verifier judges."""

from __future__ import annotations

from seglam.compiler.controls import CLAUSES, PAIRS_EACH, controlled

PAIRS = [(f"What is {n} and {{a}}?", f"What's {n} and {{a}}?") for n in range(2 * PAIRS_EACH)]


def test_controls_change_a_sentence_that_is_judged() -> None:
    asked = controlled(PAIRS)
    assert len(asked.known) == len(asked.pairs) - len(PAIRS) == 3
    for at in asked.known:
        left, right = asked.pairs[at]
        assert left == asked.pairs[at + 1][0] or at + 1 in asked.known
        assert right.startswith(left.rstrip("?")) and right.endswith(CLAUSES)
    assert [pair for at, pair in enumerate(asked.pairs) if at not in asked.known] == PAIRS
    assert controlled(PAIRS) == asked


def test_a_verifier_that_approves_everything_is_noticed() -> None:
    asked = controlled(PAIRS[:1])
    (at,) = asked.known
    assert not asked.passed(["same", "same"])
    verdicts = ["same", "same"]
    verdicts[at] = "unsure"
    assert asked.passed(verdicts) and asked.own(verdicts) == ["same"]
