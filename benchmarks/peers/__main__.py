"""`python -m benchmarks.peers PEER ...`: fill caches and ask them; JSON lines in, JSON lines out.

In: {"put": question, "answer": text}, for some of them with "peers": [PEER, ...], or {"get": question}. Out: one line
for each `get`, {"PEER": answer or null, ...} and, with --times, {"seconds": {"PEER": ...}} of that call in it.
"""

from __future__ import annotations

import argparse
import atexit
import json
import shutil
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from time import perf_counter

from benchmarks.peers.caches import cache_of
from benchmarks.peers.minilm import Vector, encoder


def main(arguments: list[str]) -> int:
    """Serve until the input ends; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("peers", nargs="+", metavar="PEER", help="gptcache, exact, cosine-0.90")
    parser.add_argument("--times", action="store_true", help="measure each call, with nothing remembered between them")
    chosen = parser.parse_args(arguments)
    encode: Callable[[str], Vector] = encoder().encode
    if not chosen.times:
        encode = cache(encode)
    # GPTCache writes its stores once more when the process ends, so their directory goes after that.
    directory = mkdtemp(prefix="seglam-peers-")
    atexit.register(shutil.rmtree, directory)
    caches = {}
    for name in chosen.peers:
        place = Path(directory, name)
        place.mkdir()
        caches[name] = cache_of(name, place, encode)
    for line in sys.stdin:
        asked = json.loads(line)
        if "put" in asked:
            for name in asked.get("peers", caches):
                caches[name].put(asked["put"], asked["answer"])
            continue
        found: dict[str, object] = {}
        seconds = {}
        for name, each in caches.items():
            began = perf_counter()
            found[name] = each.get(asked["get"])
            seconds[name] = perf_counter() - began
        print(json.dumps({**found, "seconds": seconds} if chosen.times else found), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
