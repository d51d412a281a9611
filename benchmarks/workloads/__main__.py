"""`python -m benchmarks.workloads NAME`: a public data set through SEGLAM and through caches of answers.

The result is written to benchmarks/results/NAME.json. Nothing is downloaded: --data is the directory that holds the
files that the error message names, and a file of another content is refused.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.machine import circumstances
from benchmarks.near_miss.served import PEERS, PROCEDURES, NoPeers
from benchmarks.report import RESULTS, write
from benchmarks.workloads import controls, gsm_symbolic, shopping, text2sql
from benchmarks.workloads.measure import Ours, keep, ours, peers, shares
from benchmarks.workloads.stream import DataProblem, Line, Stream
from seglam.cli import report

RECORDINGS = Path(__file__).parent / "recordings"
SHOWN = 50
"""Hits and wrong answers that a result lists one by one; all are counted."""


@dataclass(frozen=True, slots=True)
class Workload:
    """How a stream is made, and what SEGLAM begins with.

    Attributes:
        make: the stream from the data's place, a seed and a count.
        recordings: folder of recorded completions; where there is one the start is empty.
        count: requests, where the data does not fix it.
        peers: caches of answers beside it.
    """

    make: Callable[[Path | None, int, int], Stream]
    recordings: str | None = None
    count: int = 0
    peers: Sequence[str] = PEERS


WORKLOADS = {
    "gsm_symbolic": Workload(lambda _, seed, count: gsm_symbolic.stream(seed, count), "gsm_symbolic", 3000),
    "shopping_same": Workload(shopping.same_wording, "shopping", 10_000),
    "shopping_varied": Workload(shopping.varied_wording, "shopping", 10_000),
    "clinc150": Workload(lambda data, *_: controls.clinc150(data), peers=(*PEERS, "cosine-0.60", "cosine-0.70")),
    "gsm8k": Workload(lambda data, *_: controls.gsm8k(data)),
    "bfcl_irrelevance": Workload(lambda data, *_: controls.irrelevance(data)),
    "geography": Workload(lambda data, *_: text2sql.geography(data)),
    "advising": Workload(lambda data, *_: text2sql.advising(data)),
}


def main(arguments: list[str]) -> int:
    """Run one workload. Exit code 1 if a hit of ours was wrong, 2 if the data is not there."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.workloads", description=__doc__)
    parser.add_argument("name", choices=WORKLOADS)
    parser.add_argument("--data", type=Path, help="directory of the data set's files")
    parser.add_argument("--seed", type=int, default=1000, help="of streams that are drawn (default: %(default)s)")
    parser.add_argument("--count", type=int, help="requests of streams that are drawn")
    parser.add_argument("--seed-order", type=int, default=1, metavar="N", help="of the order (default: %(default)s)")
    parser.add_argument(
        "--procedures", type=Path, action="append", help="begin with these, a directory; may be given several times"
    )
    parser.add_argument("--recordings", type=Path, help="recorded completions that stand in for a model")
    parser.add_argument("--only-if-cached", action="store_true", help="compile nothing, not even from recordings")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="write the procedures that are active at the end")
    parser.add_argument("--out", type=Path, metavar="FILE", help="only write the stream, for `seglam replay`")
    parser.add_argument("--no-peers", action="store_true", help="leave the caches of answers out")
    parser.add_argument("--no-result", action="store_true", help="print only, and keep nothing in benchmarks/results")
    chosen = parser.parse_args(arguments)
    workload = WORKLOADS[chosen.name]
    try:
        stream = workload.make(chosen.data, chosen.seed, chosen.count or workload.count)
    except (DataProblem, ValueError) as problem:
        print(problem, file=sys.stderr)
        return 2
    lines = list(stream.lines)
    random.Random(chosen.seed_order).shuffle(lines)
    if chosen.out:
        write("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), chosen.out)
        return 0
    found = _ours(lines, workload, chosen)
    if chosen.keep:
        keep(found.active, chosen.keep)
    record = {
        "benchmark": chosen.name,
        **circumstances(arguments),
        "command": f"python -m benchmarks.workloads {chosen.name}{' --data DIR' if chosen.data else ''}"
        + (f" --count {chosen.count}" if chosen.count else "")
        + (" --procedures DIR" * len(chosen.procedures or ()))
        + (" --only-if-cached" if chosen.only_if_cached else ""),
        "seed": chosen.seed,
        "seed_order": chosen.seed_order,
        "metric": stream.metric,
        "sources": list(stream.sources),
        "facts": dict(stream.facts),
        **_result(found),
        **_beside(stream, lines, () if chosen.no_peers else workload.peers),
    }
    print(table(record))
    if not chosen.no_result:
        write(json.dumps(record, indent=2, ensure_ascii=False) + "\n", RESULTS / f"{chosen.name}.json")
    return 1 if found.wrong else 0


def _ours(lines: Sequence[Line], workload: Workload, chosen: argparse.Namespace) -> Ours:
    """With recordings the start is empty unless procedures are named; without, it is the repository's examples."""
    own = RECORDINGS / workload.recordings if workload.recordings else None
    recorded = chosen.recordings or (own if own and own.is_dir() else None)
    begun = chosen.procedures or ([] if workload.recordings else [PROCEDURES])
    with TemporaryDirectory(prefix="seglam-workload-") as scratch:
        together = Path(scratch)
        for directory in begun:
            for path in sorted(directory.glob("*.yaml")):
                shutil.copy(path, together / path.name)
        return ours(lines, together if begun else None, None if chosen.only_if_cached else recorded)


def _result(found: Ours) -> dict[str, Any]:
    summary = report.summary(found.records, 10, by_family=True)
    calls, admitted = summary["model"], len(found.active) - found.begun_with
    families = summary["families"]
    answered = {name for name, each in families.items() if each["hits"]}
    of_answered = [record for record in found.records if record.family in answered]
    return {
        "seglam": {
            "begun_with_procedures": found.begun_with,
            **shares(found.records).as_json(),
            "misses_by_reason": summary["misses_by_reason"],
            "model_calls": calls,
            "admitted_procedures": admitted,
            "author_calls_by_admitted": _ratio(calls["author_calls"] + calls["repair_calls"], admitted),
            "verifier_calls_by_admitted": _ratio(calls["verifier_calls"], admitted),
            "families_answered": len(answered),
            "of_answered_families": shares(of_answered).as_json() if answered else None,
            "families": {
                name: {
                    key: each[key]
                    for key in ("requests", "hits", "wrong", "author_calls", "repair_calls", "verifier_calls")
                }
                for name, each in families.items()
            },
            "by_slice": [each["hit_rate"] for each in summary["slices"]],
            "hits_shown": found.hits[:SHOWN] if not found.active or found.begun_with else [],
            "wrong_shown": found.wrong[:SHOWN],
        }
    }


def _ratio(part: int, whole: int) -> float | None:
    return round(part / whole, 2) if whole else None


def _beside(stream: Stream, lines: Sequence[Line], names: Sequence[str]) -> dict[str, Any]:
    if not names:
        return {"peers": {}, "notes": ["caches of answers were left out"]}
    try:
        found = peers(stream, lines, names)
    except NoPeers as problem:
        return {"peers": {}, "notes": [str(problem)]}
    begin = f"hold {len(stream.given):,} answers at first" if stream.given else "begin empty"
    return {
        "peers": {
            name: {(family or "all"): each.as_json() for family, each in families.items() if _shown(family, families)}
            for name, families in found.items()
        },
        "notes": [f"Caches of answers {begin}, and keep the right answer of each request that they miss."],
    }


def _shown(family: str, families: dict[str, Any]) -> bool:
    """A few families are worth a figure for each cache, many are not."""
    return not family or len(families) <= 4


def table(record: dict[str, Any]) -> str:
    """For a person."""
    mine = record["seglam"]
    rows = [("", "requests", "hits", "95 %", "wrong of hits", "wrong of all", "wrong of all at most")]
    named = {"seglam": mine} | ({"seglam, types that hit": of} if (of := mine["of_answered_families"]) else {})
    named |= {f"{name}, {family}": each for name, part in record["peers"].items() for family, each in part.items()}
    for name, each in named.items():
        low, high = each["hit_rate_95"] or (0, 0)
        rows.append(
            (
                name,
                f"{each['requests']:,}",
                f"{each['hits']:,} ({(each['hit_rate'] or 0):.1%})",
                f"{low:.1%} to {high:.1%}",
                "" if each["wrong_of_hits"] is None else f"{each['wrong_of_hits']:.1%}",
                f"{(each['wrong_of_all'] or 0):.2%}",
                f"{(each['wrong_of_all_bound_95'] or 0):.3%}",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if not column else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    calls = mine["model_calls"]
    return "\n".join(
        [
            f"{record['benchmark']}: seed {record['seed']}, order {record['seed_order']}; {record['metric']}",
            *lines,
            f"misses: {mine['misses_by_reason']}",
            f"begun with {mine['begun_with_procedures']} procedures, {mine['admitted_procedures']} admitted; calls:"
            f" {calls['author_calls']} author, {calls['repair_calls']} repair, {calls['verifier_calls']} verifier",
            f"facts: {record['facts']}",
            *record["notes"],
        ]
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
