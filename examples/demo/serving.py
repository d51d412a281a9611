"""The embedded service as a process of its own, and what the demonstration asks of it over HTTP."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

WAIT_S = 600
START_S = 120.0
STOP_S = 15.0
LOG = "serve.log"


class ServiceFailed(RuntimeError):
    """The service did not start, or ended; the message holds what it said last."""


@contextmanager
def serving(
    data_dir: Path, options: Sequence[str], environment: Mapping[str, str]
) -> Iterator[tuple[Client, list[str]]]:
    """`seglam serve` on a free loopback port until the block ends; with what it says about itself."""
    command = [sys.executable, "-m", "seglam.cli.app", "serve", "--json", "--port", "0", "--data-dir", str(data_dir)]
    log = data_dir / LOG
    with log.open("wb") as errors:
        process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=errors, env=environment)
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        if not first:
            process.wait(timeout=START_S)
            raise ServiceFailed(f"seglam serve did not start: {_last(log)}")
        told = json.loads(first)
        if "url" not in told:
            raise ServiceFailed(f"seglam serve did not start: {_last(log)}")
        with httpx2.Client(base_url=told["url"], timeout=WAIT_S + 30.0) as http:
            yield Client(http, log), list(told["described"])
    finally:
        process.terminate()
        try:
            process.wait(timeout=STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _last(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else f"it said nothing; see {log}"


class Client:
    """The service's API. `ServiceFailed` where it no longer answers."""

    def __init__(self, http: httpx2.Client, log: Path) -> None:
        self._http = http
        self._log = log

    @property
    def url(self) -> str:
        """Where the service answers."""
        return str(self._http.base_url).rstrip("/")

    def ask(self, body: dict[str, Any]) -> dict[str, Any]:
        """`POST /v1/requests`; a miss waits for its compilation."""
        return self._json("POST", "/v1/requests", body, {"Prefer": f"wait={WAIT_S}", "Seglam-User": "demo"})

    def explain(self, body: dict[str, Any]) -> dict[str, Any]:
        """`POST /v1/explain`."""
        return self._json("POST", "/v1/explain", body)

    def calls(self, compilation: str) -> list[dict[str, Any]]:
        """The model calls of a compilation."""
        found: list[dict[str, Any]] = self._json("GET", f"/v1/compilations/{compilation}")["calls"]
        return found

    def _json(
        self, method: str, path: str, body: dict[str, Any] | None = None, headers: dict[str, str] | None = None
    ) -> dict[str, Any]:
        try:
            content: dict[str, Any] = self._http.request(method, path, json=body, headers=headers).json()
        except (httpx2.HTTPError, ValueError) as error:
            what = f"{path} was not answered ({type(error).__name__}: {error}); {_last(self._log)}"
            raise ServiceFailed(what) from error
        return content
