"""A registry as people run it: `python -m seglam.registry` in a process of its own, which can be killed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from seglam.registry.access.issuers import AUDIENCE
from seglam.registry.access.local import FILE, LocalIssuer
from tests.registries import ORIGIN

API = "/api/v1"
STARTS_S = 120.0


def environment(url: str, data: Path, more: Mapping[str, str]) -> dict[str, str]:
    """The environment of a registry over a database."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("SEGLAM_REGISTRY_")},
        "SEGLAM_REGISTRY_DATABASE": url,
        "SEGLAM_REGISTRY_DATA": str(data),
        "SEGLAM_REGISTRY_ORIGIN": ORIGIN,
        "SEGLAM_REGISTRY_LOCAL": "1",
        "SEGLAM_REGISTRY_PORT": "0",
        "SEGLAM_REGISTRY_RATE_LIMITS": "0",
        **more,
    }


class Publishers:
    """What publishers and readers do at a registry that believes this machine's issuer.

    Attributes:
        data: the registry's directory.
        client: of its API, without a token.
    """

    data: Path
    client: httpx2.Client

    def token(self, namespace: str, subject: str | None = None) -> dict[str, str]:
        """The header with a token for a namespace."""
        minted = LocalIssuer(self.data / FILE).mint(AUDIENCE, subject)
        response = self.client.post(f"{API}/tokens", json={"token": minted, "namespace": namespace})
        assert response.status_code == 201, response.text
        return {"Authorization": f"Bearer {response.json()['token']}"}

    def claim(self, namespace: str, subject: str | None = None, **more: Any) -> None:
        """Claim a namespace for somebody."""
        headers = self.token(namespace, subject)
        response = self.client.post(f"{API}/namespaces", json={"name": namespace, **more}, headers=headers)
        assert response.status_code == 201, response.text

    def publish(self, body: bytes, headers: Mapping[str, str], *, key: str = "", wait: int = 120) -> httpx2.Response:
        """Send an archive."""
        given = {**headers, "Content-Type": "application/x-tar", "Prefer": f"wait={wait}"}
        if key:
            given["Idempotency-Key"] = key
        return self.client.post(f"{API}/publications", content=body, headers=given)


class RegistryProcess(Publishers):
    """A registry over a database, which believes this machine's issuer."""

    def __init__(self, url: str, data: Path, environ: Mapping[str, str]) -> None:
        self.data = data
        data.mkdir(parents=True, exist_ok=True)
        self.log = data / "log"
        given = environment(url, data, environ)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "seglam.registry"], stdout=subprocess.PIPE, stderr=log, env=given, text=True
            )
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        assert "http://" in said, f"the registry did not start: {self.log.read_text()[-2000:]}"
        self.client = httpx2.Client(base_url=said.split()[-1], timeout=600)
        self._wait_until_ready()

    def kill(self) -> None:
        """As `kill -9`."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End it as a supervisor would."""
        self.client.close()
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(60)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _wait_until_ready(self) -> None:
        end = time.monotonic() + STARTS_S
        while time.monotonic() < end:
            assert self._process.poll() is None, f"the registry ended: {self.log.read_text()[-2000:]}"
            try:
                if self.client.get("/readyz").status_code == 200:
                    return
            except httpx2.TransportError:
                pass
            time.sleep(0.1)
        raise AssertionError(f"the registry is not ready: {self.log.read_text()[-2000:]}")


@contextmanager
def running(url: str, data: Path, **environ: str) -> Iterator[RegistryProcess]:
    """A registry with further settings by the end of their names, such as `SIGNING="keyless"`."""
    process = RegistryProcess(url, data, {f"SEGLAM_REGISTRY_{name}": value for name, value in environ.items()})
    try:
        yield process
    finally:
        process.close()
