"""`python -m benchmarks.faults`: faults in code and in patterns, and which gate stops them.

Verdicts are kept in a file as they come (--state), so that a run that was ended goes on where it was. The result is
written to benchmarks/results/faults.json.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from time import monotonic
from typing import Any

from benchmarks.faults import code, judging, patterns
from benchmarks.faults.code import ORIGINAL, Verdict, implementations
from benchmarks.faults.wordings import cases, served_already
from benchmarks.machine import circumstances
from benchmarks.near_miss.bounds import upper_bound
from benchmarks.near_miss.pairs import PUBLISHED_SEED
from benchmarks.report import RESULTS, write
from seglam.compiler import Bench
from seglam.lookup import Index
from seglam.procedures import Revision
from seglam.procedures.document import ReasoningProcedure
from seglam.procedures.load import load_documents
from seglam.sandbox import Engine, Sandbox

ROOT = Path(__file__).parents[2]
PER_PROCEDURE = 17
RESULT = RESULTS / "faults.json"
COMMAND = "python -m benchmarks.faults"
"""As it is kept with the result; a run that was ended goes on with --state."""

Record = dict[str, Any]


def main(arguments: list[str]) -> int:
    """Run both parts and print their tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.add_argument("--procedures", type=Path, default=ROOT / "examples" / "procedures")
    parser.add_argument("--recordings", type=Path, default=ROOT / "examples" / "recordings")
    parser.add_argument("--seed", type=int, default=PUBLISHED_SEED)
    parser.add_argument("--mutants", type=int, default=PER_PROCEDURE, help="of each procedure (default: %(default)s)")
    parser.add_argument("--part", choices=("code", "patterns", "both"), default="both")
    parser.add_argument("--state", type=Path, default=Path("faults.state.jsonl"), help="where verdicts are kept")
    parser.add_argument("--seconds", type=float, default=3600, help="stop after this time; go on by running it again")
    parser.add_argument("--no-result", action="store_true", help="print only, and keep nothing in benchmarks/results")
    parser.add_argument("--prompts", type=Path, metavar="DIR", help="only write questions for blind judges there")
    parser.add_argument("--replies", type=Path, metavar="DIR", help="only read what blind judges replied there")
    parser.add_argument("--origin", default="blind judges", help="with --replies: how the verdicts came to be")
    chosen = parser.parse_args(arguments)
    if chosen.replies:
        print(f"{judging.read_replies(chosen.replies, chosen.origin)} verdicts kept")
        return 0
    documents = [each.document for each in load_documents(chosen.procedures)[0]]
    if chosen.prompts:
        print(f"{judging.write_prompts(_asked(documents, chosen.seed), chosen.prompts)} prompts written")
        return 0
    until: float = monotonic() + chosen.seconds
    with _bench() as bench, _kept(chosen.state) as (known, keep):
        finished = True
        if chosen.part in ("code", "both"):
            replies = implementations(chosen.recordings)
            old = {name: Verdict(**record) for name, record in known.items() if "what" in record}
            found: list[Record] = []

            def in_time() -> bool:
                return monotonic() <= until

            for verdict in code.run(documents, replies, bench, chosen.seed, chosen.mutants, old, in_time):
                found.append(asdict(verdict))
                if verdict.id not in old:
                    keep(verdict.id, asdict(verdict))
            finished = in_time()
        else:
            found = [record for record in known.values() if "what" in record]
        judged: list[Record] = []
        if chosen.part in ("patterns", "both"):
            judged, complete = _patterns(documents, bench, chosen.seed, known, keep, until)
            finished = finished and complete
        else:
            judged = [record for record in known.values() if "pattern" in record]
    result = {
        "code": _code_result(found),
        "patterns": _pattern_result(judged, _served(documents, chosen.seed) if chosen.part != "code" else None),
        "finished": finished,
    }
    print(_tables(result))
    if not chosen.no_result:
        facts = {"benchmark": "faults", **circumstances(arguments), "command": COMMAND, "seed": chosen.seed}
        unknown = {part for part, verdicts in (("code", found), ("patterns", judged)) if not verdicts}
        record = {**facts, **result, **earlier(RESULT, unknown)}
        write(json.dumps(record, indent=2, ensure_ascii=False) + "\n", RESULT)
    return 0


def earlier(kept: Path, parts: Collection[str]) -> Record:
    """What a kept result says of some parts, and of which revision; a run of one part does not undo the other."""
    if not parts or not kept.exists():
        return {}
    earlier = json.loads(kept.read_text(encoding="utf-8"))
    return {part: {"revision": earlier["revision"], **earlier[part]} for part in parts}


@contextmanager
def _bench() -> Iterator[Bench]:
    with Sandbox(Engine.load(build="a")) as first, Sandbox(Engine.load(build="b")) as second:
        yield Bench(first, second)


@contextmanager
def _kept(path: Path) -> Iterator[tuple[dict[str, Record], Callable[[str, Record], None]]]:
    """What an earlier run found, and a function that adds to it. A last line that was cut off is done again."""
    known: dict[str, Record] = {}
    whole: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            record = json.loads(line)
        except ValueError:
            break
        whole.append(line)
        known[record["id"]] = record
    path.write_text("".join(line + "\n" for line in whole), encoding="utf-8")
    with path.open("a", encoding="utf-8") as file:

        def keep(name: str, record: Record) -> None:
            file.write(json.dumps({**record, "id": name}, ensure_ascii=False) + "\n")
            file.flush()

        yield known, keep


def _asked(documents: list[ReasoningProcedure], seed: int) -> dict[tuple[str, str], str]:
    """What a verifier would be asked about all patterns and nobody judged yet, with summaries of the procedures."""
    by_name = {document.metadata.name: document for document in documents}
    known = judging.judgements()
    return {
        pair: by_name[case.procedure].spec.summary
        for case in cases(_index(documents), seed)
        for pair in patterns.pairs_of(by_name[case.procedure], case)
        if pair not in known
    }


def _index(documents: list[ReasoningProcedure]) -> Index:
    index = Index(explains=False)
    for document in documents:
        index.add(Revision.of(document))
    return index


def _patterns(
    documents: list[ReasoningProcedure],
    bench: Bench,
    seed: int,
    known: dict[str, Record],
    keep: Callable[[str, Record], None],
    until: float,
) -> tuple[list[Record], bool]:
    by_name = {document.metadata.name: document for document in documents}
    made = {f"{case.procedure}: {case.pattern}": case for case in cases(_index(documents), seed)}
    waiting = {name: case for name, case in made.items() if name not in known and monotonic() <= until}
    # One call for all: what the gate reads of the other procedures is kept between cases.
    for name, verdict in zip(waiting, patterns.run(by_name, list(waiting.values()), bench), strict=True):
        record: Record = {
            "id": name,
            "procedure": verdict.case.procedure,
            "fault": verdict.case.fault,
            "pattern": verdict.case.pattern,
            "stopped": verdict.stopped,
            "by": verdict.by,
            "unjudged": verdict.unjudged,
        }
        keep(name, record)
        known[name] = record
        if monotonic() > until:
            break
    found = [known[name] for name in made if name in known]
    return found, len(found) == len(made)


def _code_result(tried: list[Record]) -> Record:
    found = [record for record in tried if record["fault"] != ORIGINAL]
    rejected = [record["procedure"] for record in tried if record["fault"] == ORIGINAL and record["stopped"]]
    fates = Counter(record["fate"] for record in found)
    faulty = len(found) - fates["equivalent"] - fates["limit"]
    stopped = fates["stopped"]
    classes = {
        fault: dict(Counter(record["fate"] for record in found if record["fault"] == fault))
        for fault in sorted({record["fault"] for record in found})
    }
    return {
        "left_out_since_a_gate_stops_the_procedure": rejected,
        "mutants": len(found),
        "equivalent": fates["equivalent"],
        "limit": fates["limit"],
        "faulty": faulty,
        "stopped": stopped,
        "missed": fates["missed"],
        "undecided": fates["undecided"],
        "share_stopped": round(stopped / faulty, 4) if faulty else None,
        "share_stopped_with_limits": round(stopped / (faulty + fates["limit"]), 4) if faulty else None,
        "not_stopped_bound_95": round(upper_bound(faulty - stopped, faulty), 4) if faulty else None,
        "by_gate": dict(Counter(record["stopped"] for record in found if record["stopped"])),
        "by_class": classes,
        "survivors": [record for record in found if record["fate"] != "stopped"],
    }


def _served(documents: list[ReasoningProcedure], seed: int) -> int:
    return len(served_already(_index(documents), seed))


def _pattern_result(tried: list[Record], served: int | None) -> Record:
    """Shares of the patterns that were tried. Of good ones also the share of all, those included whose own request is
    served by what there is: a pattern that is not needed is not lost."""
    found = [record for record in tried if record["by"] != patterns.UNBOUND]
    bad = [record for record in found if record["fault"] != "good"]
    good = [record for record in found if record["fault"] == "good"]
    stopped, lost = (sum(record["stopped"] for record in part) for part in (bad, good))
    return {
        "bad": len(bad),
        "bad_stopped": stopped,
        "share_stopped": round(stopped / len(bad), 4) if bad else None,
        "good": len(good),
        "good_lost": lost,
        "share_lost": round(lost / len(good), 4) if good else None,
        "good_served_already": served,
        "share_lost_of_all_good": round(lost / (len(good) + served), 4) if good and served is not None else None,
        "by": dict(
            Counter(
                record["by"].split(":")[0] if record["by"].startswith("static") else record["by"]
                for record in bad
                if record["stopped"]
            )
        ),
        "lost_by": dict(Counter(record["by"] for record in good if record["stopped"])),
        "by_class": {
            fault: [sum(r["stopped"] for r in bad if r["fault"] == fault), sum(r["fault"] == fault for r in bad)]
            for fault in sorted({record["fault"] for record in bad})
        },
        "unjudged": sum(record["unjudged"] > 0 for record in found),
        "left_out": len(tried) - len(found),
        "survivors": [record for record in bad if not record["stopped"]],
        "lost": [record for record in good if record["stopped"]],
    }


def _by(record: Record) -> str:
    return "static" if record["by"].startswith("static") else str(record["by"])


def _tables(result: Record) -> str:
    made, wordings = result["code"], result["patterns"]
    lines = [
        f"code: {made['stopped']} of {made['faulty']} faulty mutants stopped ({made['share_stopped']}), "
        f"{made['missed']} missed, {made['undecided']} undecided, {made['equivalent']} equivalent, {made['limit']} "
        f"limits; by gate {made['by_gate']}"
    ]
    for fault, fates in made["by_class"].items():
        lines.append(f"  {fault:20} {fates}")
    lines.append(
        f"patterns: {wordings['bad_stopped']} of {wordings['bad']} bad ones stopped ({wordings['share_stopped']}), "
        f"{wordings['good_lost']} of {wordings['good']} good ones lost ({wordings['share_lost']}); "
        f"by {wordings['by']}; lost by {wordings['lost_by']}; {wordings['unjudged']} with a pair that nobody judged, "
        f"{wordings['left_out']} left out since they do not let their own request in"
    )
    for fault, (stopped, count) in wordings["by_class"].items():
        lines.append(f"  {fault:40} {stopped} of {count}")
    if not result["finished"]:
        lines.append("not finished: run it again with the same --state to go on")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
