from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from seglam.cli.asking import request_of
from seglam.cli.choosing import chosen
from seglam.cli.exits import CliError, Exit
from seglam.cli.loop import counted
from seglam.cli.report import NO_CALLS
from seglam.gateway.store import CallRow


def test_a_request_of_everything(tmp_path: Path) -> None:
    table, note = tmp_path / "Stock.CSV", tmp_path / "note"
    table.write_text("a,b\n1,2\n", encoding="utf-8")
    note.write_text("é", encoding="utf-8")
    request = request_of("x", None, [table, note], "2026-04-01T09:00:00Z", "en-US")
    assert request.text == "x" and request.region == "US" and request.context["now"] == "2026-04-01T09:00:00Z"
    assert request.inputs["Stock.CSV"].media_type == "text/csv" and request.inputs["note"].media_type == "text/plain"
    assert request.inputs["note"].text == "é"


def test_numbers_of_a_value_are_exact() -> None:
    assert request_of(None, '{"a": 0.10}', None, None, None).value == {"a": Decimal("0.10")}


@pytest.mark.parametrize(
    ("text", "value", "said"),
    [
        (None, None, "there is no request"), ("x", "{}", "a text and a value"), (None, "{", "no JSON"),
        ("a\udcff", None, "character 1 is not UTF-8"), (None, "[" * 100_000, "no JSON"),
    ],
)  # fmt: skip
def test_what_is_no_request(text: str | None, value: str | None, said: str) -> None:
    with pytest.raises(CliError) as caught:
        request_of(text, value, None, None, None)
    assert said in str(caught.value) and caught.value.code is Exit.USAGE and caught.value.remedy


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"a\xff")
    with pytest.raises(CliError, match="byte 1 is not UTF-8"):
        request_of("x", None, [path], None, None)
    with pytest.raises(CliError, match="cannot be read"):
        request_of("x", None, [tmp_path / "none"], None, None)


KNOWN = {"sha256:aa11": "gcd", "sha256:aa22": "lcm", "sha256:bb33": "gcd"}


@pytest.mark.parametrize(
    ("wanted", "found"),
    [("sha256:aa11", "sha256:aa11"), ("bb", "sha256:bb33"), ("lcm", "sha256:aa22"), ("gcd", "sha256:bb33")],
)
def test_a_revision_is_named_by_digest_beginning_or_name(wanted: str, found: str) -> None:
    assert chosen(wanted, KNOWN) == found


@pytest.mark.parametrize(
    ("wanted", "said"), [("aa", "2 revisions"), ("cc", "no such"), ("", "no such"), ("sha256:", "no such")]
)
def test_a_revision_that_is_not_clear_is_an_error(wanted: str, said: str) -> None:
    with pytest.raises(CliError, match=said):
        chosen(wanted, KNOWN)


def call(role: str, purpose: str, recording: str | None = None) -> CallRow:
    return CallRow(
        compilation="c", number=0, role=role, purpose=purpose, model="m", prompt_digest="d", input_tokens=10,
        output_tokens=1, elapsed_ms=1.0, recording=recording,
    )  # fmt: skip


def test_calls_are_counted_by_who_was_asked_for_what() -> None:
    rows = [call("author", "author", "r"), call("author", "repair"), call("verifier", "implementation", "r")]
    found = counted([*rows, call("verifier", "contrasts")])
    assert (found.author, found.repair, found.verifier, found.recorded, found.compiling) == (1, 1, 2, 2, 2)
    assert (found.input_tokens, found.output_tokens) == (40, 4)
    assert counted([]) == NO_CALLS
