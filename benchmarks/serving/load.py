"""A client that keeps so many connections busy: the next request goes out when the answer to the last is there.

One protocol on uvloop for every server, in a process of its own. It knows as much of HTTP as the servers here need: an
answer's head, its `content-length`, and what the answer must hold.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, repeat
from time import perf_counter
from typing import cast

import uvloop

LENGTH = b"content-length:"
END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Load:
    """What is sent.

    Attributes:
        connections: that are busy at one time.
        seconds: for which requests are sent, after a moment of them that is not counted.
        distinct: whether no request comes twice.
        expected: what the body of an answer holds, in `str.format` with `product`.
    """

    host: str
    port: int
    connections: int
    seconds: float
    distinct: bool
    expected: str


@dataclass(frozen=True, slots=True)
class Taken:
    """What was measured.

    Attributes:
        answers: that came while it was measured; `all` are those with the moments before and after.
        seconds: for which it was measured.
        times: of each answer in microseconds.
    """

    answers: int
    all: int
    seconds: float
    times: list[float]


class _Connection(asyncio.Protocol):
    def __init__(
        self, requests: Iterator[tuple[bytes, bytes]], times: list[float], ended: asyncio.Future[None]
    ) -> None:
        self._requests = requests
        self._times = times
        self._ended = ended
        self._expected = b""
        self._received = b""
        self._began = 0.0
        self._going = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""

        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def stop(self) -> None:
        """Send nothing more."""
        self._going = False

    def _send(self) -> None:
        request, self._expected = next(self._requests)
        self._began = perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Take an answer, whole, and send the next request."""
        received = self._received + data if self._received else data
        head = received.find(END)
        if head < 0:
            self._received = received
            return
        at = received.lower().find(LENGTH, 0, head)
        length = int(received[at + len(LENGTH) : received.find(b"\r\n", at)])
        if len(received) < head + len(END) + length:
            self._received = received
            return
        self._received = b""
        self._times.append((perf_counter() - self._began) * 1e6)
        if not received.startswith(b"HTTP/1.1 200") or self._expected not in received:
            self._fail(RuntimeError(f"not the answer that is measured: {received[:400]!r}"))
        elif self._going:
            self._send()
        else:
            self._transport.close()
            if not self._ended.done():
                self._ended.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """The server ended it, unless it was at its end."""
        self._fail(RuntimeError(f"the connection ended: {exc}"))

    def _fail(self, error: Exception) -> None:
        if not self._ended.done():
            self._ended.set_exception(error)
            self._transport.close()


async def _measured(load: Load) -> Taken:
    loop = asyncio.get_running_loop()
    times: list[float] = []
    requests = _requests(load)
    made: list[tuple[_Connection, asyncio.Future[None]]] = []
    for _ in range(load.connections):
        ended: asyncio.Future[None] = loop.create_future()
        connection = _Connection(requests, times, ended)
        await loop.create_connection(lambda each=connection: each, load.host, load.port)  # type: ignore[misc]
        made.append((connection, ended))
    await asyncio.sleep(min(1.0, load.seconds / 4))
    before, began = len(times), perf_counter()
    await asyncio.sleep(load.seconds)
    answers, seconds = len(times) - before, perf_counter() - began
    measured = times[before : before + answers]
    for connection, _ in made:
        connection.stop()
    await asyncio.gather(*(ended for _, ended in made))
    return Taken(answers, len(times), seconds, measured)


def _requests(load: Load) -> Iterator[tuple[bytes, bytes]]:
    numbers = count(int.from_bytes(os.urandom(4)) * 1000) if load.distinct else repeat(12)
    for number in numbers:
        body = json.dumps({"text": f"What is {number} times 7?"}).encode()
        head = f"POST /v1/requests HTTP/1.1\r\nHost: 127.0.0.1:{load.port}\r\nContent-Type: application/json\r\n"
        yield (
            f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body,
            load.expected.format(product=number * 7).encode(),
        )


def main() -> None:
    """Loads as JSON lines in, what was measured as JSON lines out."""
    gc.disable()
    for line in sys.stdin:
        taken = uvloop.run(_measured(Load(**json.loads(line))))
        ordered = sorted(taken.times)
        shown = {
            "answers": taken.answers,
            "all": taken.all,
            "seconds": taken.seconds,
            "p50": _at(ordered, 0.5),
            "p99": _at(ordered, 0.99),
        }
        print(json.dumps(shown), flush=True)


def _at(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


if __name__ == "__main__":
    main()
