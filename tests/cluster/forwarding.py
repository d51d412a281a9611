"""A Service of the release, or one of its pods, on this machine."""

from __future__ import annotations

import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from tests.cluster import release
from tests.cluster.kubectl import Kubectl, eventually


@contextmanager
def forwarded(kubectl: Kubectl, service: str, *, pod: str | None = None) -> Iterator[str]:
    """The address; of several pods one answers, always the same.

    Args:
        pod: which one.
    """
    target = (f"service/{service}", 80) if pod is None else (f"pod/{pod}", 8080)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [kubectl.program, f"--kubeconfig={kubectl.kubeconfig}", f"--context={kubectl.context}", "port-forward"]
    command += ["-n", release.SYSTEM, target[0], f"{port}:{target[1]}"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        eventually(f"{service} is reached", lambda: _reached(f"{url}/readyz"))
        yield url
    finally:
        process.terminate()
        process.wait(10)


def _reached(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False
