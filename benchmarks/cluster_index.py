"""The index of a cluster's gateway: time and memory to build it from active revisions, and how long hits wait.

    python -m benchmarks.cluster_index [procedures] [KiB of each]

Revisions are decoded and indexed in a thread, as the gateway does it, while another thread finds hits of another tenant
for the event loop, one after another. The bytes are those that an API server sends.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from collections.abc import Iterator
from threading import Thread
from time import clock_gettime, perf_counter, pthread_getcpuclockid, thread_time

from benchmarks.corpus import Corpus
from benchmarks.machine import resident_kib
from seglam.cluster import Change, Key
from seglam.cluster.changes import Type
from seglam.gateway.cluster.catalog import Catalog
from seglam.gateway.cluster.decoding import Announced, announced
from seglam.lookup import Hit
from seglam.procedures import Request
from seglam.procedures.canonical import plain

TENANT, OTHER = "team", "another"
REQUEST = Request(text="What is the weather of Monday?")
TICK = 0.002


def objects(count: int, kib: int) -> Iterator[tuple[str, bytes]]:
    """Active revisions as an API server sends them, padded to about `kib` KiB by comments in their code."""
    corpus = Corpus(3 * count)
    for number, revision in enumerate(corpus.revisions[:count], 1):
        document = plain(revision.spec.model_dump(mode="json", by_alias=True))
        assert isinstance(document, dict)
        missing = (kib << 10) - len(json.dumps(document)) - 400
        document["code"] += "# padding\n" * max(missing // 11, 0)
        name = f"{revision.name[:40]}-{revision.digest[7:19]}"
        metadata = {
            "name": name,
            "namespace": TENANT,
            "resourceVersion": str(number),
            "labels": {"seglam.dev/active": "true", "seglam.dev/pool": "default"},
        }
        spec = {"procedure": revision.name, "digest": revision.digest, "authors": ["alice"], "document": document}
        yield name, json.dumps({"metadata": metadata, "spec": spec}).encode()


def heard(catalog: Catalog, given: list[tuple[str, bytes]]) -> list[Change[Announced]]:
    """What a watch makes of objects."""
    return [Change(Type.ADDED, Key(TENANT, name), None, announced(raw, catalog.revision)) for name, raw in given]


async def indexing(catalog: Catalog, changes: list[Change[Announced]]) -> tuple[float, float, float, float]:
    """Take changes in beside a loop that finds hits.

    Returns the seconds that it took, those of processor time, the longest that a hit took, and the most processor time
    that the indexing took while a hit was found: what a hit waits for it on a machine that does nothing else.
    """
    worker = Thread(target=catalog.apply, args=(changes,))
    began = last = perf_counter()
    worker.start()
    assert worker.ident is not None
    clock = pthread_getcpuclockid(worker.ident)
    longest = held = processor = 0.0
    while worker.is_alive():
        started, used = perf_counter(), clock_gettime(clock)
        await asyncio.to_thread(catalog.index(OTHER).find, REQUEST)
        if worker.is_alive():
            last, processor = perf_counter(), clock_gettime(clock)
            longest, held = max(longest, last - started), max(held, processor - used)
        await asyncio.sleep(TICK)
    worker.join()
    return perf_counter() - began, processor, longest, held


async def measure(count: int, kib: int) -> dict[str, float]:
    """Seconds and MiB for one tenant."""
    given = list(objects(count, kib))
    size = sum(len(raw) for _, raw in given)
    catalog = Catalog()
    catalog.apply([Change(Type.ADDED, Key(OTHER, name), None, announced(raw)) for name, raw in given[:20]])
    gc.collect()
    before = resident_kib()
    began = perf_counter()
    changes = heard(catalog, given)
    hearing = perf_counter() - began
    elapsed, processor, longest, held = await indexing(catalog, changes)
    after = resident_kib()
    changes.clear()
    began = thread_time()
    changes = heard(catalog, given)
    again = thread_time() - began
    _, _, longest_again, held_again = await indexing(catalog, changes)
    changes.clear()
    gc.collect()
    assert catalog.size() == (2, count + 20), catalog.unreadable
    return {
        "procedures": count,
        "MiB of JSON": size / (1 << 20),
        "heard, s": hearing,
        "indexed, s": elapsed,
        "indexed, s of processor time": processor,
        "a hit took at most, ms": longest * 1000,
        "of it for the indexing, ms": held * 1000,
        "memory after, MiB": (after - before) / 1024,
        "memory kept, MiB": (resident_kib() - before) / 1024,
        "heard again, s": again,
        "a hit took at most then, ms": longest_again * 1000,
        "of it for indexing again, ms": held_again * 1000,
        "hits": float(_hits(catalog, count)),
    }


def _hits(catalog: Catalog, count: int) -> int:
    texts = Corpus(3 * count).requests(50, seed=2)
    return sum(isinstance(catalog.index(TENANT).find(Request(text=text)), Hit) for text in texts)


def main() -> None:
    """Print what was measured."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    kib = int(sys.argv[2]) if len(sys.argv) > 2 else 6
    for name, value in asyncio.run(measure(count, kib)).items():
        print(f"{name:30} {value:12,.3f}")


if __name__ == "__main__":
    main()
