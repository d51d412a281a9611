from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from examples.streams.__main__ import main
from examples.streams.capitals import WORDINGS, countries
from examples.streams.lines import Line
from examples.streams.mixture import ESSAY_FAMILIES, FAMILIES, check_seeds, line, near_miss, stream
from examples.streams.multiplications import WORDS

ROOT = Path(__file__).parents[3]
QUICK = ("capital", "multiplication", "csv_to_json", "pivot_table", "isomorphic_strings", "gcd", "time_intervals")


def run(*arguments: str, hash_seed: str = "0") -> str:
    return subprocess.run(
        [sys.executable, "-m", "examples.streams", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        check=True,
        encoding="utf-8",
    ).stdout


def test_a_seed_fixes_every_byte_in_every_process() -> None:
    arguments = ("--count", "150", "--seed", "5000", "--families", ",".join(QUICK))
    elsewhere = run(*arguments, hash_seed="1").splitlines()
    assert elsewhere == [json.dumps(made, ensure_ascii=False) for made in stream(150, 5000, QUICK)]


def test_seeds_differ() -> None:
    one, two = ([made["text"] for made in stream(60, seed, QUICK)] for seed in (5000, 6000))
    assert one != two


def test_an_item_does_not_depend_on_the_stream_it_is_in() -> None:
    for made in stream(80, 5000, QUICK, near_share=0.0):
        family, seed, index = made["id"].rsplit("-", 2)
        assert made == line(family, int(seed), int(index))


def test_every_family_makes_well_formed_lines() -> None:
    for family in FAMILIES:
        for index in range(6):
            made = line(family, 1000, index)
            check(made)
            assert made["family"] == family


def test_near_misses_are_well_formed_and_of_both_kinds() -> None:
    made = [near_miss(ESSAY_FAMILIES, 1000, index) for index in range(300)]
    for item in made:
        check(item)
    assert {"must_miss" in item for item in made} == {True, False}
    assert len({item["text"] for item in made}) > 100


def check(made: Line) -> None:
    keys = {"id", "family", "text", "inputs", "context", "expected", "compare", "accept", "must_miss", "defect"}
    assert set(made) <= keys
    assert made["text"].strip()
    assert (made["expected"] is None) == made.get("must_miss", False)
    for attached in made.get("inputs", {}).values():
        assert set(attached) == {"mediaType", "text"}
    assert json.loads(json.dumps(made)) == made


def test_families_follow_zipf_and_near_misses_their_share() -> None:
    counts = Counter(made["family"] for made in stream(4000, 5000, ("capital", "multiplication", "gcd"), 1.0, 0.1))
    near = counts.pop("near_miss")
    assert 300 < near < 500
    top, middle, last = (number for _, number in counts.most_common())
    assert 1.6 < top / middle < 2.5
    assert 2.4 < top / last < 3.8


def test_near_misses_need_a_family_of_the_essay() -> None:
    assert {made["family"] for made in stream(50, 5000, ("gcd",), near_share=1.0)} == {"gcd"}


@pytest.mark.parametrize(("seed", "count"), [(0, 1001), (999, 2), (-1, 1)])
def test_seeds_for_recording_and_measuring_do_not_mix(seed: int, count: int) -> None:
    with pytest.raises(ValueError, match=f"seed {seed}"):
        check_seeds(seed, count)
    with pytest.raises(ValueError, match=f"seed {seed}"):
        list(stream(count, seed))


@pytest.mark.parametrize(("seed", "count"), [(0, 1000), (999, 1), (1000, 100_000)])
def test_seeds_on_one_side_are_fine(seed: int, count: int) -> None:
    check_seeds(seed, count)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--exemplars", "--seed", "1000"], "exemplars use seeds under 1000, not 1000"),
        (["--exemplars", "--seed", "999"], "generator seed 1001"),
        (["--seed", "500"], "take fewer items"),
        (["--families", "gdc"], "unknown families gdc; known are capital"),
        (["--families", "gcd,gcd"], "named twice"),
        (["--count", "-1"], "not negative"),
        (["--near-misses", "3"], "from 0 to 1"),
    ],
)
def test_bad_usage_is_told(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert message in capsys.readouterr().err


def test_exemplars_are_a_handful_of_each_family(tmp_path: Path) -> None:
    out = tmp_path / "exemplars.jsonl"
    assert main(["--exemplars", "--families", "gcd,capital", "--per-family", "4", "--out", str(out)]) == 0
    made = [json.loads(text) for text in out.read_text("utf-8").splitlines()]
    assert [item["id"] for item in made] == [f"{family}-0-{n}" for family in ("gcd", "capital") for n in range(4)]
    assert [path.name for path in tmp_path.iterdir()] == ["exemplars.jsonl"]


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "stream.jsonl"
    out.write_text("old")

    def full(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("examples.streams.mixture.line", full)
    with pytest.raises(SystemExit, match="1"):
        main(["--count", "5", "--families", "gcd", "--out", str(out)])
    assert "disk full" in capsys.readouterr().err
    assert out.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["stream.jsonl"]


def test_usage_and_essay_families_do_not_import_the_library() -> None:
    code = (
        "import sys; import examples.streams.__main__; from examples.streams.mixture import stream;"
        "list(stream(20, 1000, ('capital', 'pivot_table')));"
        "sys.exit('reasoning_gym' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_no_name_means_two_countries() -> None:
    names = Counter(name for country in countries() for language in country.names for name in country.names[language])
    repeated = {name for name, number in names.items() if number > 1}
    for name in repeated:  # the same words in two languages ("de Angola") still mean one country
        assert sum(any(name in names for names in country.names.values()) for country in countries()) == 1
    contested = {"Congo", "Georgia", "South Africa", "Bolivia", "Macedonia"}
    assert not contested & set(names)
    assert next(country for country in countries() if "Korea" in country.names["en"]).capital == "Seoul"


def test_tables_are_complete() -> None:
    assert len(countries()) > 170
    assert all(country.capital and country.names["en"] and country.names["de"] for country in countries())
    assert {len(names) for names in WORDS.values()} == {21}
    assert all("{of}" in text or "{whose}" in text for texts in WORDINGS.values() for text in texts)
