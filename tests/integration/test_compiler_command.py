"""Compiling a file of requests: recorded live, replayed without a model, with equal results."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from seglam.compiler.__main__ import main
from seglam.lookup import Hit
from seglam.procedures import Request, Revision, load_documents
from tests.compilations import index_of, procedure, scripted

REQUESTS = ["What is the sum of 3 and 4?", "compute the sum of 5 and 6", "add 7 and 8", "guess a number"]
ADD = {"decision": "extend", "extend": {"procedure": "sum-of-two", "patterns": ["add {a} and {b}"]}}
GUESS = {"decision": "not-compilable", "notCompilable": {"reason": "a guess", "patterns": ["guess a number"]}}


def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object
) -> tuple[int, list[Any]]:
    monkeypatch.setattr(sys, "argv", ["compile", *map(str, arguments)])
    code = main()
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_what_is_recorded_replays_to_the_same_procedures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    requests = tmp_path / "requests.jsonl"
    requests.write_text("".join(json.dumps({"text": text}) + "\n" for text in REQUESTS))
    recordings, live, replayed = tmp_path / "recordings", tmp_path / "live", tmp_path / "replayed"
    with scripted([procedure(), ADD, GUESS]) as server:
        for name, value in {
            "SEGLAM_MODEL": "m",
            "OPENAI_BASE_URL": server.url,
            "SEGLAM_RECORD_DIR": str(recordings),
            "SEGLAM_RECORD_ORIGIN": "a scripted test",
        }.items():
            monkeypatch.setenv(name, value)
        code, lines = run(monkeypatch, capsys, requests, "--procedures", live)
        asked = len(server.requests)
    assert code == 0
    assert [line["outcome"] for line in lines] == ["proposed", "hit", "extended", "not-compilable"]
    assert [line["answer"] for line in lines if "answer" in line] == ["7", "15", None]
    assert asked == 7  # a wording once, author three times, one implementation, contrasts, the further pattern
    monkeypatch.delenv("SEGLAM_MODEL")
    code, again = run(monkeypatch, capsys, requests, "--procedures", replayed, "--recordings", recordings)
    assert code == 0
    assert [(line["outcome"], line.get("answer")) for line in again] == [
        (line["outcome"], line.get("answer")) for line in lines
    ]
    texts = [(directory / "sum-of-two.yaml").read_text() for directory in (live, replayed)]
    assert texts[0] == texts[1]
    loaded, problems = load_documents(replayed)
    assert not problems and len(loaded) == 1
    found = index_of(loaded[0].document).find(Request(text="Add 1 and 2."))
    assert isinstance(found, Hit) and found.binding.revision.digest == Revision.of(loaded[0].document).digest


def test_a_request_on_standard_input_without_any_completion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("how high is the sky"))
    code, (line,) = run(monkeypatch, capsys, "-", "--procedures", tmp_path / "none")
    assert code == 1 and line["outcome"] == "no-completion" and line["calls"] == []
