from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from seglam.cli import app
from seglam.cli.exits import MEANINGS, CliError, Exit, table
from seglam.cli.files import atomic
from seglam.cli.output import Output, json_line, one_line, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"), ("São Tomé\n", "São Tomé\n"), ("a\x1b]0;x\x07b", "a\\x1b]0;x\\x07b"),
        ("\u202eabc", "\\u202eabc"), ("a\tb\rc", "a\\tb\\rc"), ("\ud800", "\\ud800"), ("\u2028", "\\u2028"),
    ],
)  # fmt: skip
def test_control_characters_are_made_visible(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_long_texts_are_cut_to_a_line() -> None:
    assert one_line("a\n b" * 100, 10) == "a ba ba..."
    assert len(visible("x" * 500, 300)) == 300


def test_json_is_one_line_with_numbers_as_given() -> None:
    line = json_line({"a": [Decimal("0.10"), 1, "x\ny"], "b": ("é",)})
    assert line.endswith("\n") and line.count("\n") == 1
    assert json.loads(line) == {"a": ["0.10", 1, "x\ny"], "b": ["é"]}


def test_json_steers_no_terminal_and_keeps_its_value() -> None:
    value = {"a\u202e": "b\x1b]0;x\x07\x9b\u200b\u2028", "plain": "São Tomé"}
    line = json_line(value)
    assert not set("\u202e\x1b\x07\x9b\u200b\u2028") & set(line) and "São Tomé" in line
    assert "\\u202e" in line and json.loads(line) == value


def test_nothing_but_json_is_printed_with_json(capsys: pytest.CaptureFixture[str]) -> None:
    out = Output(as_json=True)
    out.say("words", style="red")
    out.note("a remark")
    with out.progress("working", 3) as step:
        step.advance("more")
    out.json({"a": 1})
    captured = capsys.readouterr()
    assert captured.out == '{"a":1}\n' and "a remark" in captured.err and "\x1b" not in captured.err


def test_an_error_is_one_line_and_one_object() -> None:
    error = CliError("it is\nbroken", "mend it", Exit.DATA, where="x.yaml:3")
    assert error.line == "x.yaml:3: it is broken; mend it"
    assert error.as_json() == {
        "error": {"message": "it is\nbroken", "where": "x.yaml:3", "remedy": "mend it", "exit_code": 4}
    }


def test_every_exit_code_is_in_the_table_and_in_the_help() -> None:
    assert set(MEANINGS) == set(Exit)
    assert all(f"{code.value:>3}  {meaning}" in table() for code, meaning in MEANINGS.items())
    assert table() in app.EPILOG


def test_a_file_takes_its_name_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with atomic(path) as file:
        file.write(b"new")
        assert not path.exists()
    assert path.read_bytes() == b"new"


def test_a_file_that_fails_is_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), atomic(path) as file:
        file.write(b"half")
        raise ZeroDivisionError
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to(target)
    with atomic(link) as file:
        file.write(b"new")
    assert link.is_symlink() and target.read_bytes() == b"new"
