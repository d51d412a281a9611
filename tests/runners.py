"""Real runners for tests: processes of their own, with certificates of the test's own authority."""

from __future__ import annotations

import hashlib
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

from seglam.procedures import Revision
from seglam.procedures.canonical import canonical
from seglam.sandbox import TLS, Address, Program, RemoteSandbox
from seglam.sandbox.tls import client_context
from tests.certificates import CLIENT, SERVER, Authority, write
from tests.commands import environment
from tests.documents import document

NAME = "tests.runners.seglam.internal"
_LISTENING = re.compile(r"calls on port (\d+), probes on port (\d+)")


class Runner:
    """A running `python -m seglam.sandbox.runner`. `name` is the one in its certificate."""

    def __init__(self, directory: Path, authority: Authority, *, name: str = NAME, **settings: object) -> None:
        self.tls_dir = write(authority.identity(name, SERVER), directory)
        chosen = {"TLS_DIR": self.tls_dir, "HOST": "127.0.0.1", "PORT": 0, "PROBE_PORT": 0, "EGRESS": "unchecked"}
        stated = {f"SEGLAM_RUNNER_{name}": str(value) for name, value in {**chosen, "DRAIN_S": 0, **settings}.items()}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "seglam.sandbox.runner"],
            stderr=subprocess.PIPE,
            text=True,
            env=environment(**stated),
        )
        self.log: list[str] = []
        ports: list[tuple[int, int]] = []
        known = threading.Event()
        self._reader = threading.Thread(target=self._read, args=(ports, known))
        self._reader.start()
        known.wait(60)
        if not ports:
            self.end(signal.SIGKILL)
            raise AssertionError("the runner does not listen:\n" + "".join(self.log))
        self.address = Address("127.0.0.1", ports[0][0])
        self.probes = f"http://127.0.0.1:{ports[0][1]}"

    def _read(self, ports: list[tuple[int, int]], known: threading.Event) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as lines:
            for line in lines:
                self.log.append(line)
                if found := _LISTENING.search(line):
                    ports.append((int(found[1]), int(found[2])))
                    known.set()
        known.set()

    def probe(self, path: str) -> tuple[int, str]:
        """Status and text of a probe."""
        try:
            with urllib.request.urlopen(self.probes + path, timeout=30) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def metric(self, sample: str) -> float:
        """A sample of the metrics, such as `seglam_runner_jobs`; 0 if it is not there."""
        _, text = self.probe("/metrics")
        return next((float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(sample + " ")), 0)

    def end(self, with_signal: signal.Signals = signal.SIGTERM) -> int:
        """End it; its exit code."""
        self.process.send_signal(with_signal)
        code = self.process.wait(60)
        self._reader.join()
        return code


@contextmanager
def runner(directory: Path, authority: Authority, *, name: str = NAME, **settings: object) -> Iterator[Runner]:
    """A runner with settings by their names in capitals; ended with the block."""
    started = Runner(directory, authority, name=name, **settings)
    try:
        yield started
    finally:
        if started.process.poll() is None:
            started.end()


def tls(authority: Authority, name: str = NAME) -> TLS:
    """How the gateway connects."""
    context = client_context(authority.identity("gateway", SERVER, CLIENT))
    return TLS(lambda: context, name)


class Admitted:
    """Procedures by digest, as the gateway knows them: code that takes whole numbers `a` and `b`.

    Attributes:
        asked: digests whose documents were wanted.
    """

    def __init__(self) -> None:
        self._documents: dict[str, bytes] = {}
        self.asked: list[str] = []

    def add(self, code: str, **limits: int) -> Program:
        """The program of a new revision."""
        made = document(
            "p" + hashlib.sha256(code.encode()).hexdigest()[:12],
            patterns=["{a} and {b}"],
            parameters=[{"name": "a", "type": "integer"}, {"name": "b", "type": "integer"}],
            code=code,
            examples=[
                {
                    "request": "1 and 2",
                    "arguments": [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}],
                    "answer": "2",
                }
            ],
            limits=limits or None,
        )
        revision = Revision.of(made)
        self._documents[revision.digest] = canonical(made.spec)
        return Program(revision.digest, revision.spec.code, revision.fuel, revision.memory_mib)

    def __call__(self, digest: str) -> bytes | None:
        self.asked.append(digest)
        return self._documents.get(digest)

    def sandbox(self, authority: Authority, *runners: Runner, **more: object) -> RemoteSandbox:
        """A client of some runners."""
        addresses = [each.address for each in runners]
        return RemoteSandbox(lambda: addresses, tls(authority), documents=self, **more)  # type: ignore[arg-type]


def eventually(condition: object, seconds: float = 60.0) -> None:
    """Wait until a condition holds; fail if it never does."""
    assert callable(condition)
    end = monotonic() + seconds
    while not condition():
        assert monotonic() < end, "it never happened"
        sleep(0.02)
