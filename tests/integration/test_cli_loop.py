"""The loop through `seglam`: compile with a model, review, ask, and replay what was recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.commands import MULTIPLICATION, run, serving, write
from tests.compilations import SUM, procedure, scripted

NOT_COMPILABLE = {
    "decision": "not-compilable",
    "notCompilable": {
        "reason": "the text states no shift",
        "patterns": ["decrypt this caesar cipher text: {cipher}"],
        "parameters": [{"name": "cipher", "type": "list[word]"}],
    },
}
ORIGIN = "written for the tests of the command line"


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def without_times(decisions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: v for k, v in line.items() if k not in ("lookup_us", "run_us")} for line in decisions]


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Completions of a scripted model, recorded by `seglam compile`."""
    directory = tmp_path_factory.mktemp("recordings")
    with scripted([procedure()]) as server:
        done = run(
            "compile", SUM, "--json", "--data-dir", str(tmp_path_factory.mktemp("recorded-data")),
            SEGLAM_MODEL="m", OPENAI_BASE_URL=server.url, SEGLAM_RECORD_DIR=str(directory), SEGLAM_RECORD_ORIGIN=ORIGIN,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert {path.parent.name for path in directory.glob("*/*.json")} == {"author", "verifier"}
    return directory


@pytest.fixture
def log(tmp_path: Path) -> Path:
    requests: list[dict[str, Any]] = [
        {"id": "first", "text": SUM, "expected": "7", "family": "sum"},
        {"id": 2, "text": "compute the sum of 20 and 30", "expected": 50, "family": "sum"},
        {"id": "other", "text": "What is the difference of 3 and 4?", "expected": "-1", "family": "difference"},
        {"id": "again", "text": "What is the sum of 5 and 6?", "expected": "11", "family": "sum"},
    ]
    return write(tmp_path / "log.jsonl", "".join(json.dumps(each) + "\n" for each in requests))


def test_a_log_is_compiled_once_and_hit_ever_after(tmp_path: Path, log: Path, recordings: Path) -> None:
    out = tmp_path / "decisions.jsonl"
    done = run("replay", str(log), "--out", str(out), "--recordings", str(recordings), "--families", "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["requests"], summary["hits"], summary["wrong"]) == (4, 2, 0)
    assert summary["approved_as"] == "replay"
    assert summary["misses_by_reason"] == {"no-completion": 1, "unknown": 1}
    model = summary["model"]
    assert (model["author_calls"], model["repair_calls"], model["verifier_calls"], model["recorded"]) == (1, 0, 2, 3)
    assert model["input_tokens"] == 300 and model["output_tokens"] == 60
    assert summary["families"]["sum"]["after_first_call"]["answerable_hit_rate"] == 1.0
    first, second, other, again = lines(out)
    assert list(first) == ["id", "outcome", "reason", "procedure", "revision", "arguments", "answer", "stage",
                           "lookup_us", "run_us", "model_calls"]  # fmt: skip
    assert (first["outcome"], first["model_calls"], first["answer"]) == ("miss", 1, "7")
    assert second["id"] == 2 and second["outcome"] == "hit" and second["answer"] == "50"
    assert second["arguments"] == {"a": "20", "b": "30"} and second["procedure"] == "sum-of-two"
    assert set(other) == {"id", "outcome", "reason", "stage", "lookup_us", "run_us", "model_calls"}
    assert (other["outcome"], other["reason"], other["model_calls"]) == ("miss", "no-completion", 0)
    assert again["outcome"] == "hit" and again["answer"] == "11"


def test_two_replays_differ_in_times_only(tmp_path: Path, log: Path, recordings: Path) -> None:
    results = []
    for name, hashing in (("a", "1"), ("b", "2")):
        out = tmp_path / name
        done = run(
            "replay", str(log), "--out", str(out), "--recordings", str(recordings), "--json", "--seed-order", "5",
            PYTHONHASHSEED=hashing,
        )  # fmt: skip
        summary = json.loads(done.stdout)
        assert summary.pop("latency_us")
        results.append((done.returncode, summary, without_times(lines(out))))
    assert results[0] == results[1]
    assert [line["id"] for line in results[0][2]] != ["first", 2, "other", "again"]


def test_another_wording_is_learned_or_not(tmp_path: Path) -> None:
    texts = (SUM, "add 5 and 6", "add 20 and 30")
    log = write(tmp_path / "log.jsonl", "".join(json.dumps({"id": text, "text": text}) + "\n" for text in texts))
    refused = {"decision": "not-compilable", "notCompilable": {"reason": "no code of its own", "patterns": []}}
    alias = {"procedure": "sum-of-two", "patterns": ["(add|put together) {a} and {b}"]}
    outcomes = {}
    for options in ((), ("--no-aliases",)):
        out = tmp_path / "decisions.jsonl"
        with scripted([procedure(), refused], alias=alias) as server:
            done = run(
                "replay", str(log), "--out", str(out), "--json", *options,
                SEGLAM_MODEL="m", OPENAI_BASE_URL=server.url,
            )  # fmt: skip
        summary = json.loads(done.stdout)
        assert summary["aliases"] is not bool(options)
        outcomes[options] = [line["outcome"] for line in lines(out)]
    assert outcomes == {(): ["miss", "miss", "hit"], ("--no-aliases",): ["miss", "miss", "miss"]}


def test_proposals_wait_where_nobody_approves(tmp_path: Path, recordings: Path) -> None:
    log = write(tmp_path / "log.jsonl", json.dumps({"id": 1, "text": SUM, "expected": "7"}))
    out = tmp_path / "decisions.jsonl"
    done = run(
        "replay", str(log), "--out", str(out), "--recordings", str(recordings), "--no-approve", "--json",
        "--data-dir", str(tmp_path / "data"),
    )  # fmt: skip
    summary = json.loads(done.stdout)
    assert summary["approved_as"] is None and summary["hits"] == 0
    assert lines(out)[0]["outcome"] == "provisional" and lines(out)[0]["answer"] == "7"
    listed = run("review", "list", "--json", "--data-dir", str(tmp_path / "data"))
    assert [json.loads(line)["name"] for line in listed.stdout.splitlines()] == ["sum-of-two"]


def test_a_review_from_proposal_to_hit(tmp_path: Path, recordings: Path) -> None:
    store = ("--data-dir", str(tmp_path / "data"))
    compiled = run("compile", SUM, "--json", "--recordings", str(recordings), *store)
    content = json.loads(compiled.stdout)
    assert compiled.returncode == 0 and content["outcome"] == "proposed"
    assert [each["gate"] for each in content["evidence"] if each["passed"]] == [
        "static", "examples", "differential", "match", "agreement",
    ]  # fmt: skip
    assert all(ORIGIN in call["recording"] for call in content["calls"])

    asked = run("ask", "What is the sum of 3 and 9?", "--only-if-cached", *store)
    assert asked.returncode == 1 and asked.stdout == "" and asked.stderr.startswith("miss")

    shown = run("review", "show", content["digest"][:20], *store)
    assert shown.returncode == 0
    for part in ("sum-of-two  Proposed", "return a + b", "the sum of {a} and {b}", "passed  differential"):
        assert part in shown.stdout

    requester = json.loads(run("review", "show", content["digest"], "--json", *store).stdout)["authors"][0]
    own = run("review", "approve", content["digest"], "--as", requester, "--reason", "mine", *store)
    assert own.returncode == 1 and "is an author of this revision" in own.stderr and own.stderr.count("\n") == 1

    approved = run("review", "approve", content["digest"], "--as", "ada", "--reason", "read it", "--json", *store)
    assert approved.returncode == 0 and json.loads(approved.stdout)["state"] == "Active"

    asked = run("ask", "What is the sum of 3 and 9?", *store)
    assert (asked.returncode, asked.stdout) == (0, "12\n") and asked.stderr.startswith("hit sum-of-two")
    explained = run("explain", "What is the sum of 3 and 9?", "--json", *store)
    assert json.loads(explained.stdout)["arguments"] == [
        {"name": "a", "type": "integer", "value": "3"}, {"name": "b", "type": "integer", "value": "9"},
    ]  # fmt: skip

    exported = run("procedures", "export", "--dir", str(tmp_path / "out"), *store)
    assert exported.returncode == 0 and exported.stdout == f"{tmp_path}/out/sum-of-two.yaml\n"
    assert run("procedures", "test", str(tmp_path / "out")).returncode == 0
    saved = json.loads(run("savings", "--json", *store).stdout)
    assert saved["notSpent"]["modelCalls"] == 1 and saved["counts"]["hits"] == 1

    rejected = run("review", "reject", content["digest"], "--as", "ada", "--reason", "no", *store)
    assert rejected.returncode == 1 and "the revision is Active" in rejected.stderr


def test_a_running_server_takes_decisions(tmp_path: Path, recordings: Path) -> None:
    with serving(tmp_path / "data", "--recordings", str(recordings)) as (url, _):
        provisional = run("ask", SUM, "--server", url)
        assert (provisional.returncode, provisional.stdout) == (0, "7\n") and "provisional" in provisional.stderr
        (waiting,) = [json.loads(line) for line in run("review", "list", "--json", "--server", url).stdout.splitlines()]
        shown = run("review", "show", "sum-of-two", "--server", url)
        assert "passed  differential" in shown.stdout and "return a + b" in shown.stdout
        decision = ("--as", "anonymous", "--reason", "mine", "--server", url)
        own = run("review", "approve", waiting["digest"], *decision)
        assert own.returncode == 1 and "is an author of this revision" in own.stderr
        done = run("review", "approve", waiting["digest"][:15], "--as", "ada", "--reason", "read", "--server", url)
        assert (done.returncode, done.stdout) == (0, f"sum-of-two {waiting['digest'][:19]} is Active\n")
        assert run("ask", "What is the sum of 3 and 9?", "--server", url).stderr.startswith("hit sum-of-two")


def test_a_type_that_no_code_can_answer_is_not_asked_about_again(tmp_path: Path) -> None:
    text = "Decrypt this Caesar cipher text: SWO SEPD ZN"
    with scripted([NOT_COMPILABLE]) as server:
        first = run(
            "compile", text, "--json", "--data-dir", str(tmp_path), SEGLAM_MODEL="m", OPENAI_BASE_URL=server.url
        )
        second = run("compile", text, "--data-dir", str(tmp_path), SEGLAM_MODEL="m", OPENAI_BASE_URL=server.url)
        asked = len(server.requests)
    assert first.returncode == 1 and json.loads(first.stdout)["outcome"] == "not-compilable"
    assert second.returncode == 1 and "the text states no shift" in second.stdout
    assert asked == 1


def test_without_a_model_a_compilation_has_nobody_to_ask(tmp_path: Path) -> None:
    done = run("compile", SUM, "--data-dir", str(tmp_path))
    assert done.returncode == 3 and "neither a model nor a recording" in done.stdout


def test_a_model_that_is_down_is_a_clear_outcome(tmp_path: Path) -> None:
    done = run(
        "compile", SUM, "--json", "--data-dir", str(tmp_path), SEGLAM_MODEL="m", OPENAI_BASE_URL="http://127.0.0.1:9/v1"
    )
    assert done.returncode == 3 and json.loads(done.stdout)["outcome"] == "model-failed"


def test_code_that_a_gate_rejects_is_shown_with_its_evidence(tmp_path: Path) -> None:
    with scripted([procedure(code="def solve(a, b):\n    return a - b\n")]) as server:
        done = run("compile", SUM, "--data-dir", str(tmp_path), SEGLAM_MODEL="m", OPENAI_BASE_URL=server.url)
    assert done.returncode == 1 and done.stdout.startswith("rejected: ") and "failed  examples" in done.stdout


def test_replay_without_calling_a_model(tmp_path: Path) -> None:
    procedures = write(tmp_path / "m.yaml", MULTIPLICATION)
    requests = [
        {"id": 1, "text": "What is 12 times 7?", "expected": "84"},
        {"id": 2, "text": "12 times 8", "expected": 97},
        {"id": 3, "text": "12 plus 7", "must_miss": True},
        {"id": 4, "text": "2 times 8", "must_miss": True},
        {"id": 5, "text": "3 times 8", "expected": "24.0", "compare": "number", "defect": {"rule": "r"}},
        {"id": 6, "text": "4 times 8", "expected": "x", "accept": ["32"]},
        {"id": 7, "text": "5 times 8"},
    ]
    log = write(tmp_path / "log.jsonl", "".join(json.dumps(each) + "\n" for each in requests))
    out = tmp_path / "out"
    arguments = ("replay", str(log), "--out", str(out), "--procedures", str(procedures), "--only-if-cached")
    done = run(*arguments, "--json")
    summary = json.loads(done.stdout)
    assert done.returncode == 1
    assert (summary["hits"], summary["wrong"], summary["judged_hits"], summary["noted_defects"]) == (6, 2, 5, 1)
    assert [(each["id"], each["answer"], each["expected"], each["must_miss"]) for each in summary["wrong_answers"]] == [
        (2, "96", 97, False), (4, "16", None, True),
    ]  # fmt: skip
    assert summary["completions"] == "no model was asked"
    shown = run(*arguments)
    assert "line 2: multiplication answered '96', expected 97" in shown.stdout
    assert "wrong answers: 2 of 5 hits" in shown.stdout


@pytest.fixture
def bad(tmp_path: Path) -> Iterator[Path]:
    yield write(tmp_path / "bad.jsonl", '{"id": 1, "text": "x"}\n{\n{"id": 3, "text": "\\ud800"}\n{"id": 4}\n')


def test_bad_lines_are_told_and_skipped(tmp_path: Path, bad: Path) -> None:
    out = tmp_path / "out"
    done = run("replay", str(bad), "--out", str(out), "--only-if-cached", "--json")
    summary = json.loads(done.stdout)
    assert done.returncode == 5 and summary["requests"] == 1 and summary["bad_lines"] == 3
    assert [each["line"] for each in summary["bad_line_problems"]] == [2, 3, 4]
    assert len(lines(out)) == 1


def test_what_cannot_be_written_leaves_the_old_file(tmp_path: Path, bad: Path) -> None:
    out = write(tmp_path / "out", "old\n")
    missing = run("replay", str(tmp_path / "none.jsonl"), "--out", str(out), "--only-if-cached")
    assert missing.returncode == 4 and "cannot be read" in missing.stderr
    faulty = write(tmp_path / "faulty.yaml", MULTIPLICATION.replace("{a}", "{c}"))
    stopped = run("replay", str(bad), "--out", str(out), "--only-if-cached", "--procedures", str(faulty))
    assert stopped.returncode == 4 and f"{faulty}:" in stopped.stderr and stopped.stderr.count("\n") == 1
    nowhere = run("replay", str(bad), "--out", str(tmp_path / "none" / "out"), "--only-if-cached")
    assert nowhere.returncode == 4 and "cannot be written" in nowhere.stderr
    assert out.read_text(encoding="utf-8") == "old\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.jsonl", "faulty.yaml", "out"]


def test_a_recording_that_cannot_be_read_is_named(tmp_path: Path, bad: Path) -> None:
    (tmp_path / "author").mkdir()
    write(tmp_path / "author" / "x.json", "{")
    done = run("replay", str(bad), "--out", str(tmp_path / "out"), "--recordings", str(tmp_path))
    assert done.returncode == 4 and "author/x.json" in done.stderr and done.stderr.count("\n") == 1
