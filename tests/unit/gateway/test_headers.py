"""Headers that ask and headers that tell."""

from __future__ import annotations

import pytest

from seglam.gateway import Answer, Outcome, Stage
from seglam.gateway.preferences import cache_status, only_if_cached, user_of, wait_of
from seglam.web import Problem


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([], 0),
        (["wait=10"], 10),
        (["respond-async, wait=10"], 10),
        (["respond-async", "Wait = 10"], 10),
        (['wait="10"'], 10),
        (["wait=10; later"], 10),
        (["wait=99999"], 600),
        (["wait=-1"], 0),
        (["wait=1.5"], 0),
        (["wait"], 0),
        (["await=10"], 0),
        (["wait=٣"], 0),
        (["wait=10, wait=20"], 10),
    ],
)
def test_prefer(headers: list[str], seconds: int) -> None:
    assert wait_of(headers) == seconds


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], False),
        (["only-if-cached"], True),
        (["no-store, Only-If-Cached"], True),
        (["no-cache", "only-if-cached"], True),
        (["only-if-cached-not"], False),
    ],
)
def test_cache_control(headers: list[str], expected: bool) -> None:
    assert only_if_cached(headers) is expected


def test_who_asks() -> None:
    assert user_of(None, "anonymous") == "anonymous"
    assert user_of(" ana ", "anonymous") == "ana"
    for bad in ("", "   ", "a" * 201, "é", "a\nb"):
        with pytest.raises(Problem):
            user_of(bad, "anonymous")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer("1", Outcome.HIT, Stage.RUN, answer="8", revision="sha256:0"), 'SEGLAM; hit; key="sha256:0"'),
        (Answer("1", Outcome.MISS, Stage.LOOKUP, "unknown"), "SEGLAM; detail=unknown"),
        (
            Answer("1", Outcome.MISS, Stage.LOOKUP, "unknown", compilation="c", started=True),
            "SEGLAM; fwd=miss; detail=unknown",
        ),
        (
            Answer("1", Outcome.MISS, Stage.LOOKUP, "guard", compilation="c"),
            "SEGLAM; fwd=miss; collapsed; detail=guard",
        ),
        (
            Answer("1", Outcome.MISS, Stage.COMPILATION, "unknown", answer="8", compilation="c", started=True),
            "SEGLAM; fwd=miss; stored; detail=unknown",
        ),
        (
            Answer("1", Outcome.PROVISIONAL, Stage.COMPILATION, "unknown", answer="8", compilation="c", started=True),
            "SEGLAM; fwd=miss; detail=unknown",
        ),
    ],
)
def test_cache_status(answer: Answer, expected: str) -> None:
    assert cache_status(answer) == expected
