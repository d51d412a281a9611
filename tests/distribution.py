"""A CNCF distribution registry for tests, and the programs that copy between registries."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.gateways import free_port
from tests.gotools.build import program


def tool(name: str) -> str:
    """Path of a program; the test is skipped if it is not there."""
    found = shutil.which(name) if name == "skopeo" else program(name)
    if found is None:
        remedy = "install Debian's skopeo" if name == "skopeo" else "run `python3 -m tests.gotools build`"
        pytest.skip(f"{name} is missing: {remedy}")
    return str(found)


def run(*command: object) -> str:
    """Standard output of a command that must succeed."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def serving(directory: Path) -> Iterator[str]:
    """HOST:PORT of a registry with an empty store below a directory."""
    registry, port = tool("registry"), free_port()
    configuration = {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(directory / "data")}},
        "http": {"addr": f"127.0.0.1:{port}", "secret": "test"},
    }
    (directory / "config.yml").write_text(json.dumps(configuration))
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen([registry, "serve", directory / "config.yml"], stdout=log, stderr=log)
    try:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, (directory / "log").read_text()
            time.sleep(0.05)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()
