"""`python -m benchmarks.near_miss`: the battery over any procedures, with each wrong answer."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from benchmarks.machine import circumstances
from benchmarks.near_miss.pairs import PUBLISHED_SEED
from benchmarks.near_miss.run import run
from benchmarks.near_miss.served import OURS, PROCEDURES


def main(arguments: list[str]) -> int:
    """Run the battery. Exit code 1 if anything was served wrongly."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.near_miss", description=__doc__)
    parser.add_argument("--seed", type=int, default=PUBLISHED_SEED, help="the published result's is %(default)s")
    parser.add_argument("--procedures", type=Path, default=PROCEDURES, help="directory of YAML files")
    parser.add_argument("--quick", action="store_true", help="a few hundred pairs")
    parser.add_argument("--peers", action="store_true", help="caches of answers beside it")
    parser.add_argument("--wrong", type=Path, metavar="FILE", help="write each wrong answer of ours as a JSON line")
    parser.add_argument("--misses", action="store_true", help="list how many paraphrases of each question hit")
    parser.add_argument("--json", action="store_true", help="print the record instead of the table")
    chosen = parser.parse_args(arguments)
    battery = run(chosen.quick, chosen.seed, chosen.procedures, chosen.peers)
    print(battery.as_json(circumstances(arguments)) if chosen.json else battery.table())
    ours = battery.results[OURS]
    if chosen.wrong:
        lines = (json.dumps(asdict(wrong), ensure_ascii=False) + "\n" for wrong in ours.wrong)
        chosen.wrong.write_text("".join(lines), encoding="utf-8")
    if chosen.misses:
        for name, count in ours.questions.items():
            if name.endswith("/paraphrase"):
                print(f"{count.right / count.pairs:7.1%} of {count.pairs:3}  {name.removesuffix('/paraphrase')}")
    return 1 if ours.wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
