"""`python -m benchmarks`: run benchmarks, print their tables and keep their results."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from benchmarks import gateway, hit, lookup, registry, runner, sandbox
from benchmarks.machine import circumstances
from benchmarks.near_miss import run as near_miss
from benchmarks.report import RESULTS


class Kept(Protocol):
    """A result that can be printed and kept."""

    def table(self) -> str:
        """For a person."""

    def as_json(self, circumstances: dict[str, object]) -> str:
        """For programs."""

    def write(self, circumstances: dict[str, object]) -> Path:
        """Keep it among the results."""


BENCHMARKS: dict[str, Callable[[bool], Kept]] = {
    "lookup": lookup.run,
    "sandbox": sandbox.run,
    "hit": hit.run,
    "gateway": gateway.run,
    "runner": runner.run,
    "registry": registry.run,
    "near_miss": near_miss.run,
}


def main(arguments: list[str]) -> int:
    """Run the benchmarks that the arguments name; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="fewer and smaller rounds; the results are not kept")
    parser.add_argument("--json", action="store_true", help="print JSON lines instead of tables")
    chosen = parser.parse_args(arguments)
    if unknown := [name for name in chosen.names if name not in BENCHMARKS]:
        parser.error(f"there is no benchmark {unknown[0]!r}; there are {', '.join(BENCHMARKS)}")
    facts = circumstances(arguments)
    if not chosen.json:
        print(f"{facts['processor']}, {facts['cores']} cores, Python {facts['python']}, load {facts['load']}\n")
    for name in chosen.names or BENCHMARKS:
        report = BENCHMARKS[name](chosen.quick)
        if chosen.json:
            print(json.dumps(json.loads(report.as_json(facts))), flush=True)
        else:
            print(report.table(), flush=True)
        if not chosen.quick:
            path = report.write(facts)
            print(f"kept as {path.relative_to(RESULTS.parent.parent)}\n", file=sys.stderr, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
