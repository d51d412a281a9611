"""`python -m benchmarks.soak`: mixed load for a while, looking for wrong answers, leaked instances and growing memory.

Hits of many kinds, misses, batches, clients that send slowly, leave early or send too much, and procedures that are
activated, rolled back and quarantined meanwhile. Exits with 1 if anything was wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import random
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Any

from benchmarks.machine import resident_kib
from seglam.gateway import Decision, Service, Settings, build_service
from seglam.gateway.server import bind, server
from seglam.procedures import ReasoningProcedure, Revision, dump
from seglam.sandbox import Sandbox
from seglam.sandbox.native import Instance

CLIENTS = 24
PATH = "/v1/requests"
SANDBOX_MIB = 64
CHANGES_PER_SECOND = 10
WARM_UP_S = 20.0
SETTLED_S = 60.0
"""Seconds in which everything that is at work when the load ends must have ended."""
GROWTH_MIB = 48.0
"""That resident memory may grow by, from the end of the warm-up to the end: what pools fill up to meanwhile."""
FACTORS = (7, 11)
"""Of the revision that is rolled back to, and of those that come and go."""


def main(arguments: list[str]) -> int:
    """Run; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=1800.0, help="how long (default: 1800)")
    parser.add_argument("--still", action="store_true", help="change no procedure meanwhile")
    parser.add_argument("--every", type=float, default=30.0, help="seconds from one line of progress to the next")
    chosen = parser.parse_args(arguments)
    found = soak(chosen.seconds, changes=not chosen.still, every=chosen.every, say=print)
    print(json.dumps(found.shown(), indent=2))
    for fault in found.faults:
        print(f"wrong: {fault}", file=sys.stderr)
    return 1 if found.faults else 0


@dataclass(slots=True)
class Found:
    """What a run showed.

    Attributes:
        counts: of what was done and of how it was answered.
        faults: what must not be.
        memory: resident MiB by second.
        instances: warm instances by second.
    """

    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)
    instances: list[int] = field(default_factory=list)
    seconds: float = 0.0

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
            "counts": dict(sorted(self.counts.items())),
            "memory_mib": {"after_warm_up": memory[0], "most": max(memory), "last": memory[-1]} if memory else {},
            "instances": {"most": max(self.instances), "last": self.instances[-1]} if self.instances else {},
            "faults": self.faults,
        }


def soak(
    seconds: float,
    *,
    changes: bool = True,
    clients: int = CLIENTS,
    every: float = 30.0,
    say: Callable[[str], None] = lambda _: None,
) -> Found:
    """Put load on a service in this process for a while."""
    found, before = Found(), _alive()
    with TemporaryDirectory(prefix="seglam-soak-") as directory, _served(Path(directory)) as (service, port):
        history, stop = History(_times(FACTORS[0], 0)), threading.Event()
        changer = threading.Thread(target=_change, args=(service, history, stop, found))
        if changes:
            changer.start()
        try:
            asyncio.run(_load(service, history, port, seconds, clients, found, every, say))
        finally:
            stop.set()
            if changes:
                changer.join()
        _settled(service, found, before)
    return found


class History:
    """Which revision multiplies by what, and until when each could answer."""

    def __init__(self, first: ReasoningProcedure) -> None:
        self.first = Revision.of(first).digest
        self._factors = {self.first: FACTORS[0]}
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


def _change(service: Service, history: History, stop: threading.Event, found: Found) -> None:
    """Activate, roll back and quarantine, ten times a second."""
    try:
        for number in count(1):
            document = _times(FACTORS[1], number)
            newest = history.comes(document, FACTORS[1])
            steps: list[tuple[str, Callable[[], object]]] = [
                ("activated", partial(_place, service, document)),
                ("rolled back", partial(service.reviews.decide, history.first, "soak", Decision.APPROVE, "soak")),
                ("quarantined", partial(_quarantine, service, history, newest)),
            ]
            if number % 2:  # quarantined while it is served: then nothing is, for a moment
                steps[1], steps[2] = steps[2], steps[1]
            for name, step in steps:
                if stop.wait(1 / CHANGES_PER_SECOND):
                    return
                step()
                found.counts[name] += 1
    except Exception as error:  # noqa: BLE001  told at the end, which the load does not wait for
        found.wrong(f"a change failed: {error!r}")


def _place(service: Service, document: ReasoningProcedure) -> None:
    service.catalog.change(lambda: service.store.place("/soak/times.yaml", document))


def _quarantine(service: Service, history: History, digest: str) -> None:
    service.reviews.decide(digest, "soak", Decision.QUARANTINE, "soak")
    history.ended(digest)


async def _load(
    service: Service,
    history: History,
    port: int,
    seconds: float,
    clients: int,
    found: Found,
    every: float,
    say: Callable[[str], None],
) -> None:
    began = monotonic()
    end = began + seconds
    warm = began + min(WARM_UP_S, seconds / 2)
    kinds = [_hits, _hits, _hits, _misses, _batches, _slow, _leaving, _oversized, _long, _times_hits]
    working = [
        asyncio.create_task(kinds[number % len(kinds)](Client(port, found, history, number), end))
        for number in range(clients)
    ]
    said = began
    while (now := monotonic()) < end and not all(task.done() for task in working):
        await asyncio.sleep(min(1.0, max(0.05, end - now)))
        statistics = _sandbox(service).statistics
        found.instances.append(statistics.instances_idle)
        if now >= warm:
            found.memory.append((now - began, round(resident_kib("Anonymous") / 1024, 1)))
        if now - said >= every:
            said = now
            total = sum(number for name, number in found.counts.items() if name.startswith("answers"))
            memory = found.memory[-1][1] if found.memory else 0.0
            say(f"{now - began:.0f} s: {total} answers, {memory} MiB, {statistics.instances_idle} instances")
    for result in await asyncio.gather(*working, return_exceptions=True):
        if isinstance(result, BaseException):
            found.wrong(f"a client ended: {result!r}")
    found.seconds = monotonic() - began


def _settled(service: Service, found: Found, before: int) -> None:
    """Nothing is left of what has been answered. `before` are the instances that others had made."""
    if found.counts["answers 200"] == 0:
        found.wrong("nothing was answered")
    known, alive = _instances(service), _alive() - before
    until = monotonic() + SETTLED_S  # clients that left may have left long calls
    while alive > known and monotonic() < until:
        sleep(0.2)
        known, alive = _instances(service), _alive() - before
    if alive > known:
        found.wrong(f"{alive} instances are alive, of which {known} are known")
    memory = [mib for _, mib in found.memory]
    if memory and memory[-1] - memory[0] > GROWTH_MIB:
        found.wrong(f"memory grew from {memory[0]} to {memory[-1]} MiB")


def _instances(service: Service) -> int:
    """Instances that are accounted for, with the one that inspects code."""
    return _sandbox(service).statistics.instances_idle + 1


def _alive() -> int:
    """Instances that exist in this process."""
    return sum(isinstance(each, Instance) for each in gc.get_objects())


def _sandbox(service: Service) -> Sandbox:
    assert isinstance(service.sandbox, Sandbox)
    return service.sandbox


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

    async def connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection."""
        return await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 22)

    async def asked(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, body: object) -> Any:
        """The status and the content of an answer on a kept connection."""
        writer.write(_request(path, json.dumps(body).encode()))
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


def _request(path: str, body: bytes, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n\r\n"
    )
    return head.encode() + body


async def _hits(client: Client, end: float) -> None:
    """Hits of a procedure that does not change, on one connection."""
    reader, writer = await client.connected()
    with closing(writer):
        while monotonic() < end:
            value = client.random.randrange(10**12)
            status, content = await client.asked(reader, writer, PATH, {"text": f"repeat {value}"})
            client.judge(str(value), status, content)


async def _times_hits(client: Client, end: float) -> None:
    """Hits of the procedure that changes. Between two of its revisions there may be none."""
    reader, writer = await client.connected()
    with closing(writer):
        while monotonic() < end:
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


async def _long(client: Client, end: float) -> None:
    """Hits that take longer than an event loop may wait, of changing length."""
    reader, writer = await client.connected()
    with closing(writer):
        while monotonic() < end:
            value = client.random.choice((3, 2_000, 40_000))
            status, content = await client.asked(reader, writer, PATH, {"text": f"count to {value}"})
            client.judge(str(value), status, content)


async def _misses(client: Client, end: float) -> None:
    """Requests that nothing answers, and requests that are none."""
    reader, writer = await client.connected()
    with closing(writer):
        while monotonic() < end:
            text = f"who wrote book {client.random.randrange(10**6)}, and when?"
            body, expected = client.random.choice((({"text": text}, 504), ({"text": 7}, 400), ({"other": text}, 400)))
            status, content = await client.asked(reader, writer, PATH, body)
            if status != expected or content.get("answer") is not None:
                client.found.wrong(f"{body} got {status} {str(content)[:300]}")


async def _batches(client: Client, end: float) -> None:
    """Several requests at a time."""
    reader, writer = await client.connected()
    with closing(writer):
        while monotonic() < end:
            values = [client.random.randrange(10**6) for _ in range(20)]
            requests = [{"text": f"repeat {value}"} for value in values]
            status, content = await client.asked(reader, writer, f"{PATH}/batch", {"requests": requests})
            given = [each["body"]["answer"] for each in content["answers"]] if status == 200 else content
            if given != [str(value) for value in values]:
                client.found.wrong(f"a batch got {status} {str(given)[:300]}")


async def _slow(client: Client, end: float) -> None:
    """A request that arrives a few bytes at a time, and an answer that is read late."""
    while monotonic() < end:
        reader, writer = await client.connected()
        with closing(writer):
            value = client.random.randrange(10**6)
            whole = _request(PATH, json.dumps({"text": f"repeat {value}"}).encode())
            for start in range(0, len(whole), 16):
                writer.write(whole[start : start + 16])
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)
            status, content = await client.answered(reader)
            client.judge(str(value), status, content)


async def _leaving(client: Client, end: float) -> None:
    """Clients that go: in the middle of a request, before the answer, and without a word."""
    while monotonic() < end:
        _, writer = await client.connected()
        whole = _request(PATH, json.dumps({"text": f"count to {client.random.choice((3, 200_000))}"}).encode())
        writer.write(whole[: client.random.choice((0, 40, len(whole) - 5, len(whole)))])
        await asyncio.sleep(client.random.choice((0.0, 0.01, 0.1)))
        if client.random.random() < 0.5:
            writer.transport.abort()
        else:
            writer.close()
        client.found.counts["clients that left"] += 1
        await asyncio.sleep(0.01)


async def _oversized(client: Client, end: float) -> None:
    """Bodies over the limit: stated, and sent without being stated."""
    while monotonic() < end:
        reader, writer = await client.connected()
        with closing(writer):
            if client.random.random() < 0.5:
                writer.write(_request(PATH, b"{", length=1 << 30))
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


@contextmanager
def _served(directory: Path) -> Iterator[tuple[Service, int]]:
    folder = directory / "procedures"
    folder.mkdir()
    for each in (_repeat(), _count()):
        (folder / f"{each.metadata.name}.yaml").write_text(dump(each), encoding="utf-8")
    service = build_service(Settings(directory / "data", procedures=(folder,), strict=True, sandbox_mib=SANDBOX_MIB))
    listening = bind("127.0.0.1", 0)
    made = server(service, listening)
    thread = threading.Thread(target=made.run, kwargs={"sockets": [listening]})
    try:
        _place(service, _times(FACTORS[0], 0))
        thread.start()
        yield service, listening.getsockname()[1]
    finally:
        made.should_exit = True
        if thread.is_alive():
            thread.join()
        listening.close()
        service.close()


def _repeat() -> ReasoningProcedure:
    return _procedure("repeat", "repeat {n}", "def solve(n):\n    return n\n", "repeat 5", "5")


def _count() -> ReasoningProcedure:
    code = "def solve(n):\n    total = 0\n    for each in range(n):\n        total += 1\n    return total\n"
    return _procedure("count", "count to {n}", code, "count to 5", "5")


def _times(factor: int, number: int) -> ReasoningProcedure:
    code = f"def solve(n):\n    # version {number}\n    return n * {factor}\n"
    return _procedure("times", "multiply {n}", code, "multiply 1", str(factor))


def _procedure(name: str, pattern: str, code: str, request: str, answer: str) -> ReasoningProcedure:
    value = request.rpartition(" ")[2]
    return ReasoningProcedure.model_validate(
        {
            "apiVersion": "seglam.dev/v1alpha1",
            "kind": "ReasoningProcedure",
            "metadata": {"name": name},
            "spec": {
                "summary": f"What {name} does with a whole number.",
                "parameters": [{"name": "n", "type": "integer"}],
                "returns": {"type": "integer"},
                "match": {"patterns": [{"text": pattern}]},
                "code": code,
                "examples": [{"request": request, "arguments": [{"name": "n", "value": value}], "answer": answer}],
            },
        }
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
