"""An environment for clients that cannot stand beside ours, made once from a locked list."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

LOCK = Path(__file__).resolve().parents[2] / "requirements" / "clients.lock.txt"
MINUTES = 4


class Unavailable(Exception):
    """The environment cannot be made; the message says why."""


def python() -> Path:
    """The environment's Python, made at the first time in the user's cache and kept under the list's digest.
    `Unavailable` if a package cannot be had."""
    digest = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()[:16]
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "seglam" / "clients"
    base.mkdir(parents=True, exist_ok=True)
    made = base / digest
    with (base / f"{digest}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one worker makes it, the others wait
        if not (made / "complete").exists():
            shutil.rmtree(made, ignore_errors=True)
            _make(made)
            (made / "complete").touch()
    return made / "bin" / "python"


def _make(where: Path) -> None:
    uv = shutil.which("uv")
    install = (
        [uv, "pip", "install", "--python", str(where)] if uv else [str(where / "bin/python"), "-m", "pip", "install"]
    )
    for command in (
        [sys.executable, "-m", "venv", *(["--without-pip"] if uv else []), str(where)],
        [*install, "--quiet", "--only-binary", ":all:", "--require-hashes", "-r", str(LOCK)],
    ):
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60 * MINUTES)
        except subprocess.TimeoutExpired:
            raise Unavailable(f"{command[0]} took more than {MINUTES} minutes") from None
        if done.returncode:
            raise Unavailable(f"{' '.join(command[:4])}: {done.stderr.strip()[-300:]}")
