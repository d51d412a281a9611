"""`python -m benchmarks.soak`: mixed load for a while, looking for wrong answers, leaked instances and growing memory.

Hits of many kinds, misses, batches, OpenAI clients with streams, clients that send slowly, leave early or send too
much, a model behind the gateway that fails in all its ways, and procedures that are activated, rolled back and
quarantined meanwhile. Exits with 1 if anything was wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, process_time, sleep

from benchmarks import soak_model
from benchmarks.machine import resident_kib
from benchmarks.soak_clients import KINDS, Client, Found, History
from seglam.gateway import Decision, Service, Settings, build_service
from seglam.gateway.server import bind, server
from seglam.gateway.serving.loop import run
from seglam.procedures import ReasoningProcedure, dump
from seglam.sandbox import Sandbox
from seglam.sandbox.native import Instance

RESULT = Path(__file__).parent / "results" / "soak.json"
CLIENTS = 24
SANDBOX_MIB = 64
CHANGES_PER_SECOND = 10
MADE_UP_S = 5.0
WARM_UP_S = 20.0
SETTLED_S = 60.0
"""Seconds in which everything that is at work when the load ends must have ended."""
GROWTH_MIB = 16.0
"""That the median of resident memory in the last quarter of a run may lie above that in the second quarter. In the
first one, pools and caches fill up."""
FACTORS = (7, 11)
"""Of the revision that is rolled back to, and of those that come and go."""


def main(arguments: list[str]) -> int:
    """Run; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=1800.0, help="how long (default: 1800)")
    parser.add_argument("--still", action="store_true", help="change no procedure meanwhile")
    parser.add_argument("--write", action="store_true", help="keep what was found in results")
    parser.add_argument("--every", type=float, default=30.0, help="seconds from one line of progress to the next")
    chosen = parser.parse_args(arguments)
    found = soak(chosen.seconds, changes=not chosen.still, every=chosen.every, say=print)
    shown = json.dumps(found.shown(), indent=2)
    print(shown)
    if chosen.write:
        command = " ".join(["python -m benchmarks.soak", *arguments])
        kept = {"command": command, "date": datetime.now(UTC).isoformat(timespec="seconds"), **found.shown()}
        RESULT.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
    for fault in found.faults:
        print(f"wrong: {fault}", file=sys.stderr)
    return 1 if found.faults else 0


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
    model = soak_model.Model()
    with TemporaryDirectory(prefix="seglam-soak-") as directory, _served(Path(directory), model) as (service, port):
        history, stop = History(_times(FACTORS[0], 0), FACTORS[0]), threading.Event()
        changer = threading.Thread(target=_change, args=(service, history, stop, found))
        if changes:
            changer.start()
        try:
            run(_load(service, model, history, port, seconds, clients, found, every, say))
        finally:
            stop.set()
            if changes:
                changer.join()
        _settled(service, found, before)
    return found


def _change(service: Service, history: History, stop: threading.Event, found: Found) -> None:
    """Activate, roll back and quarantine, ten times a second. What has become late in a pause of the machine is made up
    for, up to so many seconds of it."""
    due = monotonic()
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
                due = max(due + 1 / CHANGES_PER_SECOND, monotonic() - MADE_UP_S)
                if stop.wait(max(0.0, due - monotonic())):
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
    model: soak_model.Model,
    history: History,
    port: int,
    seconds: float,
    clients: int,
    found: Found,
    every: float,
    say: Callable[[str], None],
) -> None:
    began, spent = monotonic(), process_time()
    end = began + seconds
    warm = began + min(WARM_UP_S, seconds / 2)
    kinds = (*KINDS, soak_model.chat_hits, soak_model.chat_misses)
    clients_of = [Client(port, found, history, number) for number in range(clients)]
    async with model.served():
        working = [asyncio.create_task(kinds[each.number % len(kinds)](each, end)) for each in clients_of]
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
    found.seconds, found.processor_s = monotonic() - began, process_time() - spent


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
    if found.memory and found.growth > GROWTH_MIB:
        found.wrong(f"memory grew by {found.growth:.1f} MiB")


def _instances(service: Service) -> int:
    """Instances that are accounted for, with the one that inspects code."""
    return _sandbox(service).statistics.instances_idle + 1


def _alive() -> int:
    """Instances that exist in this process."""
    return sum(isinstance(each, Instance) for each in gc.get_objects())


def _sandbox(service: Service) -> Sandbox:
    assert isinstance(service.sandbox, Sandbox)
    return service.sandbox


@contextmanager
def _served(directory: Path, model: soak_model.Model) -> Iterator[tuple[Service, int]]:
    folder = directory / "procedures"
    folder.mkdir()
    for each in (_repeat(), _count()):
        (folder / f"{each.metadata.name}.yaml").write_text(dump(each), encoding="utf-8")
    service = build_service(Settings(directory / "data", procedures=(folder,), strict=True, sandbox_mib=SANDBOX_MIB))
    listening = bind("127.0.0.1", 0)
    made = server(service, listening, upstream=soak_model.settings(model))
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
