"""TLS for both ends of a runner's connections: version 1.3, one authority, names checked, files read again.

Certificates are renewed while processes run, so a context is made again when the files behind it have changed. What
cannot be used leaves the last context in place and is reported: a half-written file must not end a service.
"""

from __future__ import annotations

import logging
import os
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

_LOG = logging.getLogger("seglam.sandbox.tls")
CHECK_SECONDS = 5.0
"""How often files are looked at."""


class TLSError(RuntimeError):
    """Certificates cannot be used. The message says which and why."""


@dataclass(frozen=True, slots=True)
class Identity:
    """PEM of the authority that others are checked against, and of one's own certificate and key, if any."""

    authority: bytes
    certificate: bytes = b""
    key: bytes = field(default=b"", repr=False)

    @classmethod
    def read(cls, directory: Path) -> Identity:
        """From ca.crt, tls.crt and tls.key, as in a Secret of type kubernetes.io/tls."""
        return cls(_read(directory / "ca.crt"), _read(directory / "tls.crt"), _read(directory / "tls.key"))

    @classmethod
    def of_authority(cls, file: Path) -> Identity:
        """For clients that show no certificate."""
        return cls(_read(file))


def client_context(identity: Identity) -> ssl.SSLContext:
    """A context for calls: the server's certificate is of the authority and of the name that is asked for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _load(context, identity)
    return context


def server_context(identity: Identity) -> ssl.SSLContext:
    """A context for a server that takes only clients with a certificate of the authority for the purpose clientAuth."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    context.num_tickets = 0  # each connection is checked against the authority of its own time
    _load(context, identity)
    return context


class Renewed:
    """The context of files that change. Calling it gives the current one, and looks at the files from time to time.

    Args:
        read: reads the identity; `TLSError` if it cannot.
        make: makes a context of it.

    Raises:
        TLSError: the first time, if there is none.

    Attributes:
        identity: what the files held when they could be used last.
        context: what was made of it.
    """

    def __init__(self, read: Callable[[], Identity], make: Callable[[Identity], ssl.SSLContext]) -> None:
        self._read = read
        self._make = make
        self.identity = read()
        self.context = make(self.identity)
        self._lock = threading.Lock()
        self._next = monotonic() + CHECK_SECONDS
        self._reported = ""

    def __call__(self) -> ssl.SSLContext:
        if monotonic() >= self._next and self._lock.acquire(blocking=False):
            try:
                self.look()
            finally:
                self._next = monotonic() + CHECK_SECONDS
                self._lock.release()
        return self.context

    def look(self) -> bool:
        """Read the files now; whether a new context was made."""
        try:
            found = self._read()
            if found == self.identity:
                return False
            self.context = self._make(found)
        except TLSError as problem:
            if str(problem) != self._reported:
                _LOG.error("certificates are not renewed, the last ones stay in use: %s", problem)
            self._reported = str(problem)
            return False
        self.identity = found
        self._reported = ""
        return True


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as problem:
        raise TLSError(f"{file} cannot be read: {problem.strerror}") from problem


def _load(context: ssl.SSLContext, identity: Identity) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_verify_locations(cadata=identity.authority.decode("ascii"))
    except (ssl.SSLError, ValueError) as problem:
        raise TLSError(f"the authority is no PEM certificate: {problem}") from problem
    if not identity.certificate:
        return
    try:
        with _as_file(identity.certificate + b"\n" + identity.key) as path:
            context.load_cert_chain(path)
    except ssl.SSLError as problem:
        raise TLSError(f"certificate and key cannot be used together: {problem}") from problem


@contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    """A path for what OpenSSL reads from files only; in memory where the system can."""
    if hasattr(os, "memfd_create"):
        with os.fdopen(os.memfd_create("seglam-tls"), "wb") as file:
            file.write(content)
            file.flush()
            yield f"/proc/self/fd/{file.fileno()}"
    else:
        with tempfile.NamedTemporaryFile() as named:
            named.write(content)
            named.flush()
            yield named.name
