"""An organisation's shell: `seglam` commands one after the other in a process of their own, a JSON line for each."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Done:
    """What a command came to."""

    returncode: int
    stdout: str
    stderr: str


class Shell:
    """Runs commands in a process that shares nothing with others but its directory."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, arguments: Sequence[str], environment: Mapping[str, str]) -> Done:
        """`seglam ARGUMENTS` with further variables of the environment."""
        assert self._process.stdin is not None and self._process.stdout is not None
        asked = {"arguments": list(arguments), "environment": dict(environment)}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        said = self._process.stdout.readline()
        if not said:
            raise RuntimeError(f"seglam {' '.join(arguments)}: the process ended with {self._process.wait()}")
        return Done(**json.loads(said))


@contextmanager
def shell(directory: Path, environment: Mapping[str, str]) -> Iterator[Shell]:
    """A shell in a directory, ended with the block."""
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).resolve())], cwd=directory, env=dict(environment), text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        yield Shell(process)
    finally:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.close()
        process.wait()
        process.stdout.close()


def serve() -> None:
    """Run what is asked, until there is nothing more."""
    from seglam.cli.app import main

    answers = sys.stdout
    for line in sys.stdin:
        asked = json.loads(line)
        os.environ.update(asked["environment"])
        sys.argv = ["seglam", *asked["arguments"]]
        out, err, code = io.StringIO(), io.StringIO(), 0
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                main()
            except SystemExit as end:
                code = int(end.code or 0)
        answers.write(json.dumps({"returncode": code, "stdout": out.getvalue(), "stderr": err.getvalue()}) + "\n")
        answers.flush()


if __name__ == "__main__":
    serve()
