"""Builds programs from Go modules: one directory beside this file for each, whose go.mod names the program as a tool.

go.mod and go.sum pin every module by version and digest. A stamp holds the digest of both and of the directory's own
sources, if it has any, so that a program is built again exactly when they changed. Only the standard library is needed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
GO_MISSING = "Go 1.26 or later and a Go module proxy are needed (see `go env GOPROXY`)"


class BuildError(RuntimeError):
    """A program could not be built. The message says what failed and what to do."""


def binaries() -> Path:
    """Where the programs are kept: $GOTOOLS_DIR, else a directory in the user's cache."""
    own = os.environ.get("GOTOOLS_DIR")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(own) if own else cache / "seglam" / "gotools"


def groups() -> list[Path]:
    """The directories that name programs."""
    return sorted(path.parent for path in HERE.glob("*/go.mod"))


def current(group: Path, into: Path | None = None) -> bool:
    """Whether the programs of a directory are built from what it says now."""
    stamp = (into or binaries()) / f".{group.name}"
    return stamp.exists() and stamp.read_text() == _made_from(group)


def program(name: str) -> Path | None:
    """A program that is built and current, such as `crane`; None if it is not."""
    path = binaries() / name
    return path if path.exists() and all(current(group) for group in groups() if _is_of(name, group)) else None


def build(only: Sequence[Path] | None = None, into: Path | None = None) -> None:
    """Bring the programs of all directories, or of some, into `into`.

    Raises:
        BuildError: Go is missing or a build failed.
    """
    target = into or binaries()
    target.mkdir(parents=True, exist_ok=True)
    for group in groups() if only is None else only:
        with _alone(target / f".{group.name}.lock"):
            if not current(group, target):
                _install(group, target)


def _install(group: Path, target: Path) -> None:
    print(f"gotools: building {group.name} ...", file=sys.stderr)
    started = time.monotonic()
    environment = {**os.environ, "GOBIN": str(target), "GOFLAGS": "-mod=readonly", "GOWORK": "off"}
    command = ["nice", "go", "install", "-trimpath", "-ldflags", "-s -w", "tool"]
    try:
        done = subprocess.run(command, cwd=group, env=environment, text=True, capture_output=True, check=False)
    except FileNotFoundError:
        raise BuildError(GO_MISSING) from None
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-40:])
        raise BuildError(f"{group.name} could not be built:\n{said}\n{GO_MISSING}")
    (target / f".{group.name}").write_text(_made_from(group))
    print(f"gotools: {group.name} built in {time.monotonic() - started:.0f} s", file=sys.stderr)


def _made_from(group: Path) -> str:
    sources = (group / "go.mod", group / "go.sum", *sorted(group.glob("*.go")))
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()


def _is_of(name: str, group: Path) -> bool:
    tools = [line.split()[-1] for line in (group / "go.mod").read_text().splitlines() if line.startswith("tool ")]
    return any(tool.rsplit("/", 1)[-1] == name for tool in tools)


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """One process builds; others wait and find it done."""
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
