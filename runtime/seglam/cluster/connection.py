"""How to reach a cluster: address, trust, credentials."""

from __future__ import annotations

import contextlib
import ssl
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from seglam.cluster.errors import ConfigurationError

TOKEN_AGE = 60.0
"""Seconds for which a token file is not read again; the kubelet renews tokens long before they expire."""

Credential = Callable[[bool], str | None]
"""Gives the bearer token; the argument asks for a fresh one, after the API server refused the last."""


class TokenFile:
    """A bearer token in a file that somebody else renews. The file is tiny and local, so it is read in place."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._token = ""
        self._read_at = float("-inf")

    def __call__(self, fresh: bool) -> str | None:
        """The token. Raises `ConfigurationError` if the file cannot be read or is empty."""
        if fresh or self._clock() - self._read_at >= TOKEN_AGE:
            try:
                token = self._path.read_text(encoding="utf-8").strip()
            except OSError as error:
                raise ConfigurationError(f"the token file {self._path} cannot be read: {error.strerror}") from error
            if not token:
                raise ConfigurationError(f"the token file {self._path} is empty")
            self._token, self._read_at = token, self._clock()
        return self._token


@dataclass(frozen=True)
class Connection:
    """Everything that is needed to call one API server.

    Attributes:
        server: address, such as `https://10.0.0.1:443`.
        namespace: namespace of the pod or of the kubeconfig's context.
        authority: PEM of the certificates that are trusted; None trusts the system's.
        certificate, key: PEM of the client's certificate and key, or None.
        credential: gives the bearer token, or None where the certificate is enough.
        server_name: name that the server's certificate must have, where it is not the address.
        insecure: the server's certificate is not checked. Only ever set when somebody stated it.
        impersonate: headers by which the caller acts as somebody else.
    """

    server: str
    namespace: str = "default"
    authority: str | None = None
    certificate: str | None = None
    key: str | None = field(default=None, repr=False)
    credential: Credential | None = field(default=None, repr=False)
    server_name: str | None = None
    insecure: bool = False
    impersonate: Mapping[str, str] = field(default_factory=dict)

    def bearing(self, token: str) -> Connection:
        """The same API server, called by whoever a token names: nothing of these credentials is left."""
        return replace(self, certificate=None, key=None, credential=lambda _fresh: token, impersonate={})

    def tls(self) -> ssl.SSLContext | None:
        """A context that checks the server and shows the client's certificate; None for plain HTTP."""
        if self.server.startswith("http://"):
            return None
        try:
            context = ssl.create_default_context(cadata=self.authority)
            if self.insecure:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            if self.certificate and self.key:
                with pem_file(self.certificate + "\n" + self.key) as path:
                    context.load_cert_chain(path)
        except ssl.SSLError as error:
            raise ConfigurationError(f"certificates for {self.server} cannot be used: {error}") from error
        return context


@contextlib.contextmanager
def pem_file(text: str) -> Iterator[Path]:
    """A file with `text` that only this user can read and that is gone afterwards: `ssl` reads keys from files only."""
    with tempfile.NamedTemporaryFile("w", suffix=".pem", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        yield Path(file.name)
