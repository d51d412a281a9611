"""The demonstration, on recordings of a scripted model."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.commands import ROOT, environment, run
from tests.compilations import scripted

ORIGIN = "written for the tests of the demonstration"
REQUEST = "Find the Greatest Common Divisor (GCD) of these numbers: 12, 18. Give only the GCD as your final answer."


def gcd(code: str) -> dict[str, Any]:
    """An author's reply for the family gcd."""
    return {
        "decision": "procedure",
        "procedure": {
            "name": "gcd-of-numbers",
            "summary": "The greatest common divisor of two whole numbers.",
            "parameters": [
                {"name": "a", "type": "integer", "minimum": "1", "maximum": "100000"},
                {"name": "b", "type": "integer", "minimum": "1", "maximum": "100000"},
            ],
            "returns": {"type": "integer", "description": "Digits only."},
            "patterns": [
                r"find the greatest common divisor \(gcd\) of these numbers: {a}, {b}."
                " give only the gcd as your final answer"
            ],
            "refuse": ["find the least common multiple of these numbers: {a}, {b}"],
            "code": code,
            "examples": [],
        },
    }


def implementation(code: str) -> dict[str, Any]:
    """A verifier's reply."""
    return {"readings": [], "code": code, "properties": None, "cases": []}


def recorded(directory: Path, author: str, verifier: str) -> Path:
    """Completions of one compilation; both pieces of code pass the gates together."""
    with scripted([gcd(author)], implementation(verifier)) as server:
        done = run(
            "compile", REQUEST, "--data-dir", str(directory / "data"), "--locale", "en-US",
            SEGLAM_MODEL="m", OPENAI_BASE_URL=server.url, SEGLAM_RECORD_DIR=str(directory / "recordings"),
            SEGLAM_RECORD_ORIGIN=ORIGIN,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return directory / "recordings"


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "examples/demo/run.py", *arguments],
        capture_output=True, text=True, cwd=ROOT, env=environment(), timeout=240, check=False,
    )  # fmt: skip


RIGHT = "import math\n\n\ndef solve(a, b):\n    return math.gcd(a, b)\n"
SLOW = "def solve(a, b):\n    return max(d for d in range(1, min(a, b) + 1) if a % d == 0 and b % d == 0)\n"
BOTH_WRONG = ("def solve(a, b):\n    return a + b\n", "def solve(a, b):\n    return b + a\n")


def test_the_curve_of_a_stream(tmp_path: Path) -> None:
    recordings = recorded(tmp_path, RIGHT, SLOW)
    done = demo("--count", "30", "--families", "gcd", "--slices", "3", "--recordings", str(recordings))
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split() for line in done.stdout.splitlines() if line.strip().startswith(("1-10", "11-20", "21-30"))]
    assert len(rows) == 6, "each slice once while it runs and once at the end"
    assert [row[1] for row in rows] == ["9", "10", "10"] * 2
    shown = " ".join(done.stdout.split())
    assert f"completions: {ORIGIN}" in shown
    assert "2.00 s" in shown and "is an assumption, 2 s" in shown
    assert re.search(r"watch it: http://127\.0\.0\.1:\d+/console/enter\?token=\S+&then=/console/operations", shown)
    assert done.stdout.splitlines()[-1].endswith("make demo ARGS=--stay")
    assert "locale en-US, as a team's gateway would set it" in shown
    assert "approved by 'demo-reviewer' without a person" in shown
    assert "miss What is the capital gain of Korea?" in shown
    assert "30 requests in" in shown and "29 hits, 1 model calls, 0 wrong answers of 29 judged" in shown


def test_a_wrong_answer_is_exit_code_1(tmp_path: Path) -> None:
    """What author and verifier misread alike passes the gates; the stream's own answers find it."""
    recordings = recorded(tmp_path, *BOTH_WRONG)
    done = demo("--count", "4", "--families", "gcd", "--recordings", str(recordings))
    assert done.returncode == 1
    assert done.stdout.count("wrong: gcd-1000-") == 3


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--recordings", "nowhere"), 3, "neither a model nor a recording"),
        (("--families", "nothing"), 2, "unknown families nothing"),
        (("--count", "0"), 2, "at least 1"),
    ],
)
def test_what_is_missing_is_told(arguments: tuple[str, ...], code: int, said: str) -> None:
    done = demo(*arguments)
    assert done.returncode == code and said in done.stderr and "Traceback" not in done.stderr
