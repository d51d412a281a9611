"""What the benchmarks rest on: quantiles, interleaved rounds, reports, and procedures whose requests are known."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.__main__ import BENCHMARKS, main
from benchmarks.corpus import Corpus
from benchmarks.report import Report, shown
from benchmarks.timing import NOISE, Series, interleave, quantile
from seglam.lookup import Hit, Index, Miss
from seglam.procedures import Request


@pytest.mark.parametrize(
    ("share", "value"), [(0.0, 1.0), (0.01, 1.0), (0.5, 50.0), (0.501, 51.0), (0.99, 99.0), (1.0, 100.0)]
)
def test_a_quantile_is_the_smallest_value_that_the_share_does_not_exceed(share: float, value: float) -> None:
    assert quantile([float(number) for number in range(100, 0, -1)], share) == value


def test_ratios_compare_within_a_round() -> None:
    slow, floor = Series([[10.0], [200.0], [30.0]]), Series([[1.0], [10.0], [3.0]])
    assert slow.ratio(floor) == 10.0
    assert slow.at(0.5) == 30.0
    assert slow.longest == 200.0
    assert floor.spread == 9.0


def test_rounds_interleave_subjects_and_measure_the_noise_beside_them() -> None:
    order: list[str] = []

    def subject(name: str) -> list[float]:
        order.append(name)
        return [1.0]

    series = interleave({"a": lambda: subject("a"), "b": lambda: subject("b")}, 3)
    assert order == ["a", "b", "b", "a", "a", "b"]
    assert {name: len(times.rounds) for name, times in series.items()} == {"a": 3, "b": 3, NOISE: 3}


def test_a_report_says_what_was_reached_and_is_kept_whole(tmp_path: Path) -> None:
    report = Report("some", noise=0.1)
    report.add("fast", 12.34, "us", 3.0, "floor", aim=20)
    report.add("slow", 1234.5, "us", aim=20)
    table = report.table()
    assert "20.0 reached" in table and "20.0 missed" in table and "1,234" in table
    kept = json.loads(report.write({"date": "today"}, tmp_path).read_text())
    assert kept["date"] == "today"
    assert kept["measures"][0] == {
        "name": "fast", "value": 12.34, "unit": "us", "ratio": 3.0, "of": "floor", "aim": 20
    }  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["some.json"]


def test_figures_are_short() -> None:
    assert [shown(value) for value in (None, 0.126, 12.34, 123.4, 12345.6)] == ["", "0.13", "12.3", "123", "12,346"]


def test_the_requests_of_a_corpus_hit_and_those_with_a_word_more_miss() -> None:
    corpus = Corpus(60)
    assert corpus.patterns == 60
    index = Index()
    for revision in corpus.revisions:
        index.add(revision)
    requests = corpus.requests(100, seed=2)
    assert len(set(requests)) == 100
    assert sum(isinstance(index.find(Request(text=text)), Hit) for text in requests) >= 98
    assert sum(isinstance(index.find(Request(text=text)), Miss) for text in corpus.misses(50, seed=3)) >= 48
    assert Corpus(60).requests(5, seed=2) == requests[:5]


def test_an_unknown_benchmark_is_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["speed"])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "there is no benchmark 'speed'; there are " in said
    assert all(name in said for name in BENCHMARKS)
