"""From a revision as the API shows it to what its page shows. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seglam.procedures import ReasoningProcedure, Spec
from seglam.procedures.difference import difference

MOST_ROWS = 100
"""Rows of one table; the API has all of them."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a difference. `kind` is added, removed, place or same."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Rows:
    """A part of a table, and how many rows there are in all."""

    shown: Sequence[Any]
    total: int

    @property
    def more(self) -> int:
        """Rows that are not shown."""
        return self.total - len(self.shown)


@dataclass(frozen=True, slots=True)
class Evidence:
    """One gate's finding. `facts` are the members of its detail that are plain, `rest` the others as JSON."""

    gate: str
    passed: bool
    summary: str
    facts: Sequence[tuple[str, str]]
    rest: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A decision that may be taken on a revision as it stands; `barred` where four eyes keep the reader from it."""

    decision: str
    words: str
    chief: bool
    barred: bool


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the page of a revision shows.

    Attributes:
        revision: its digest, name, state, origin, authors, replaces, created, traceId, and the decisions as `reviews`.
        request: that led to it; None where none did, or none is kept, and `unasked` says which.
        answer: of the verified code to that request.
        overlaps: requests that something active answers, each with the part that was taken out for it.
        difference: by part, to the revision that it replaces; None if it replaces none.
        barred: why the reader may not approve; None if they may.
        since: what was found since it was compiled, in words under headings.
    """

    revision: Mapping[str, Any]
    spec: Spec
    request: str | None
    unasked: str
    answer: str | None
    arguments: Mapping[str, str]
    difference: Mapping[str, Sequence[Line]] | None
    evidence: Sequence[Evidence]
    contrasts: Rows
    near_misses: Rows
    overlaps: Rows
    readings: Rows
    choices: Sequence[Choice]
    barred: str | None
    since: Sequence[tuple[str, str]]

    @property
    def at(self) -> str:
        """The last part of the page's address: the name of the review where it has one, else the digest."""
        return str(self.revision.get("review") or self.revision["digest"])


@dataclass(frozen=True, slots=True)
class Standing:
    """How a revision stands for one reader; see `Proposal`."""

    choices: Sequence[Choice]
    barred: str | None
    since: Sequence[tuple[str, str]]
    unasked: str = "None: it did not come from a miss."


def proposal(
    revision: Mapping[str, Any],
    evidence: Sequence[Mapping[str, Any]],
    replaced: Mapping[str, Any] | None,
    standing: Standing,
) -> Proposal:
    """The page's content.

    Args:
        revision: with its `document`, and what its `compilation` was asked, bound and answered, where that is known.
        evidence: what the gates found.
        replaced: the document of the revision that this one replaces.
    """
    spec = ReasoningProcedure.model_validate(revision["document"]).spec
    compilation = revision["compilation"] or {}
    details = {each["gate"]: each.get("detail", {}) for each in evidence}
    match, differential = details.get("match", {}), details.get("differential", {})
    changed = None
    if replaced is not None:
        before = ReasoningProcedure.model_validate(replaced).spec
        changed = {part: lines_of(text) for part, text in difference(before, spec).items()}
    return Proposal(
        revision=revision,
        spec=spec,
        request=_request(compilation.get("request")),
        unasked=standing.unasked,
        answer=compilation.get("answer"),
        arguments=compilation.get("arguments", {}),
        difference=changed,
        evidence=[_evidence(each) for each in evidence],
        contrasts=rows(match.get("contrasts", ())),
        near_misses=rows(match.get("nearMissesBound", ())),
        overlaps=rows(match.get("yielded", ())),
        readings=rows(differential.get("readings", ())),
        choices=standing.choices,
        barred=standing.barred,
        since=standing.since,
    )


def rows(found: Iterable[Any]) -> Rows:
    """The first rows of a table."""
    whole = list(found)
    return Rows(whole[:MOST_ROWS], len(whole))


def lines_of(text: str) -> list[Line]:
    """The lines of a unified difference, without its two headings."""
    kinds = {"+": "added", "-": "removed", "@": "place"}
    return [Line(kinds.get(line[:1], "same"), line) for line in text.split("\n")[2:]]


_TABLED = frozenset({"contrasts", "nearMissesBound", "readings", "yielded"})
"""Members of details that have tables of their own on the page."""


def _evidence(found: Mapping[str, Any]) -> Evidence:
    facts, rest = [], {}
    for name, value in found.get("detail", {}).items():
        if name in _TABLED:
            continue
        if isinstance(value, str | int | bool) and len(str(value)) <= 200:
            facts.append((name, str(value)))
        elif value:
            rest[name] = value
    shown = json.dumps(rest, indent=2, ensure_ascii=False) if rest else ""
    return Evidence(found["gate"], found["passed"], found["summary"], facts, shown)


def _request(request: Mapping[str, Any] | None) -> str | None:
    if request is None:
        return None
    parts = [str(request.get("text") or request.get("value") or "")]
    for name, item in request.get("inputs", {}).items():
        parts.append(f"{name} ({item['mediaType']}):\n{item['text']}")
    if context := request.get("context"):
        parts.append("context: " + ", ".join(f"{name}={value}" for name, value in context.items()))
    return "\n\n".join(parts)
