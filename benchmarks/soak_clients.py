"""Clients of the soak, each of which knows what it must get: hits, misses, batches, slow ones, and those that leave."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import closing
from dataclasses import dataclass, field
from statistics import median
from time import monotonic
from typing import Any

from seglam.procedures import ReasoningProcedure, Revision

PATH = "/v1/requests"
PAUSE_S = 0.05
"""Between two requests of one client, so that the machine is busy and not drowned: what is measured is that nothing
goes wrong for long, not how much goes at most."""


@dataclass(slots=True)
class Found:
    """What a run showed.

    Attributes:
        counts: of what was done and of how it was answered.
        faults: what must not be.
        memory: resident MiB by second.
        instances: warm instances by second.
        processor_s: processor time of service and clients together, which says how much of it the machine gave them.
    """

    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)
    instances: list[int] = field(default_factory=list)
    seconds: float = 0.0
    processor_s: float = 0.0

    @property
    def changes(self) -> int:
        """How often procedures were activated, rolled back or quarantined."""
        return sum(self.counts[what] for what in ("activated", "rolled back", "quarantined"))

    @property
    def growth(self) -> float:
        """MiB by which the median of the last quarter of the samples is above that of the second."""
        memory = [mib for _, mib in self.memory]
        quarter = max(1, len(memory) // 4)
        return median(memory[-quarter:]) - median(memory[quarter : 2 * quarter] or memory)

    def wrong(self, what: str) -> None:
        """Note a fault; of many the first are kept."""
        self.counts["faults"] += 1
        if len(self.faults) < 20:
            self.faults.append(what)

    def shown(self) -> dict[str, object]:
        """For a person."""
        memory = [mib for _, mib in self.memory]
        return {
            "seconds": round(self.seconds),
            "processor_seconds": round(self.processor_s),
            "changes_per_second": round(self.changes / self.seconds, 2) if self.seconds else 0.0,
            "counts": dict(sorted(self.counts.items())),
            "memory_mib": {
                "after_warm_up": memory[0],
                "most": max(memory),
                "last": memory[-1],
                "growth": round(self.growth, 1),
            }
            if memory
            else {},
            "instances": {"most": max(self.instances), "last": self.instances[-1]} if self.instances else {},
            "faults": self.faults,
        }


class History:
    """Which revision multiplies by what, and until when each could answer."""

    def __init__(self, first: ReasoningProcedure, factor: int) -> None:
        self.first = Revision.of(first).digest
        self._factors = {self.first: factor}
        self._over: dict[str, float] = {}

    def comes(self, document: ReasoningProcedure, factor: int) -> str:
        """A revision will be served."""
        digest = Revision.of(document).digest
        self._factors[digest] = factor
        while len(self._factors) > 1000:  # what was quarantined minutes ago is no answer that waits
            oldest = next(each for each in self._factors if each != self.first)
            del self._factors[oldest]
        return digest

    def ended(self, digest: str) -> None:
        """A revision is served to nobody any more."""
        self._over[digest] = monotonic()
        if len(self._over) > 1000:
            del self._over[next(iter(self._over))]

    def fault(self, digest: str, value: int, answer: str, asked: float) -> str | None:
        """What is wrong with an answer."""
        factor = self._factors.get(digest)
        if factor is None:
            return f"{digest} answered, which is not known"
        if answer != str(value * factor):
            return f"{value} times the procedure is {answer!r} by {digest}, which multiplies by {factor}"
        if (over := self._over.get(digest)) is not None and asked > over:
            return f"{digest} answered what was asked {asked - over:.3f} s after its quarantine"
        return None


@dataclass(slots=True)
class Client:
    """One client, which keeps no connection for longer than it wants."""

    port: int
    found: Found
    history: History
    number: int
    random: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        self.random.seed(self.number)

    async def goes_on(self, end: float) -> bool:
        """Whether there is time for another request, after a pause of changing length."""
        await asyncio.sleep(self.random.uniform(0.0, 2 * PAUSE_S))
        return monotonic() < end

    async def connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection."""
        return await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 22)

    async def asked(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, body: object) -> Any:
        """The status and the content of an answer on a kept connection."""
        writer.write(request(path, json.dumps(body).encode()))
        return await self.answered(reader)

    async def answered(self, reader: asyncio.StreamReader) -> Any:
        """The next answer on a connection."""
        head = await reader.readuntil(b"\r\n\r\n")
        status = int(head[9:12])
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        self.found.counts[f"answers {status}"] += 1
        return status, json.loads(await reader.readexactly(length))

    def judge(self, expected: str, status: int, content: Any) -> None:
        """An answer must be the one that is expected."""
        if status != 200 or content.get("answer") != expected:
            self.found.wrong(f"expected {expected!r}, got {status} {str(content)[:300]}")


def request(path: str, body: bytes, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n\r\n"
    )
    return head.encode() + body


async def hits(client: Client, end: float) -> None:
    """Hits of a procedure that does not change, on one connection."""
    reader, writer = await client.connected()
    with closing(writer):
        while await client.goes_on(end):
            value = client.random.randrange(10**12)
            status, content = await client.asked(reader, writer, PATH, {"text": f"repeat {value}"})
            client.judge(str(value), status, content)


async def times_hits(client: Client, end: float) -> None:
    """Hits of the procedure that changes. Between two of its revisions there may be none."""
    reader, writer = await client.connected()
    with closing(writer):
        while await client.goes_on(end):
            value, asked = client.random.randrange(10**9), monotonic()
            status, content = await client.asked(reader, writer, PATH, {"text": f"multiply {value}"})
            if status == 504 and content["code"] in ("unknown", "ambiguous", "value-rejected"):
                client.found.counts["misses while nothing was served"] += 1
                continue
            if status != 200:
                client.found.wrong(f"multiply: {status} {str(content)[:300]}")
                continue
            fault = client.history.fault(content["revision"], value, content["answer"], asked)
            if fault:
                client.found.wrong(fault)


async def long(client: Client, end: float) -> None:
    """Hits that take longer than an event loop may wait, of changing length."""
    reader, writer = await client.connected()
    with closing(writer):
        while await client.goes_on(end):
            value = client.random.choice((3, 2_000, 40_000))
            status, content = await client.asked(reader, writer, PATH, {"text": f"count to {value}"})
            client.judge(str(value), status, content)


async def misses(client: Client, end: float) -> None:
    """Requests that nothing answers, and requests that are none."""
    reader, writer = await client.connected()
    with closing(writer):
        while await client.goes_on(end):
            text = f"who wrote book {client.random.randrange(10**6)}, and when?"
            body, expected = client.random.choice((({"text": text}, 504), ({"text": 7}, 400), ({"other": text}, 400)))
            status, content = await client.asked(reader, writer, PATH, body)
            if status != expected or content.get("answer") is not None:
                client.found.wrong(f"{body} got {status} {str(content)[:300]}")


async def batches(client: Client, end: float) -> None:
    """Several requests at a time."""
    reader, writer = await client.connected()
    with closing(writer):
        while await client.goes_on(end):
            values = [client.random.randrange(10**6) for _ in range(20)]
            requests = [{"text": f"repeat {value}"} for value in values]
            status, content = await client.asked(reader, writer, f"{PATH}/batch", {"requests": requests})
            given = [each["body"]["answer"] for each in content["answers"]] if status == 200 else content
            if given != [str(value) for value in values]:
                client.found.wrong(f"a batch got {status} {str(given)[:300]}")


async def slow(client: Client, end: float) -> None:
    """A request that arrives a few bytes at a time, and an answer that is read late."""
    while await client.goes_on(end):
        reader, writer = await client.connected()
        with closing(writer):
            value = client.random.randrange(10**6)
            whole = request(PATH, json.dumps({"text": f"repeat {value}"}).encode())
            for start in range(0, len(whole), 16):
                writer.write(whole[start : start + 16])
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)
            status, content = await client.answered(reader)
            client.judge(str(value), status, content)


async def leaving(client: Client, end: float) -> None:
    """Clients that go: in the middle of a request, before the answer, and without a word."""
    while await client.goes_on(end):
        _, writer = await client.connected()
        whole = request(PATH, json.dumps({"text": f"count to {client.random.choice((3, 200_000))}"}).encode())
        writer.write(whole[: client.random.choice((0, 40, len(whole) - 5, len(whole)))])
        await asyncio.sleep(client.random.choice((0.0, 0.01, 0.1)))
        if client.random.random() < 0.5:
            writer.transport.abort()
        else:
            writer.close()
        client.found.counts["clients that left"] += 1
        await asyncio.sleep(0.01)


async def oversized(client: Client, end: float) -> None:
    """Bodies over the limit: stated, and sent without being stated."""
    while await client.goes_on(end):
        reader, writer = await client.connected()
        with closing(writer):
            if client.random.random() < 0.5:
                writer.write(request(PATH, b"{", length=1 << 30))
            else:
                head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                writer.write(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
                for _ in range(40):
                    writer.write(b"10000\r\n" + b" " * 65536 + b"\r\n")
            try:
                status, _ = await client.answered(reader)
            except (asyncio.IncompleteReadError, ConnectionError):
                client.found.counts["oversized bodies cut off"] += 1
                continue
            if status != 413:
                client.found.wrong(f"an oversized body got {status}")
        await asyncio.sleep(0.02)


KINDS: tuple[Callable[[Client, float], Coroutine[Any, Any, None]], ...] = (
    hits,
    hits,
    times_hits,
    misses,
    batches,
    slow,
    leaving,
    oversized,
    long,
    times_hits,
)
