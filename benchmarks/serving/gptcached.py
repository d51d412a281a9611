"""GPTCache behind the same HTTP: questions that it holds, asked again word for word.

Runs in the environment of the peers (`make peers`), which has neither uvloop nor httptools; asyncio's part of the time
is a small one beside GPTCache's own.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

from benchmarks.peers.caches import AnswerCache, cache_of
from benchmarks.peers.minilm import encoder

HELD = 50
"""Entries beside the one that is asked."""


class Cached(asyncio.Protocol):
    """One connection; each request comes in one piece."""

    def __init__(self, cache: AnswerCache) -> None:
        self._cache = cache

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer what is asked, or 504."""
        text = json.loads(data.partition(b"\r\n\r\n")[2])["text"]
        answer = self._cache.get(text)
        body = json.dumps({"answer": answer}, separators=(",", ":")).encode()
        status = b"504 Gateway Timeout" if answer is None else b"200 OK"
        head = b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % (status, len(body))
        self._transport.write(head + body)


async def main(cache: AnswerCache) -> None:
    """Serve on a free port of this machine until terminated."""
    server = await asyncio.get_running_loop().create_server(lambda: Cached(cache), "127.0.0.1", 0)
    print(json.dumps({"url": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"}), flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with TemporaryDirectory() as directory:
        held = cache_of("gptcache", Path(directory), encoder().encode)
        for number in (12, *range(1000, 1000 + HELD)):
            held.put(f"What is {number} times 7?", str(number * 7))
        sys.exit(asyncio.run(main(held)))
