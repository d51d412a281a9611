"""Requests that a library of procedures has no business with: hits should be near zero, and each is looked at."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.workloads.stream import Line, Source, Stream

CLINC = Source(
    repository="clinc/oos-eval",
    commit="828f8093932c8fe6ca7936c3d2e52903b1c523de",
    path="data/data_full.json",
    licence="CC BY 3.0",
    sha256="36923c3705a59e08fe9c3883d8bc2dd966ef93e22cb78ac41171782a698d56e0",
)
GSM8K = Source(
    repository="openai/grade-school-math",
    commit="3101c7d5072418e28b9008a6636bde82a006892c",
    path="grade_school_math/data/test.jsonl",
    licence="MIT",
    sha256="3730d312f6e3440559ace48831e51066acaca737f6eabec99bccb9e4b3c39d14",
)
_BFCL = ("ShishirPatil/gorilla", "6ea57973c7a6097fd7c5915698c54c17c5b1b6c8")
_BFCL_DATA = "berkeley-function-call-leaderboard/bfcl_eval/data/"
IRRELEVANCE = (
    Source(
        *_BFCL,
        path=f"{_BFCL_DATA}BFCL_v4_irrelevance.json",
        licence="Apache-2.0",
        sha256="2b6ed4c2e992cdcf5f1678a701851f944bef7550ee026ed1ddb89efed5be01a6",
    ),
    Source(
        *_BFCL,
        path=f"{_BFCL_DATA}BFCL_v4_live_irrelevance.json",
        licence="Apache-2.0",
        sha256="6559fda2beaceb609a2cd2e504c65b4a56cb448e1ef88fddfd199e163d163349",
    ),
)

KNOWN_OF_EACH = 10
BY_HAND = {"What is the capital of France?": "Paris", "What's 2*2?": "4", "What is 2*3?": "6"}
"""Requests of BFCL that procedures of ours answer, with their right answers. Any other hit counts as wrong."""


def clinc150(data: Path | None) -> Stream:
    """The test part: 4,500 requests of 150 intents, and 1,000 that are out of scope.

    The data states an intent and no answer, so that a hit in scope is counted, not judged; one out of scope is wrong.
    Caches of answers hold the first ten training requests of each intent, with the intent for an answer.
    """
    content = json.loads(CLINC.find(data).read_text(encoding="utf-8"))
    lines: list[Line] = [
        {"id": f"clinc-{number}", "family": "in scope", "text": text, "intent": intent}
        for number, (text, intent) in enumerate(content["test"])
    ]
    lines += [
        {"id": f"clinc-oos-{number}", "family": "out of scope", "text": text, "must_miss": True}
        for number, (text, _) in enumerate(content["oos_test"])
    ]
    known: dict[str, list[str]] = {}
    for text, intent in content["train"]:
        known.setdefault(intent, []).append(text)
    return Stream(
        lines,
        metric="for caches an answer is right if it is of the request's intent; any out of scope is wrong",
        sources=[CLINC.described],
        given=[(text, intent) for intent, texts in known.items() for text in texts[:KNOWN_OF_EACH]],
    )


def gsm8k(data: Path | None) -> Stream:
    """The test part: 1,319 school problems, no two of one type."""
    lines: list[Line] = []
    for number, row in enumerate(GSM8K.find(data).read_text(encoding="utf-8").splitlines()):
        entry = json.loads(row)
        answer = entry["answer"].rsplit("####", 1)[1].strip().replace(",", "")
        lines.append({"id": f"gsm8k-{number}", "text": entry["question"], "expected": answer, "compare": "number"})
    return Stream(lines, metric="an answer is right if it is the data's number", sources=[GSM8K.described])


def irrelevance(data: Path | None) -> Stream:
    """BFCL's two irrelevance parts: requests beside functions none of which can answer them.

    The data has no answers: a hit is wrong, unless somebody has looked at the request and worked out its answer.
    """
    lines: list[Line] = []
    for source in IRRELEVANCE:
        for row in source.find(data).read_text(encoding="utf-8").splitlines():
            entry = json.loads(row)
            text = "\n\n".join(message["content"] for message in entry["question"][0])
            answer = {"expected": BY_HAND[text]} if text in BY_HAND else {"must_miss": True}
            lines.append({"id": entry["id"], "family": source.name, "text": text, **answer})
    return Stream(
        lines,
        metric="any answer is wrong but those worked out by hand, and a cache's to an equal text",
        sources=[source.described for source in IRRELEVANCE],
    )
