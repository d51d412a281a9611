"""A relay between a client and the API server, by which tests break or freeze connections as networks do."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

from seglam.cluster import Connection


class Relay:
    """Passes bytes between clients and one address."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._writers: set[asyncio.StreamWriter] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass the bytes of one client's connection until an end closes it."""
        self.connections += 1
        there_reader, there_writer = await asyncio.open_connection(*self._target)
        self._writers |= {writer, there_writer}
        with suppress(OSError):
            await asyncio.gather(self._pass(reader, there_writer), self._pass(there_reader, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                await self._flows.wait()
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()

    def cut(self) -> None:
        """Break all connections; new ones can be made."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    def freeze(self) -> None:
        """Let no byte through: connections stay open and say nothing."""
        self._flows.clear()

    def thaw(self) -> None:
        """Let everything through again, what was held back first."""
        self._flows.set()


@asynccontextmanager
async def relayed(connection: Connection) -> AsyncIterator[tuple[Relay, Connection]]:
    """A relay, and the connection that goes through it. The server's certificate is checked as before."""
    address = urlsplit(connection.server)
    host = address.hostname or ""
    relay = Relay(host, address.port or 443)
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    through = dataclasses.replace(
        connection, server=f"https://127.0.0.1:{port}", server_name=connection.server_name or host
    )
    try:
        yield relay, through
    finally:
        server.close()
        relay.thaw()
        relay.cut()
