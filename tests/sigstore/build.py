"""Builds the services from their Go modules, once: the binaries stay in the user's cache directory.

The first build takes about two minutes on two cores. The directory of the binaries is named after the digest of what
they were built from, so that a changed module is built anew, and several test processes may ask at the same time.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent / "services"
GO = (1, 26)
# Directory of a module, and the program that it makes: of its own, or as a `tool` of another module.
OWN = ("ctlog", "tsa")
TOOLS = {"fulcio": "fulcio", "rekor": "posix"}


class BuildError(RuntimeError):
    """The services could not be built. The message says what failed and what to do."""


def cache() -> Path:
    """Where the binaries of this version of the modules are, or will be."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    digest = hashlib.sha256()
    for path in sorted(HERE.rglob("*")):
        if path.is_file():
            digest.update(f"{path.relative_to(HERE)}\0".encode() + path.read_bytes())
    return Path(base) / "seglam" / f"sigstore-{digest.hexdigest()[:16]}"


def missing() -> str | None:
    """Why the services are not here; None if they are built."""
    if (cache() / ".complete").exists():
        return None
    return "the services of sigstore are not built: run `python3 -m tests.sigstore build` (needs Go 1.26 or later)"


def _go_missing() -> str | None:
    go = shutil.which("go")
    if go is None:
        return "the services of sigstore are built from Go modules, and there is no `go` (1.26 or later) on PATH"
    said = subprocess.run([go, "version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"go(\d+)\.(\d+)", said)
    if found is None or (int(found[1]), int(found[2])) < GO:
        return f"the services of sigstore need Go 1.26 or later, and this is {said.strip() or 'another program'}"
    return None


def build() -> Path:
    """The directory that holds `fulcio`, `rekor`, `ctlog` and `tsa`; what is missing is built.

    Raises:
        BuildError: there is no Go, or a build failed.
    """
    directory = cache()
    if (directory / ".complete").exists():
        return directory
    if reason := _go_missing():
        raise BuildError(reason)
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (directory / ".complete").exists():
            started = time.monotonic()
            print("sigstore: building the services from their Go modules ...", file=sys.stderr)
            _build_all(directory)
            (directory / ".complete").touch()
            print(f"sigstore: built in {time.monotonic() - started:.0f} s", file=sys.stderr)
    return directory


def _build_all(directory: Path) -> None:
    for name in OWN:
        _go("build", "-trimpath", "-ldflags", "-s -w", "-o", str(directory / name), ".", module=name, target=directory)
    for name, program in TOOLS.items():
        _go("install", "-trimpath", "-ldflags", "-s -w", "tool", module=name, target=directory)
        (directory / program).rename(directory / name)


def _go(*command: str, module: str, target: Path) -> None:
    done = subprocess.run(
        ["nice", "go", *command],
        cwd=HERE / module,
        env={**os.environ, "GOBIN": str(target), "GOFLAGS": "-mod=readonly -buildvcs=false"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = "\n".join(done.stderr.strip().splitlines()[-20:])
        raise BuildError(f"building {module} failed; a Go module proxy is needed (see `go env GOPROXY`):\n{said}")
