"""`python -m benchmarks.drift`: how long a wrong procedure lasts."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from benchmarks.drift.run import SCENARIOS, Found, play
from benchmarks.machine import circumstances
from benchmarks.report import RESULTS

EVENTS = ("first wrong answer", "found", "stopped", "served again")


def main(arguments: list[str]) -> int:
    """Play the scenarios."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.drift", description=__doc__)
    parser.add_argument("--count", type=int, default=5_000, help="requests of each scenario (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=20261121, help="default: %(default)s")
    parser.add_argument("--write", action="store_true", help="keep the result in benchmarks/results/drift.json")
    parser.add_argument("--only", default="", metavar="WORDS", help="scenarios whose names begin so")
    chosen = parser.parse_args(arguments)
    results = []
    for scenario in (each for each in SCENARIOS if each.name.startswith(chosen.only)):
        found = play(scenario, chosen.count, chosen.seed)
        results.append(found)
        print(_line(found), flush=True)
    if chosen.write:
        record = {
            **circumstances(["drift", *arguments]),
            "seed": chosen.seed,
            "scenarios": [asdict(e) for e in results],
        }
        (RESULTS / "drift.json").write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


def _line(found: Found) -> str:
    parts = []
    for event in EVENTS:
        at = found.events.get(event)
        parts.append(f"{event}: " + ("never" if at is None else f"request {at['requests']} ({at['wrong']} wrong)"))
    total = f"{found.wrong} wrong of {found.hits} hits, {found.misses} misses of {found.requests} requests"
    return f"{found.name}: {'; '.join(parts)}; {total}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
