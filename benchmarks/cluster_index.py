"""The index of a cluster's gateway: time and memory to build it from active revisions, and how long the loop waits.

    python -m benchmarks.cluster_index [procedures] [KiB of each]

Revisions are decoded and indexed in a thread, as the gateway does it, while the event loop does nothing but look at
the clock. The bytes are those that an API server sends.
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

TENANT = "team"
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


async def measure(count: int, kib: int) -> dict[str, float]:
    """Seconds and MiB for one tenant."""
    given = list(objects(count, kib))
    size = sum(len(raw) for _, raw in given)
    catalog = Catalog()
    gc.collect()
    before = resident_kib()
    began = perf_counter()
    changes: list[Change[Announced]] = []
    for name, raw in given:
        changes.append(Change(Type.ADDED, Key(TENANT, name), None, announced(raw, catalog.revision)))
    heard = perf_counter() - began

    worker = Thread(target=catalog.apply, args=(changes,))
    worker.start()
    assert worker.ident is not None
    clock = pthread_getcpuclockid(worker.ident)
    longest, last, processor = 0.0, perf_counter(), 0.0
    held = 0.0
    while worker.is_alive():
        await asyncio.sleep(TICK)
        now, used = perf_counter(), clock_gettime(clock) if worker.is_alive() else processor
        longest, last = max(longest, now - last - TICK), now
        held, processor = max(held, used - processor), used
    elapsed = perf_counter() - began
    worker.join()
    after = resident_kib()
    began = thread_time()
    for _, raw in given:
        announced(raw, catalog.revision)
    again = thread_time() - began
    changes.clear()
    gc.collect()
    assert catalog.size() == (1, count), catalog.unreadable
    return {
        "procedures": count,
        "MiB of JSON": size / (1 << 20),
        "heard, s": heard,
        "indexed, s": elapsed - heard,
        "indexed, s of processor time": processor,
        "loop waited at most, ms": longest * 1000,
        "of it for the indexing, ms": held * 1000,
        "memory after, MiB": (after - before) / 1024,
        "memory kept, MiB": (resident_kib() - before) / 1024,
        "heard again, s": again,
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
