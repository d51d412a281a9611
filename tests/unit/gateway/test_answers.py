"""The record of answers: what it keeps, how much of it, for whom, and what it does without its database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from seglam.gateway.answers import AnswerLog, AnswerSettings, Records, answer_id
from seglam.gateway.outcomes import Answer, Outcome, Stage
from tests.postgres import Postgres

DIGEST = "sha256:" + "a" * 64


def answer(number: int, **more: object) -> Answer:
    made = {"procedure": "double", "revision": DIGEST, "answer": "what was answered", **more}
    return Answer(f"{number:032x}", Outcome.HIT, Stage.RUN, **made)  # type: ignore[arg-type]


def logging(tmp_path: Path, url: str = "") -> AnswerLog:
    given = {"SEGLAM_ANSWERS": "3", "SEGLAM_ANSWERS_RATE": "5", "SEGLAM_LEDGER_URL": url}
    return AnswerLog(AnswerSettings.of(tmp_path, given))


@pytest.fixture(params=["sqlite", "postgresql"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AnswerLog]:
    """A record in a file, and in a PostgreSQL."""
    url = request.getfixturevalue("postgres").create() if request.param == "postgresql" else ""
    made = logging(tmp_path, url)
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


def test_what_an_older_release_made_is_read_and_gets_its_new_column(log: AnswerLog, tmp_path: Path) -> None:
    """An older replica goes on beside it: what it does not know may be missing."""
    log.add(answer(1), "shop")
    log.flush()

    def shrink(connection: Connection) -> None:
        connection.execute(text("ALTER TABLE answers DROP COLUMN near"))
        connection.commit()

    log.read(shrink)
    found = Records(log.settings).get(f"{1:032x}")
    assert found is not None and found.near is None
    later = AnswerLog(log.settings)
    later.add(answer(2, near="halve"), "shop")
    later.close()
    assert [each.near for each in Records(log.settings).of_revision(DIGEST)] == ["halve", None]


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


def test_what_is_too_old_goes(log: AnswerLog) -> None:
    log.add(answer(1), "shop")
    log.flush()

    def age(connection: Connection) -> None:
        connection.execute(text("UPDATE answers SET at = at - 31 * CAST(86400000000 AS BIGINT)"))
        connection.commit()

    log.read(age)
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


def test_replicas_share_one_record_from_their_start(postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.create()
    logs = [logging(tmp_path, url) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        for number, log in enumerate(logs):
            log.add(answer(number), "shop")
        for done in [threads.submit(log.flush) for log in logs]:  # each makes the tables if nobody did
            done.result()
    for log in logs:
        assert [log.get(f"{number:032x}", "shop") is not None for number in range(4)] == [True] * 4
        log.close()


def test_a_database_that_does_not_answer_keeps_nobody_waiting_for_long(tmp_path: Path) -> None:
    said: list[str] = []
    log = AnswerLog(AnswerSettings("postgresql://seglam:secret@127.0.0.1:1/ledger"), said.append)
    log.add(answer(1), "shop")
    assert log.get(f"{1:032x}", "shop") is not None, "what waits is known all the same"
    log.close()
    assert "1 answers are not recorded" in said[-1] and "secret" not in "".join(said)


def test_nothing_is_recorded_where_none_is_to_be_kept(tmp_path: Path) -> None:
    log = AnswerLog(AnswerSettings.of(tmp_path, {"SEGLAM_ANSWERS": "0"}))
    log.add(answer(1), "shop")
    log.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("written", "found"),
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
def test_ids_of_answers_as_apis_write_them(written: str, found: str | None) -> None:
    assert answer_id(written) == found


def test_settings_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="SEGLAM_ANSWERS is 'many'"):
        AnswerSettings.of(tmp_path, {"SEGLAM_ANSWERS": "many"})
