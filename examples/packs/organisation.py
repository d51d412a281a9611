"""What an organisation has in the demonstration: a directory, the `seglam` command, and perhaps a registry."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from examples.packs.shell import Done, Shell, shell

KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "XDG_CACHE_HOME", "SEGLAM_ENGINE_DIR", "PYTHONPATH", "VIRTUAL_ENV",
        "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")  # fmt: skip
"""What a process is given of this one's environment: no key, no token, no setting."""
START_S = 120.0


class Failed(RuntimeError):
    """A step did not come to its end as it should; the message says why."""


@dataclass(frozen=True)
class Organisation:
    """An organisation that shares nothing with others but the files that are carried to it."""

    name: str
    directory: Path
    shell: Shell
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of its processes."""
        return {**environment(self.directory), **self.settings}

    def attempt(self, *arguments: str) -> Done:
        """`seglam pack ARGUMENTS`, whatever comes of it."""
        return self.shell.run(["pack", *arguments], self.settings)

    def pack(self, *arguments: str) -> list[dict[str, Any]]:
        """What `seglam pack ARGUMENTS --json` prints. `Failed` if it ends otherwise than well."""
        done = self.attempt(*arguments, "--json")
        if done.returncode != 0:
            said = done.stderr.strip() or done.stdout.strip()
            raise Failed(f"{self.name}: seglam pack {arguments[0]} ended with {done.returncode}: {said}")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def one(self, *arguments: str) -> dict[str, Any]:
        """As `pack`, of a command that prints one object."""
        found = self.pack(*arguments)
        if len(found) != 1:
            raise Failed(f"{self.name}: seglam pack {arguments[0]} printed {len(found)} objects")
        return found[0]

    def write(self, name: str, content: str | bytes) -> Path:
        """A file that only the organisation can read."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path


def environment(directory: Path) -> dict[str, str]:
    """The environment of an organisation's processes: everything of its own lies in its directory."""
    given = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {**given, "SEGLAM_DATA_DIR": str(directory / "data"), "SEGLAM_CONFIG_DIR": str(directory / "config")}


@contextmanager
def organisation(name: str, directory: Path) -> Iterator[Organisation]:
    """An organisation with a shell of its own."""
    directory.mkdir(parents=True, exist_ok=True)
    with shell(directory, environment(directory)) as opened:
        yield Organisation(name, directory, opened)


@contextmanager
def registry(owner: Organisation, settings: Mapping[str, str]) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """`python -m seglam.registry` as a process of its own until the block ends: its address, and the process."""
    given = {f"SEGLAM_REGISTRY_{name}": value for name, value in settings.items()}
    log = owner.directory / "registry.log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "seglam.registry"], stdout=subprocess.PIPE, stderr=errors, text=True,
            env={**owner.environment, "SEGLAM_REGISTRY_PORT": "0", **given},
        )  # fmt: skip
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        found = re.search(r"http://\S+", first)
        if found is None:
            process.wait(timeout=START_S)
            said = log.read_text(encoding="utf-8").strip().splitlines()
            raise Failed(f"{owner.name}: the registry did not start: {said[-1] if said else 'it said nothing'}")
        yield found[0], process
    finally:
        stop(process)


def stop(process: subprocess.Popen[str]) -> None:
    """End a process; one that has ended already is left alone."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdout is not None:
        process.stdout.close()
