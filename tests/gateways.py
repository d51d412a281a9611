"""Gateways of a cluster for tests: processes of their own beside a real API server, and what they are fed with."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seglam.procedures import Revision
from seglam.procedures.canonical import plain
from seglam.resources import names
from tests.certificates import CLIENT, SERVER, Authority, write
from tests.commands import environment
from tests.runners import eventually

GATEWAY_NAME = "localhost"
"""In the certificate of a test's gateway."""


class Gateway:
    """A running `python -m seglam.gateway.cluster`.

    Attributes:
        url: of its API.
        internal: port of the API for Jobs.
    """

    def __init__(self, directory: Path, authority: Authority, kubeconfig: Path, **settings: object) -> None:
        self.tls_dir = write(authority.identity(GATEWAY_NAME, SERVER, CLIENT), directory)
        port, self.internal = free_port(), free_port()
        self.url = f"http://127.0.0.1:{port}"
        chosen: dict[str, object] = {
            "SEGLAM_POD_IP": "127.0.0.1",
            "SEGLAM_HOST": "127.0.0.1",
            "SEGLAM_PORT": port,
            "SEGLAM_INTERNAL_PORT": self.internal,
            "SEGLAM_TLS_DIR": self.tls_dir,
            "SEGLAM_DATA_DIR": directory / "data",
            "SEGLAM_TENANTS_FILE": directory / "tenants.yaml",
            "SEGLAM_DRAIN_SECONDS": 0,
            "KUBECONFIG": kubeconfig,
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "seglam.gateway.cluster"],
            stderr=subprocess.PIPE,
            text=True,
            env=environment(**{name: str(value) for name, value in {**chosen, **settings}.items()}),
        )
        self.log: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as lines:
            self.log.extend(lines)

    def ready(self) -> bool:
        """Whether it takes requests; fails if it has ended."""
        assert self.process.poll() is None, "the gateway has ended:\n" + "".join(self.log)
        try:
            return self.get("/readyz")[0] == 200
        except OSError:
            return False

    def get(self, path: str) -> tuple[int, str]:
        """Status and text of an open address, such as /readyz and /metrics."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=30) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def metric(self, sample: str) -> float:
        """A sample of the metrics, with its labels; 0 if it is not there."""
        lines = self.get("/metrics")[1].splitlines()
        return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(sample + " ")), 0.0)

    def end(self, with_signal: signal.Signals = signal.SIGTERM) -> int:
        """End it; its exit code."""
        self.process.send_signal(with_signal)
        code = self.process.wait(60)
        self._reader.join()
        return code


@contextmanager
def gateway(directory: Path, authority: Authority, kubeconfig: Path, **settings: object) -> Iterator[Gateway]:
    """A gateway that is ready, with settings by the names of their variables; ended with the block."""
    directory.mkdir(exist_ok=True)
    started = Gateway(directory, authority, kubeconfig, **settings)
    try:
        eventually(started.ready)
        yield started
    finally:
        if started.process.poll() is None:
            started.end()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def revision_object(
    namespace: str, revision: Revision, *, active: bool = True, pool: str = "default"
) -> dict[str, Any]:
    """A ProcedureRevision as the operator writes it."""
    labels = {names.LABEL_PROCEDURE: revision.name, names.LABEL_POOL: pool}
    if active:
        labels[names.LABEL_ACTIVE] = "true"
    document = plain(revision.spec.model_dump(mode="json", by_alias=True))
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.PROCEDURE_REVISION.kind,
        "metadata": {
            "name": names.revision_name(revision.name, revision.digest),
            "namespace": namespace,
            "labels": labels,
        },
        "spec": {
            "procedure": revision.name,
            "digest": revision.digest,
            "authors": ["alice"],
            "document": document,
        },
    }


def slice_object(namespace: str, pool: str, port: int, *, address: str, ready: bool = True) -> dict[str, Any]:
    """An EndpointSlice of one runner that listens on an address and a port of this machine."""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{pool}-test",
            "namespace": namespace,
            "labels": {names.LABEL_RUNNER: "true", "kubernetes.io/service-name": pool},
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": [address], "conditions": {"ready": ready}}],
        "ports": [{"name": "runs", "port": port}],
    }


def own_address() -> str:
    """An address of this machine that is not loopback, which EndpointSlices refuse."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # nothing is sent: the system only chooses the source
        return str(probe.getsockname()[0])
