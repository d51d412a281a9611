"""Which served answers were wrong, counted by kind, as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.near_miss.bounds import upper_bound
from benchmarks.near_miss.pairs import Pair
from benchmarks.near_miss.question import Kind
from benchmarks.near_miss.served import OURS, Served
from seglam.cli.compare import Unreadable, right


@dataclass(slots=True)
class Count:
    """What became of the pairs of one kind."""

    pairs: int = 0
    served: int = 0
    wrong: int = 0
    right: int = 0

    @property
    def bound(self) -> float:
        """The share of wrong answers of all pairs is below this with 95 % confidence."""
        return upper_bound(self.wrong, self.pairs)


@dataclass(frozen=True, slots=True)
class Wrong:
    """One wrong answer, for whoever looks for its cause."""

    question: str
    kind: str
    first: str
    second: str
    locale: str | None
    expected: str | None
    served: str
    by: str


@dataclass(slots=True)
class Judged:
    """Counts by kind, by question and by part of the paraphrases, and the wrong answers themselves."""

    kinds: dict[Kind, Count] = field(default_factory=dict)
    questions: dict[str, Count] = field(default_factory=dict)
    parts: dict[str, Count] = field(default_factory=dict)
    wrong: list[Wrong] = field(default_factory=list)

    @property
    def total(self) -> Count:
        """All kinds together."""
        return Count(*(sum(getattr(count, name) for count in self.kinds.values()) for name in Count.__slots__))


def is_right(pair: Pair, answer: str) -> bool:
    """Whether a served answer is the expected one."""
    if pair.expected is None:
        return False
    try:
        return right(answer, pair.expected, pair.compare)
    except Unreadable:
        return False


def judge(pairs: Sequence[Pair], served: Sequence[Served]) -> Judged:
    """Compare what was served with what was right."""
    judged = Judged()
    for pair, each in zip(pairs, served, strict=True):
        counts = [
            judged.kinds.setdefault(pair.kind, Count()),
            judged.questions.setdefault(f"{pair.question}/{pair.kind}", Count()),
        ]
        if pair.part:
            counts.append(judged.parts.setdefault(pair.part, Count()))
        correct = each.answer is not None and is_right(pair, each.answer)
        for count in counts:
            count.pairs += 1
            count.served += each.answer is not None
            count.right += correct
            count.wrong += each.answer is not None and not correct
        if each.answer is not None and not correct:
            locale = pair.second.context.get("locale")
            judged.wrong.append(
                Wrong(
                    pair.question,
                    pair.kind,
                    pair.first,
                    pair.second.text or "",
                    locale,
                    pair.expected,
                    each.answer,
                    each.by,
                )
            )
    return judged


def as_json(
    pairs: Sequence[Pair], results: Mapping[str, Judged], circumstances: Mapping[str, object], notes: Sequence[str]
) -> str:
    """The published result."""
    ours = results[OURS]
    paraphrased = ours.kinds.get(Kind.PARAPHRASE, Count())
    total = ours.total
    record = {
        "benchmark": "near_miss",
        **circumstances,
        "notes": list(notes),
        "pairs": total.pairs,
        "types": len({pair.question for pair in pairs}),
        "wordings": len({pair.wording for pair in pairs}),
        "must_miss": sum(pair.expected is None for pair in pairs),
        "wrong": total.wrong,
        "wrong_bound_95": round(total.bound, 6),
        "paraphrases": paraphrased.pairs,
        "paraphrase_hits": paraphrased.right,
        "paraphrases_by_part": {
            part: {"paraphrases": count.pairs, "hits": count.right, "wrong": count.wrong}
            for part, count in ours.parts.items()
        },
        "caches": {
            name: {
                "pairs": judged.total.pairs,
                "served": judged.total.served,
                "wrong": judged.total.wrong,
                "wrong_bound_95": round(judged.total.bound, 6),
                "kinds": {
                    str(kind): {
                        "pairs": count.pairs,
                        "served": count.served,
                        "right": count.right,
                        "wrong": count.wrong,
                        "wrong_bound_95": round(count.bound, 6),
                    }
                    for kind, count in judged.kinds.items()
                },
            }
            for name, judged in results.items()
        },
    }
    return json.dumps(record, indent=2, ensure_ascii=False) + "\n"


def table(results: Mapping[str, Judged]) -> str:
    """For each kind and cache: the share of pairs that were served wrongly; for paraphrases the share that hit."""
    names = list(results)
    first = results[names[0]]
    rows = [["kind", "pairs", f"{names[0]} right", "wrong", "95 % bound", *(f"{name} wrong" for name in names[1:])]]
    for kind, count in [*first.kinds.items(), ("all", first.total)]:
        others = [results[name].total if kind == "all" else results[name].kinds[Kind(kind)] for name in names[1:]]
        rows.append(
            [
                str(kind),
                f"{count.pairs:,}",
                f"{count.right / count.pairs:.1%}",
                str(count.wrong),
                f"{count.bound:.3%}",
                *(f"{other.wrong / other.pairs:.1%}" for other in others),
            ]
        )
    for part, count in first.parts.items():
        hits = [results[name].parts[part] for name in names[1:]]
        rows.append(
            [f"{part} hit and right", f"{count.pairs:,}", f"{count.right / count.pairs:.1%}", str(count.wrong), ""]
            + [f"{hit.right / hit.pairs:.1%}" for hit in hits]
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if not number else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    lines.insert(1, "-" * len(lines[0]))
    return "\n".join(lines)
