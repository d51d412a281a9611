"""This gateway's certificate: for the server that Jobs call, and for calls of runners. Files are read again."""

from __future__ import annotations

import ssl
from pathlib import Path

from seglam.sandbox.tls import Identity, Renewed, client_context, server_context


def for_server(directory: Path) -> ssl.SSLContext:
    """A server's context that always shows the certificate of the current files; clients prove themselves by tokens.

    `TLSError` if there is none that can be used.
    """
    renewed = Renewed(lambda: Identity.read(directory), _one_sided)
    context = _one_sided(renewed.identity)

    def current(connection: ssl.SSLObject | ssl.SSLSocket, _name: str, _context: ssl.SSLContext) -> None:
        connection.context = renewed()

    context.sni_callback = current
    return context


def for_clients(directory: Path) -> Renewed:
    """Gives the context for calls of runners."""
    return Renewed(lambda: Identity.read(directory), client_context)


def _one_sided(identity: Identity) -> ssl.SSLContext:
    context = server_context(identity)
    context.verify_mode = ssl.CERT_NONE
    return context
