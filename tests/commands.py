"""Running `seglam` as its users do, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = ("OPENAI_", "OTEL_", "SEGLAM_", "NO_COLOR", "FORCE_COLOR", "XDG_DATA_HOME")

MULTIPLICATION = """\
apiVersion: seglam.dev/v1alpha1
kind: ReasoningProcedure
metadata:
  name: multiplication
spec:
  summary: The product of two decimal numbers.
  parameters:
    - name: a
      type: decimal
    - name: b
      type: decimal
  returns:
    type: decimal
  match:
    patterns:
      - text: "[what is] {a} (times|x) {b}"
    refuse:
      - "{a} plus {b}"
  code: |
    def solve(a, b):
      return a * b
  examples:
    - request: What is 12 times 7?
      arguments:
        - name: a
          value: "12"
        - name: b
          value: "7"
      answer: "84"
"""


def environment(**more: str) -> dict[str, str]:
    """This environment without settings that would change what is tested."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(SETTINGS) or name == "SEGLAM_ENGINE_DIR"
    }
    return {**kept, **more}


def run(
    *arguments: str, stdin: str | None = None, timeout: float = 240, **more: str
) -> subprocess.CompletedProcess[str]:
    """`seglam ARGUMENTS` with environment variables by keyword."""
    return subprocess.run(
        [sys.executable, "-m", "seglam.cli.app", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment(**more),
        timeout=timeout,
        check=False,
    )


@contextmanager
def serving(data: Path, *options: str, **more: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """`seglam serve` on a free port until the block ends, with variables by keyword: address and process."""
    command = [sys.executable, "-m", "seglam.cli.app", "serve", "--json", "--port", "0", "--data-dir", str(data)]
    process = subprocess.Popen(
        [*command, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(**more),
        cwd=ROOT,
    )
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["url"], process
    finally:
        process.kill()
        process.communicate()


def write(path: Path, text: str) -> Path:
    """A file with this text."""
    path.write_text(text, encoding="utf-8")
    return path
