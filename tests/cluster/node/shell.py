"""Running other programs and writing files, with errors that say what failed and what it printed."""

from __future__ import annotations

import subprocess
import textwrap
import time
from collections.abc import Callable, Mapping
from pathlib import Path


class NodeError(RuntimeError):
    """The node or an image could not be made. The message says what failed and what to do."""


def run(
    *command: object, cwd: Path | None = None, env: Mapping[str, str] | None = None, text_in: str | None = None
) -> str:
    """The standard output of a command that must succeed."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, cwd=cwd, env=env, input=text_in, text=True, capture_output=True, check=False)
    except FileNotFoundError:
        raise NodeError(f"the program {words[0]} is missing") from None
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-40:])
        raise NodeError(f"{' '.join(words)}\nended with exit code {done.returncode}:\n{said}")
    return done.stdout


def succeeds(*command: object, env: Mapping[str, str] | None = None, text_in: str | None = None) -> bool:
    """Whether a command is there and ends with 0; what it prints is dropped."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, env=env, input=text_in, text=True, capture_output=True, check=False)
    except FileNotFoundError:
        return False
    return done.returncode == 0


def write(path: Path, text: str, mode: int = 0o644) -> Path:
    """Write a file without the indentation that its text has in the source; the directories are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode)
    path.chmod(mode)
    path.write_text(textwrap.dedent(text).lstrip())
    return path


def wait_until(what: str, ready: Callable[[], bool], *, seconds: float = 90, hint: str = "") -> None:
    """Return when `ready()` is true; a NodeError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise NodeError(f"{what} was not ready within {seconds:.0f} s{hint and f'; {hint}'}")
        time.sleep(0.1)
