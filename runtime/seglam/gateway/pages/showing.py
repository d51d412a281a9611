"""From a revision as the API shows it to what its page shows. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seglam.gateway.health.bounds import upper_bound
from seglam.gateway.store import Decision
from seglam.gateway.store.revisions import ALLOWED, SERVING, same_person
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
        overlaps: requests that something active answers, each with the part that was taken out for it.
        difference: by part, to the revision that it replaces; None if it replaces none.
        barred: why the reader may not approve; None if they may.
        shadow, checked, against: what was found since it was compiled, in words.
    """

    revision: Mapping[str, Any]
    spec: Spec
    request: str | None
    arguments: Mapping[str, str]
    difference: Mapping[str, Sequence[Line]] | None
    evidence: Sequence[Evidence]
    contrasts: Rows
    near_misses: Rows
    overlaps: Rows
    readings: Rows
    choices: Sequence[Choice]
    barred: str | None
    shadow: str
    checked: str
    against: str


def proposal(revision: Mapping[str, Any], replaced: Mapping[str, Any] | None, reader: str) -> Proposal:
    """The page's content.

    Args:
        replaced: the revision that this one replaces.
        reader: who looks; no author may approve.
    """
    spec = ReasoningProcedure.model_validate(revision["document"]).spec
    compilation = revision["compilation"] or {}
    evidence = compilation.get("evidence", ())
    details = {each["gate"]: each.get("detail", {}) for each in evidence}
    match, differential = details.get("match", {}), details.get("differential", {})
    changed = None
    if replaced is not None:
        before = ReasoningProcedure.model_validate(replaced["document"]).spec
        changed = {part: lines_of(text) for part, text in difference(before, spec).items()}
    own = same_person(reader, revision["authors"])
    return Proposal(
        revision=revision,
        spec=spec,
        request=_request(compilation.get("request")),
        arguments=compilation.get("arguments", {}),
        difference=changed,
        evidence=[_evidence(each) for each in evidence],
        contrasts=rows(match.get("contrasts", ())),
        near_misses=rows(match.get("nearMissesBound", ())),
        overlaps=rows(match.get("yielded", ())),
        readings=rows(differential.get("readings", ())),
        choices=_choices(revision["state"], own),
        barred=f"{reader} is one of its authors" if own else None,
        shadow=_shadow(revision["health"]["shadow"]),
        checked=_checked(revision["health"]["checks"]),
        against=_listed(revision["health"]["counterexamples"]) or "nothing",
    )


def rows(found: Iterable[Any]) -> Rows:
    """The first rows of a table."""
    whole = list(found)
    return Rows(whole[:MOST_ROWS], len(whole))


def lines_of(text: str) -> list[Line]:
    """The lines of a unified difference, without its two headings."""
    kinds = {"+": "added", "-": "removed", "@": "place"}
    return [Line(kinds.get(line[:1], "same"), line) for line in text.split("\n")[2:]]


def _choices(state: str, own: bool) -> list[Choice]:
    """What may be decided in a state, approval first."""
    possible = [each for each in Decision if state in ALLOWED[each]]
    return [
        Choice(each, _WORDS.get((state, each)) or _WORDS["", each], each in SERVING, own and each in SERVING)
        for each in possible
    ]


_WORDS = {
    ("", Decision.APPROVE): "Approve",
    ("Retired", Decision.APPROVE): "Serve it again",
    ("", Decision.REJECT): "Reject",
    ("", Decision.QUARANTINE): "Quarantine: it gives wrong answers",
    ("", Decision.RETIRE): "Retire",
    ("", Decision.RESTORE): "Restore: it was quarantined wrongly",
}


def _shadow(counts: Mapping[str, int]) -> str:
    """How often it agreed with what is served, for requests that other revisions answered."""
    if not any(counts.values()):
        return "it has not run beside what is active"
    compared = counts["agreed"] + counts["differed"]
    share = f" ({100 * counts['agreed'] / compared:.4g} per cent)" if compared else ""
    return (
        f"agreed with what is active {counts['agreed']} of {compared} times{share}, answered alone {counts['alone']} "
        f"times, gave no answer {counts['failed']} times"
    )


def _checked(counts: Mapping[str, int]) -> str:
    checked = counts["agreed"] + counts["wrong"]
    bound = upper_bound(counts["wrong"], checked)
    if bound is None:
        return "none yet"
    found = f"{checked}, of which {counts['wrong']} wrong"
    return f"{found}; with 95 per cent confidence at most {100 * bound:.3g} per cent are"


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)


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
