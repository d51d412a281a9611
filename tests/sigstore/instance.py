"""One private sigstore: its processes, its ports and its directory. Several can run at the same time."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.sigstore import authority
from tests.sigstore.build import build
from tests.sigstore.oidc import Issuer
from tests.sigstore.proxy import Fault, Proxy

CT_ORIGIN = "ctlog.seglam.local"
# Clients reach these through a proxy; the services themselves listen on 127.0.0.1 only.
SERVICES = ("fulcio", "ctlog", "rekor", "tsa")


class SigstoreError(RuntimeError):
    """The services could not be started. The message says what failed and what to do."""


class Sigstore:
    """The running services.

    Attributes:
        directory: keys, logs and data; `log/NAME.log` is what a service printed.
        issuer: the OIDC issuer; `issuer.token(namespace, account)` makes a token that Fulcio takes, `second` is another
            trusted issuer whose service accounts have the same names.
        proxies: by service (`fulcio`, `ctlog`, `rekor`, `tsa`): `proxies["rekor"].faulty(Fault(delay=5))`.
        trusted_root, signing_config: as JSON text, for a `TrustRoot`.
        trust_config: both in one, as sigstore-python's `ClientTrustConfig.from_json` reads it.
    """

    def __init__(
        self, directory: Path, *, address: str = "127.0.0.1", issuers: Mapping[str, str | None] | None = None
    ) -> None:
        """Start the services and wait until each of them answers.

        Args:
            address: where clients reach the services: an address of this machine, such as a bridge's that pods see.
            issuers: further issuers of service account tokens by URL, such as a cluster's, with the PEM of the
                authority of their TLS certificates.

        Raises:
            BuildError: the services could not be built.
            SigstoreError: one of them did not start.
        """
        self.directory = directory
        self._binaries = build()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._ports: dict[str, int] = {}
        self.proxies: dict[str, Proxy] = {}
        self._issuers: list[Issuer] = []
        for each in ("etc", "log", "run", "data/ctlog", "data/rekor"):
            (directory / each).mkdir(parents=True, exist_ok=True)
        try:
            self._start(address, dict(issuers or {}))
        except BaseException:
            self.close()
            raise

    # --- use ---------------------------------------------------------------------------------------------------

    @property
    def issuer(self) -> Issuer:
        """The first issuer."""
        return self._issuers[0]

    @property
    def second(self) -> Issuer:
        """Another issuer that Fulcio trusts too."""
        return self._issuers[1]

    @property
    def tiles(self) -> Path:
        """The transparency log's directory: checkpoint and tiles (c2sp.org/tlog-tiles)."""
        return self.directory / "data" / "rekor"

    def fault(self, service: str, fault: Fault | None) -> None:
        """Make a service misbehave; None: behave again."""
        self.proxies[service].set(fault)

    def trust(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The trusted root and the signing config as documents, to be changed and used by a test."""
        return json.loads(self.trusted_root), json.loads(self.signing_config)

    def pids(self) -> dict[str, int]:
        """Process ids of the services."""
        return {name: process.pid for name, process in self._processes.items()}

    def close(self) -> None:
        """Stop all."""
        for proxy in self.proxies.values():
            proxy.close()
        for issuer in self._issuers:
            issuer.close()
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.proxies.clear()
        self._issuers.clear()
        self._processes.clear()

    # --- start -------------------------------------------------------------------------------------------------

    def _start(self, address: str, issuers: dict[str, str | None]) -> None:
        etc, data = self.directory / "etc", self.directory / "data"
        authority.make_keys(etc)
        self._issuers = [Issuer(address, etc / f"issuer-{number}.key") for number in (1, 2)]
        for name in SERVICES:
            self._ports[name] = _free_port()
            self.proxies[name] = Proxy(address, self._ports[name])
        self._fulcio_issuers({each.url: None for each in self._issuers} | issuers)
        local = {name: f"http://127.0.0.1:{port}" for name, port in self._ports.items()}
        self._run(
            "ctlog", "-listen", f"127.0.0.1:{self._ports['ctlog']}", "-directory", data / "ctlog",
            "-origin", CT_ORIGIN, "-key", etc / "ctlog.key", "-roots", etc / "root.pem",
        )  # fmt: skip
        self._run("tsa", "-port", self._ports["tsa"])
        self._run(
            # sigstore-go wants the checkpoint's origin to be the host name of the log's URL
            "rekor", "serve", "--http-port", self._ports["rekor"], "--grpc-port", _free_port(), "--http-metrics-port",
            _free_port(), "--hostname", address, "--storage-dir", data / "rekor",
            "--signer-filepath", etc / "rekor.key", "--checkpoint-interval", "200ms", "--batch-max-age", "50ms",
        )  # fmt: skip
        self._wait("ctlog", f"{local['ctlog']}/ct/v1/get-roots")
        through = f"http://{address}:{self.proxies['ctlog'].port}"
        self._run(
            "fulcio", "serve", "--host", "127.0.0.1", "--port", self._ports["fulcio"], "--grpc-host", "127.0.0.1",
            "--grpc-port", _free_port(), "--metrics-port", _free_port(), "--config-path", etc / "fulcio.json",
            "--ca", "fileca", "--fileca-cert", etc / "root.pem", "--fileca-key", etc / "root.key",
            "--fileca-key-passwd", authority.PASSWORD, "--fileca-watch=false", "--ct-log-url", through,
            "--ct-log-origin", CT_ORIGIN, "--ct-log-public-key-path", etc / "ctlog.pub",
            "--legacy-unix-domain-socket", f"@seglam-fulcio-{self._ports['fulcio']}",
        )  # fmt: skip
        self._wait("fulcio", f"{local['fulcio']}/api/v2/configuration")
        self._wait("rekor", f"{local['rekor']}/healthz")
        chain = self._wait("tsa", f"{local['tsa']}/api/v1/timestamp/certchain")
        urls = {name: f"http://{address}:{proxy.port}" for name, proxy in self.proxies.items()}
        addresses = authority.Addresses(issuer=self.issuer.url, **urls)
        root = authority.trusted_root(etc, chain, addresses, address)
        signing = authority.signing_config(addresses)
        self.trusted_root, self.signing_config = json.dumps(root), json.dumps(signing)
        self.trust_config = authority.trust_config(root, signing)
        for name in ("trusted_root", "signing_config", "trust_config"):
            (etc / f"{name}.json").write_text(getattr(self, name))

    def _fulcio_issuers(self, issuers: Mapping[str, str | None]) -> None:
        entries: dict[str, dict[str, str]] = {}
        for url, certificate in issuers.items():
            entries[url] = {"IssuerURL": url, "ClientID": "sigstore", "Type": "kubernetes"}
            if certificate:
                entries[url]["CACert"] = certificate
        (self.directory / "etc" / "fulcio.json").write_text(json.dumps({"OIDCIssuers": entries}))

    def _run(self, name: str, *arguments: object) -> None:
        with (self.directory / "log" / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [str(self._binaries / name), *map(str, arguments)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory / "run",
                env={name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
            )

    def _wait(self, name: str, url: str, seconds: float = 60) -> bytes:
        deadline = time.monotonic() + seconds
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while True:
            try:
                with opener.open(url, timeout=5) as answer:
                    body: bytes = answer.read()
                    return body
            except OSError as error:
                ended = self._processes[name].poll()
                if ended is None and time.monotonic() < deadline:
                    time.sleep(0.02)
                    continue
                log = (self.directory / "log" / f"{name}.log").read_text(errors="replace")
                said = "\n".join(log.splitlines()[-10:])
                state = f"ended with {ended}" if ended is not None else f"did not answer within {seconds:.0f} s"
                raise SigstoreError(f"{name} {state} ({error}):\n{said}") from None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
