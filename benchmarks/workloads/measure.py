"""A stream through SEGLAM's loop, and through caches of answers that begin with what the stream gives them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.near_miss.served import peers_process
from benchmarks.workloads.stream import Line, Stream
from seglam.cli import report
from seglam.cli.compare import Unreadable, right
from seglam.cli.decisions import wrong_answer
from seglam.cli.loglines import parse_line
from seglam.cli.loop import Loop
from seglam.cli.report import Record, Verdict
from seglam.gateway.health.bounds import upper_bound
from seglam.procedures.document import API_VERSION, KIND, Metadata, ReasoningProcedure
from seglam.procedures.load import dump

LOCALE = "en-US"


@dataclass(frozen=True, slots=True)
class Shares:
    """How many requests hit, and how many of the hits were wrong."""

    requests: int
    hits: int
    judged: int
    wrong: int

    def as_json(self) -> dict[str, Any]:
        """Shares with their exact intervals: two-sided for hits, an upper bound for wrong ones; 95 %."""
        return {
            "requests": self.requests,
            "hits": self.hits,
            "hit_rate": report.rate(self.hits, self.requests),
            "hit_rate_95": interval(self.hits, self.requests),
            "judged_hits": self.judged,
            "wrong": self.wrong,
            "wrong_of_hits": report.rate(self.wrong, self.judged),
            "wrong_of_hits_bound_95": _rounded(upper_bound(self.wrong, self.judged)),
            "wrong_of_all": report.rate(self.wrong, self.requests),
            "wrong_of_all_bound_95": _rounded(upper_bound(self.wrong, self.requests)),
        }


@dataclass(slots=True)
class Ours:
    """What SEGLAM did."""

    records: list[Record] = field(default_factory=list)
    hits: list[dict[str, object]] = field(default_factory=list)
    wrong: list[dict[str, object]] = field(default_factory=list)
    begun_with: int = 0
    active: list[ReasoningProcedure] = field(default_factory=list)
    answered: set[str] = field(default_factory=set)


def interval(events: int, trials: int) -> list[float] | None:
    """The exact two-sided 95 % interval of a share (Clopper and Pearson 1934); None without trials."""
    upper = upper_bound(events, trials, 0.975)
    lower = upper_bound(trials - events, trials, 0.975)
    return None if upper is None or lower is None else [round(1 - lower, 6), round(upper, 6)]


def _rounded(bound: float | None) -> float | None:
    return None if bound is None else round(bound, 6)


def ours(lines: Sequence[Line], procedures: Path | None, recordings: Path | None) -> Ours:
    """The loop of `seglam replay`: misses are compiled from recordings, where there are any, and approved unseen."""
    found = Ours()
    with Loop(procedures, recordings, None, approve="replay", only_if_cached=recordings is None) as loop:
        found.begun_with = len(loop.active)
        for number, line in enumerate(lines, 1):
            read = parse_line(json.dumps(line).encode(), number, LOCALE)
            decision = loop.decide(read)
            record = decision.record(read)
            found.records.append(record)
            if record.hit:
                found.hits.append({"text": line["text"], "procedure": decision.procedure, "answer": decision.answer})
                found.answered.add(decision.procedure or "")
            if record.verdict is Verdict.WRONG:
                found.wrong.append({"text": line["text"], **wrong_answer(read, decision)})
        found.active = [
            ReasoningProcedure(api_version=API_VERSION, kind=KIND, metadata=Metadata(name=each.name), spec=each.spec)
            for each in loop.active
        ]
    return found


def shares(records: Sequence[Record]) -> Shares:
    """Of any of the decisions."""
    judged = [record for record in records if record.verdict in (Verdict.RIGHT, Verdict.WRONG)]
    wrong = sum(record.verdict is Verdict.WRONG for record in judged)
    return Shares(len(records), sum(record.hit for record in records), len(judged), wrong)


def keep(documents: Sequence[ReasoningProcedure], directory: Path) -> None:
    """Write procedures as YAML files."""
    directory.mkdir(parents=True, exist_ok=True)
    for document in documents:
        (directory / f"{document.metadata.name}.yaml").write_text(dump(document), encoding="utf-8")


def peers(stream: Stream, lines: Sequence[Line], names: Sequence[str]) -> Mapping[str, dict[str, Shares]]:
    """Caches that keep the right answer of each request that they miss, by cache and by family ("" for all).

    A request without a right answer has a reply of its own, which is right for equal texts alone. `NoPeers` where
    their environment is not there.
    """
    counted = {name: {"": [0, 0, 0]} for name in names}
    with peers_process(names) as process:
        assert process.stdin and process.stdout
        for question, answer in stream.given:
            process.stdin.write(json.dumps({"put": question, "answer": answer}) + "\n")
        for line in lines:
            process.stdin.write(json.dumps({"get": line["text"]}) + "\n")
            process.stdin.flush()
            if not (said := process.stdout.readline()):
                raise RuntimeError(f"the peers ended with exit code {process.wait()}; their messages are above")
            answers: dict[str, str | None] = json.loads(said)
            if missed := [name for name, answer in answers.items() if answer is None]:
                process.stdin.write(json.dumps({"put": line["text"], "answer": reply_of(line), "peers": missed}) + "\n")
            for name, served in answers.items():
                for family in {"", line.get("family", "")}:
                    count = counted[name].setdefault(family, [0, 0, 0])
                    count[0] += 1
                    count[1] += served is not None
                    count[2] += served is not None and not is_right(line, served)
    return {
        name: {family: Shares(asked, hits, hits, wrong) for family, (asked, hits, wrong) in found.items()}
        for name, found in counted.items()
    }


def reply_of(line: Line) -> str:
    """What a model would have answered and a cache would keep."""
    if "intent" in line:
        return str(line["intent"])
    expected = line.get("expected")
    if expected is None:
        return f"the reply to {line['text']}"
    return expected if isinstance(expected, str) else json.dumps(expected)


def is_right(line: Line, answer: str) -> bool:
    """Whether a cache's answer is the request's own."""
    if "intent" in line or line.get("expected") is None:
        return answer == reply_of(line)
    try:
        return right(answer, line["expected"], line.get("compare"))
    except Unreadable:
        return False
