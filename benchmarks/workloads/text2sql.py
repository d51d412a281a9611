"""Questions about a database in many people's words, from text2sql-data: types are SQL queries, values are slots.

No value type of SEGLAM is a database, so that no procedure can run a query: what is measured is how far caches of
answers and matching itself get.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.workloads.stream import Line, Source, Stream

_REPOSITORY = ("jkkummerfeld/text2sql-data", "5050bad2309a93636ea4788d3660c9202bf11e0e")
GEOGRAPHY = Source(
    *_REPOSITORY,
    path="data/geography.json",
    licence="none stated, shared with the authors' permission",
    sha256="b20ad8ed357029c9efa49aa64434729f624591850f66b1137cabcc0e45273c1b",
)
GEOGRAPHY_DATABASE = Source(
    *_REPOSITORY,
    path="data/geography-db.added-in-2020.sqlite",
    licence="none stated, shared with the authors' permission",
    sha256="98955372123cd9a8e761b00c2c67fbf221f1b8699927add538b53154c702dd3c",
)
ADVISING = Source(
    *_REPOSITORY,
    path="data/advising.json",
    licence="CC BY 4.0",
    sha256="ec8d6a2d570b1768b25ef51d2445bb599b537d9b3d802bf498513a70337599bd",
)


@dataclass(frozen=True, slots=True)
class _Asked:
    """One question: `template` is its text with slots, `kind` the query with slots, `query` the query itself."""

    text: str
    template: str
    kind: str
    query: str


def geography(data: Path | None) -> Stream:
    """877 questions about the United States' geography; an answer is the query's result."""
    asked = list(_questions(GEOGRAPHY.find(data)))
    with sqlite3.connect(f"file:{GEOGRAPHY_DATABASE.find(data)}?mode=ro", uri=True) as database:
        results = [_result(database, each.query) for each in asked]
    run = [(each, result) for each, result in zip(asked, results, strict=True) if result is not None]
    return Stream(
        _lines("geography", [each for each, _ in run], [result for _, result in run]),
        metric="an answer is right if it has the rows that the question's query returns, in any order",
        sources=[GEOGRAPHY.described, GEOGRAPHY_DATABASE.described],
        facts={"queries_that_fail": len(asked) - len(run), **ceilings([each for each, _ in run])},
    )


def advising(data: Path | None) -> Stream:
    """4,387 questions of students; the database is in no copy that was found, so an answer is the query itself."""
    asked = list(_questions(ADVISING.find(data)))
    return Stream(
        _lines("advising", asked, [each.query for each in asked]),
        metric="an answer is right if it is of the very query, values filled in; the data's database was not to be had",
        sources=[ADVISING.described],
        facts=ceilings(asked),
    )


def _questions(path: Path) -> Iterator[_Asked]:
    for entry in json.loads(path.read_text(encoding="utf-8")):
        query, examples = entry["sql"][0], {each["name"]: each["example"] for each in entry["variables"]}
        for sentence in entry["sentences"]:
            said = {name: value for name, value in sentence["variables"].items() if value}
            yield _Asked(_filled(sentence["text"], said), sentence["text"], query, _filled(query, {**examples, **said}))


def _filled(text: str, values: dict[str, str]) -> str:
    """Variables replaced, the longest name first: `number1` is no part of `number10`."""
    if not values:
        return text
    names = "|".join(re.escape(name) for name in sorted(values, key=len, reverse=True))
    return re.sub(names, lambda match: values[match[0]], text)


def _result(database: sqlite3.Connection, query: str) -> str | None:
    """The rows as JSON, sorted; None where the query fails."""
    try:
        rows = database.execute(query).fetchall()
    except sqlite3.Error:
        return None
    return json.dumps(sorted(rows, key=repr))


def _lines(name: str, asked: Sequence[_Asked], answers: Sequence[str]) -> list[Line]:
    return [
        {"id": f"{name}-{number}", "text": each.text, "expected": answer, "compare": "text"}
        for number, (each, answer) in enumerate(zip(asked, answers, strict=True))
    ]


def ceilings(asked: Sequence[_Asked]) -> dict[str, float]:
    """The most that can hit after one request each: of the same text, the same wording with slots, the same query."""
    count = len(asked)
    kinds: dict[str, Counter[Any]] = {
        "exact": Counter(each.text for each in asked),
        "wording": Counter((each.template, each.kind) for each in asked),
        "type": Counter(each.kind for each in asked),
    }
    return {f"ceiling_{name}": round(1 - len(found) / count, 4) for name, found in kinds.items()}
