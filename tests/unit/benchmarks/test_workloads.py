"""Workloads: their streams, what counts as right, and a few requests through the loop."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest

from benchmarks.near_miss.served import PROCEDURES
from benchmarks.workloads import controls, gsm_symbolic, shopping, text2sql
from benchmarks.workloads.__main__ import main
from benchmarks.workloads.measure import interval, is_right, ours, reply_of, shares
from benchmarks.workloads.stream import DataProblem, Line, Source


def source(content: bytes) -> Source:
    return Source("a/b", "c0ffee", "data/goals.json", "MIT", hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize("place", ["goals.json", "data/goals.json"])
def test_data_is_found_in_its_directory_or_in_a_copy_of_the_repository(place: str, tmp_path: Path) -> None:
    path = tmp_path / place
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"[]")
    assert source(b"[]").find(tmp_path) == path
    with pytest.raises(DataProblem, match="not "):
        source(b"{}").find(tmp_path)


def test_missing_data_says_where_it_is_to_be_had(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gsm8k", "--data", str(tmp_path)]) == 2
    assert "github.com/openai/grade-school-math at 3101c7d" in capsys.readouterr().err
    with pytest.raises(DataProblem, match="needs human_goals"):
        shopping.items(None)


def test_authors_and_measurements_share_no_seed() -> None:
    with pytest.raises(ValueError, match="for measurements"):
        gsm_symbolic.exemplar(0, 1000)
    with pytest.raises(ValueError, match="for recording"):
        gsm_symbolic.stream(999, 1)


def test_gsm_symbolic_is_the_librarys_stream() -> None:
    stream = gsm_symbolic.stream(1000, 40)
    assert stream.facts["templates"] == 85
    assert [line["id"] for line in stream.lines[:2]] == ["gsm-1000-0", "gsm-1000-1"]
    shown = gsm_symbolic.exemplar(72, 0)
    same = next(line for line in stream.lines if line["family"] == shown["family"])
    assert re.sub(r"\d+", "0", same["text"]).split()[-9:] == re.sub(r"\d+", "0", shown["text"]).split()[-9:]
    assert len({line["text"] for line in stream.lines}) == 40


def test_a_fraction_that_the_generator_drops_is_put_back() -> None:
    walks = [gsm_symbolic.exemplar(60, seed) for seed in range(12)]
    for walk in walks:
        _, slow, fast, minutes, _ = map(int, re.findall(r"\d+", walk["text"]))
        assert float(walk["expected"]) == minutes + fast * minutes / slow / 2
    assert any(walk["expected"].endswith(".5") for walk in walks)
    for purse in (gsm_symbolic.exemplar(99, seed) for seed in range(12)):
        cash, count, price = map(Decimal, re.findall(r"\d+(?:\.\d+)?", purse["text"]))
        assert Decimal(purse["expected"]) == cash - count * price
    for letters in (gsm_symbolic.exemplar(3, seed) for seed in range(12)):
        pals, lost, *each = map(int, re.findall(r"\d+", letters["text"]))
        assert float(letters["expected"]) == pytest.approx((pals - lost) * each[0] * each[1] * each[2] / 60)


def test_shopping_requests_state_what_they_ask() -> None:
    items = [f"a lamp of kind {number}" for number in range(50)]
    made = list(shopping.requests(items, 3, 50, shopping.VARIED))
    assert {line["expected"]["item"] for line in made} == set(items)
    assert len({line["text"].replace(line["expected"]["item"], "") for line in made}) > 30
    for line in made:
        assert line["expected"]["item"] in line["text"]
        assert f"{line['expected']['max_price']:.2f}" in line["text"]


def test_a_question_is_judged_by_what_its_query_returns(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "db") as database:
        database.execute("create table city (name text, state text)")
        database.executemany("insert into city values (?, ?)", [("a", "x"), ("b", "x"), ("c", "y")])
        assert (
            text2sql._result(database, "select name from city where state = 'x' order by name desc") == '[["a"], ["b"]]'
        )
        assert text2sql._result(database, "select nothing") is None
    assert text2sql._filled("number1 of number10", {"number1": "7", "number10": "8"}) == "7 of 8"


def test_ceilings_count_what_came_before() -> None:
    asked = [text2sql._Asked(*each) for each in (("a 1", "a n", "K", "K1"), ("a 2", "a n", "K", "K2"),
                                                 ("b 1", "b n", "K", "K1"), ("a 1", "a n", "K", "K1"))]  # fmt: skip
    assert text2sql.ceilings(asked) == {"ceiling_exact": 0.25, "ceiling_wording": 0.5, "ceiling_type": 0.75}


@pytest.mark.parametrize(
    ("line", "answer", "correct"),
    [
        ({"text": "q", "intent": "weather"}, "weather", True),
        ({"text": "q", "intent": "weather"}, "alarm", False),
        ({"text": "q", "must_miss": True}, "the reply to q", True),
        ({"text": "q", "must_miss": True}, "the reply to p", False),
        ({"text": "q", "expected": "7", "compare": "number"}, "7.0", True),
        (
            {"text": "q", "expected": {"item": "a", "price": 1.5}, "compare": "json"},
            '{"price": 1.50, "item": "a"}',
            True,
        ),
        (
            {"text": "q", "expected": {"item": "a", "price": 1.5}, "compare": "json"},
            '{"price": 1.50, "item": "b"}',
            False,
        ),
    ],
)
def test_a_caches_answer_is_right_if_it_is_the_requests_own(line: Line, answer: str, correct: bool) -> None:
    assert is_right(line, answer) is correct
    assert is_right(line, reply_of(line))


@pytest.mark.parametrize(("events", "trials", "found"), [(0, 10, [0.0, 0.308497]), (5, 10, [0.187086, 0.812914])])
def test_intervals_are_clopper_and_pearsons(events: int, trials: int, found: list[float]) -> None:
    assert interval(events, trials) == pytest.approx(found, abs=2e-6)
    assert interval(0, 0) is None


def test_foreign_requests_miss_and_own_ones_are_judged(tmp_path: Path) -> None:
    shutil.copy(PROCEDURES / "greatest-common-divisor.yaml", tmp_path)
    lines: list[Line] = [
        {"id": 1, "text": "What is the greatest common divisor of 12 and 18?", "expected": "6", "compare": "number"},
        {"id": 2, "text": "What is the greatest common divisor of 12 and 18?", "expected": "5", "compare": "number"},
        {"id": 3, "text": "how would you say fly in italian", "must_miss": True},
    ]
    found = ours(lines, tmp_path, None)
    counted = shares(found.records)
    assert (counted.requests, counted.hits, counted.judged, counted.wrong) == (3, 2, 2, 1)
    assert found.wrong[0]["answer"] == "6"
    assert [each.metadata.name for each in found.active] == ["greatest-common-divisor"]


def test_a_stream_can_be_written_for_replay(tmp_path: Path) -> None:
    out = tmp_path / "log.jsonl"
    assert main(["gsm_symbolic", "--count", "5", "--out", str(out)]) == 0
    assert [set(json.loads(line)) for line in out.read_text().splitlines()] == [
        {"id", "family", "text", "expected", "compare"}
    ] * 5


def test_controls_name_their_licences() -> None:
    assert {each.licence for each in (controls.CLINC, controls.GSM8K, *controls.IRRELEVANCE)} == {
        "CC BY 3.0", "MIT", "Apache-2.0"
    }  # fmt: skip
