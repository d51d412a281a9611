"""A server that reads no request and gives every one the same answer: what one core of Python can do at most."""

from __future__ import annotations

import asyncio
import json
from typing import cast

import uvloop

ANSWER = b'{"answer":"no-op"}'
RESPONSE = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\ncontent-type: application/json\r\n\r\n%s" % (len(ANSWER), ANSWER)


class Echo(asyncio.Protocol):
    """One connection; the first piece of a request is answered."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""

        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer."""
        if data.startswith(b"POST"):
            self._transport.write(RESPONSE)


async def main() -> None:
    """Serve on a free port of this machine until terminated."""
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0)
    print(json.dumps({"url": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"}), flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
