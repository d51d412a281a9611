"""Questions are examined once while their answer is remembered, and again when there was none."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from seglam.compiler import Bench
from seglam.operator import examinations
from seglam.operator.examinations import Examinations
from seglam.operator.verifying import Findings
from seglam.procedures import Revision, digest
from seglam.sandbox import RunnersUnavailable
from tests.unit.operator.goldens import PROCEDURE

DOCUMENT = Revision("twice", PROCEDURE, digest(PROCEDURE))
OTHER = Revision("double", PROCEDURE, digest(PROCEDURE))
FOUND = Findings(True, (), ())


class Runners:
    """Runners that are away for the first so many questions."""

    def __init__(self, away: int = 0) -> None:
        self.away = away
        self.asked = 0

    async def bench(self) -> Bench:
        self.asked += 1
        if self.asked <= self.away:
            raise RunnersUnavailable("no verification runner is ready")
        return Bench(None, None)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def found_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def examine(*_: Any) -> Findings:
        return FOUND

    monkeypatch.setattr(examinations, "examine", examine)


def test_the_same_question_is_asked_once_also_at_the_same_time() -> None:
    async def main() -> None:
        runners = Runners()
        examined = Examinations(runners, 2)
        assert await asyncio.gather(*(examined.findings(DOCUMENT, None, None) for _ in range(3))) == [FOUND] * 3
        assert await examined.findings(DOCUMENT, None, None) is FOUND
        assert runners.asked == 1
        await examined.findings(OTHER, None, None)
        await examined.findings(DOCUMENT, None, OTHER)
        assert runners.asked == 3

    asyncio.run(main())


def test_a_question_without_an_answer_is_asked_again() -> None:
    async def main() -> None:
        runners = Runners(away=2)
        examined = Examinations(runners, 1)
        for _ in range(2):
            with pytest.raises(RunnersUnavailable):
                await examined.findings(DOCUMENT, None, None)
        assert await examined.findings(DOCUMENT, None, None) is FOUND

    asyncio.run(main())


def test_old_answers_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        monkeypatch.setattr(examinations, "REMEMBERED", 1)
        runners = Runners()
        examined = Examinations(runners, 1)
        for document in (DOCUMENT, OTHER, DOCUMENT):
            await examined.findings(document, None, None)
        assert runners.asked == 3

    asyncio.run(main())
