"""The record of answers: what it keeps, how much of it, for whom, and what it does without its database."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from seglam.gateway.answers import AnswerLog, AnswerSettings, Records, answer_id
from seglam.gateway.outcomes import Answer, Outcome, Stage

DIGEST = "sha256:" + "a" * 64


def answer(number: int, **more: object) -> Answer:
    made = {"procedure": "double", "revision": DIGEST, "answer": "what was answered", **more}
    return Answer(f"{number:032x}", Outcome.HIT, Stage.RUN, **made)  # type: ignore[arg-type]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[AnswerLog]:
    made = AnswerLog(AnswerSettings.of(tmp_path, {"SEGLAM_ANSWERS": "3", "SEGLAM_ANSWERS_RATE": "5"}))
    yield made
    made.close()


def test_an_answer_is_there_at_once_and_after_it_was_written_for_its_tenant_alone(
    log: AnswerLog, tmp_path: Path
) -> None:
    log.add(answer(1), "shop", source="openai", trace=("1" * 32, "2" * 16))
    waiting = log.get(f"{1:032x}", "shop")
    log.flush()
    found = log.get(f"{1:032x}", "shop")
    assert found is not None and found == waiting
    assert (found.source, found.outcome, found.revision, found.trace_id) == ("openai", "hit", DIGEST, "1" * 32)
    assert log.get(f"{1:032x}", "other") is None
    assert "shop" not in json.dumps(found.as_json())
    assert Records(log.settings).get(f"{1:032x}") == found, "also without the process that writes"
    assert [each.id for each in Records(log.settings).of_revision(DIGEST)] == [f"{1:032x}"]
    assert b"what was answered" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


def test_the_newest_of_each_tenant_are_kept_and_none_displaces_anothers(log: AnswerLog) -> None:
    log.add(answer(100), "quiet")
    log.flush()
    for number in range(12):
        log.add(answer(number), "busy")
        log.flush()
    kept = [number for number in range(12) if log.get(f"{number:032x}", "busy")]
    assert kept[-3:] == [9, 10, 11] and len(kept) < 3 + 3
    assert log.get(f"{100:032x}", "quiet") is not None


def test_more_than_may_wait_is_counted_and_not_recorded(log: AnswerLog) -> None:
    with log._writing:  # the log's own thread writes nothing meanwhile
        for number in range(8):
            log.add(answer(number), "shop")
    assert log.dropped == 3
    log.flush()
    assert log.get(f"{4:032x}", "shop") is not None
    assert log.get(f"{5:032x}", "shop") is None


def test_what_is_too_old_goes(tmp_path: Path, log: AnswerLog) -> None:
    log.add(answer(1), "shop")
    log.flush()
    with closing(sqlite3.connect(tmp_path / "answers.sqlite3")) as database:
        database.execute("UPDATE answers SET at = at - 31 * 86400 * 1000000")
        database.commit()
    for number in range(2, 5):
        log.add(answer(number), "other")
    log.flush()
    assert log.get(f"{1:032x}", "shop") is None


def test_without_its_database_nothing_is_lost_up_to_the_bound(tmp_path: Path) -> None:
    place = tmp_path / "gone"
    said: list[str] = []
    log = AnswerLog(AnswerSettings(f"sqlite:///{place}/answers.sqlite3"), said.append)
    log.add(answer(1), "shop")
    with pytest.raises(Exception, match="unable to open"):
        log.flush()
    place.mkdir()
    log.flush()
    assert log.get(f"{1:032x}", "shop") is not None
    log.close()


def test_a_batch_that_is_written_again_counts_once(log: AnswerLog) -> None:
    for _ in range(2):
        log.add(answer(1), "shop")
        log.flush()
    assert len(Records(log.settings).of_revision(DIGEST)) == 1


def test_nothing_is_recorded_where_none_is_to_be_kept(tmp_path: Path) -> None:
    log = AnswerLog(AnswerSettings.of(tmp_path, {"SEGLAM_ANSWERS": "0"}))
    log.add(answer(1), "shop")
    log.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("0" * 32, "0" * 32),
        ("chatcmpl-" + "ab" * 16, "ab" * 16),
        ("resp_" + "ab" * 16, "ab" * 16),
        (" " + "1" * 32 + "\n", "1" * 32),
        ("0" * 31, None),
        ("../" + "0" * 32, None),
        ("", None),
    ],
)
def test_ids_of_answers_as_apis_write_them(text: str, found: str | None) -> None:
    assert answer_id(text) == found


def test_settings_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="SEGLAM_ANSWERS is 'many'"):
        AnswerSettings.of(tmp_path, {"SEGLAM_ANSWERS": "many"})
