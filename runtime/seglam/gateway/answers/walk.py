"""The way from an answer to those who stand behind it, and whether each step leads where it says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seglam.gateway.answers.history import History, Row, history
from seglam.gateway.answers.records import Recorded
from seglam.gateway.packs.library import Library
from seglam.packs.chain import Chain, Check, chain, statement_document
from seglam.packs.layout import Packed
from seglam.packs.problems import PackInvalid
from seglam.packs.trust.bundles import bundle_digest
from seglam.packs.trust.predicates import Provenance, Review
from seglam.packs.trust.roots import TrustRoot
from seglam.procedures import ReasoningProcedure, Revision

UNASKED = frozenset({"release"})
"""Links of a pack that do not matter here: how it was published is its index's affair, and a file has no release."""


@dataclass(frozen=True, slots=True)
class Walk:
    """What stands behind an answer.

    Attributes:
        chains: the packs that brought the revision, with every statement about them.
    """

    answer: Recorded
    known: History
    chains: tuple[Chain, ...]
    checks: tuple[Check, ...]

    @property
    def whole(self) -> bool:
        """Whether every step leads where it says."""
        return all(check.passed for check in self.checks)

    def document(self) -> dict[str, Any]:
        """Its JSON members."""
        packs = [
            {
                "release": str(each.packed.pack.release),
                "digest": each.packed.pack.digest,
                "statements": [statement_document(statement) for statement in each.statements],
            }
            for each in self.chains
        ]
        return {
            "answer": self.answer.as_json(),
            **self.known.as_json(),
            "packs": packs,
            "checks": [check.document() for check in self.checks],
            "whole": self.whole,
        }


Packs = Callable[[Row], Packed | None]
"""The pack that an import names with all its statements; None if it is not to be had, `PackInvalid` if changed."""


def walk(
    answer: Recorded, known: History, packs: Packs, roots: Sequence[TrustRoot], more: Sequence[Check] = ()
) -> Walk:
    """Follow an answer, checking every step; `more` are links that were checked where `known` was read. Asks no
    network but by `packs`."""
    chains, checks = [], [*_revision(answer, known), *more]
    if known.revision is not None:
        checks += _compilation(known.revision, known.compilation)
        checks += _gates("revision -> gates", known.revision.get("gates"))
        checks += _reviews(known)
        for each in known.imports:
            found, said = _pack(each, packs, roots)
            checks += said
            if found is not None:
                chains.append(found)
                checks += _signed(known.revision, each, found)
        if known.revision["origin"] in ("pack", "import") and not known.imports:
            checks.append(Check("revision -> import", False, "a pack brought it, and no import of it is kept"))
    return Walk(answer, known, tuple(chains), tuple(checks))


def follow(answer: Recorded, store: Path, library: Library, roots: Sequence[TrustRoot]) -> Walk:
    """Follow an answer on one machine, through its store and the packs that were imported there. `StoreError` if the
    store cannot be read."""
    known = history(store, answer.tenant, answer.revision, answer.compilation)
    return walk(answer, known, lambda row: library.packed(row["digest"]), roots)


def _revision(answer: Recorded, known: History) -> Iterator[Check]:
    if answer.revision is None:
        started = f"; it started or joined compilation {answer.compilation}" if answer.compilation else ""
        yield Check("answer", True, f"no revision was run: {answer.reason or answer.outcome}{started}")
        return
    row = known.revision
    if row is None:
        yield Check("answer -> revision", False, f"{answer.revision} is not kept any more")
        return
    document = ReasoningProcedure.model_validate(json.loads(row["document"]))
    computed = Revision.of(document).digest
    words = f"the document that is kept has {computed[:19]}, the answer names {answer.revision[:19]}"
    yield Check("answer -> revision", computed == row["digest"] == answer.revision, words)


def _compilation(revision: Row, row: Row | None) -> Iterator[Check]:
    if revision["compilation"] is None:
        return
    if row is None:
        yield Check("revision -> compilation", False, f"compilation {revision['compilation']} is not kept any more")
        return
    words = f"compilation {row['id']} made {str(row['digest'])[:19]}"
    yield Check("revision -> compilation", row["digest"] == revision["digest"], words)
    mine, theirs = revision["trace_id"], row["trace_id"]
    # Where a compilation has no span of its own, the revision has it.
    same = mine == theirs and row["span_id"] in (None, revision["span_id"])
    words = f"both name trace {theirs}" if same else f"the revision names {mine}, it {theirs}"
    yield Check("compilation -> trace", same, words if theirs or mine else "no trace was recorded")
    yield from _gates("compilation -> gates", row["gates"])


def _gates(link: str, gates: Sequence[Row] | None) -> Iterator[Check]:
    if gates is None:
        return
    failed = [each["gate"] for each in gates if not each["passed"]]
    last = {each["gate"]: each["passed"] for each in gates}
    words = f"{len(last)} gates, each passed in the end" if all(last.values()) else f"failed: {', '.join(failed)}"
    yield Check(link, all(last.values()) and bool(last), words)


def _reviews(known: History) -> Iterator[Check]:
    revision, reviews = known.revision, known.reviews
    assert revision is not None
    if revision["origin"] == "file":
        yield Check("revision -> review", True, "its owner put the file there, which counts as their approval")
        return
    authors = {author.strip().casefold() for author in revision["authors"]}
    approvals = [each["reviewer"] for each in reviews if each["decision"] == "approve"]
    if revision["origin"] == "import" and not approvals:  # a store keeps the pack's reviewers as its own
        by_pack = [each for each in known.imports if each["approval"] == "Pack"]
        words = f"policy {by_pack[0]['policy']} takes the pack's own reviews" if by_pack else "nobody approved it"
        yield Check("revision -> review", bool(by_pack), words)
        return
    words = f"approved by {', '.join(approvals)}" if approvals else "nobody approved it"
    yield Check("revision -> review", bool(approvals), words)
    own = [each for each in approvals if each.strip().casefold() in authors]
    yield Check(
        "review -> authors", not own, f"{len(approvals)} reviewers, {len(authors)} authors, {len(own)} are both"
    )


def _pack(row: Row, packs: Packs, roots: Sequence[TrustRoot]) -> tuple[Chain | None, list[Check]]:
    """The pack of an import with all its statements, examined anew."""
    try:
        packed = packs(row)
    except PackInvalid as problem:
        return None, [Check("import -> pack", False, f"what is kept of {row['release']} was changed: {problem}")]
    if packed is None:
        return None, [
            Check("import -> pack", False, f"{row['release']} is not to be had, so nothing about it is checked")
        ]
    found = chain(packed, roots)
    words = f"{row['release']} is there with {len(found.statements)} statements"
    same = packed.pack.digest == row["digest"] and str(packed.pack.release) == row["release"]
    said = [Check("import -> pack", same, words)]
    return found, said + [each for each in found.checks if each.passed or each.link not in UNASKED]


def _signed(revision: Row, row: Row, found: Chain) -> Iterator[Check]:
    """Whether what was signed about the pack agrees with what is kept of the revision."""
    origins = [
        (each, origin)
        for each, predicate in found.of(Provenance)
        for origin in predicate.procedures
        if origin.digest == revision["digest"]
    ]
    words = f"{len(origins)} signed statements say where {revision['digest'][:19]} comes from"
    yield Check("revision -> provenance", bool(origins), words)
    if origins and revision["origin"] == "pack":  # what was compiled here has a trace of its own, a resource has none
        kept, signed = revision["trace_id"], {origin.trace for _, origin in origins}
        words = f"signed is trace {', '.join(sorted(map(str, signed)))}, kept is {kept}"
        yield Check("provenance -> trace", kept in signed, words if kept or signed != {None} else "no trace is stated")
    if row["approval"] == "Pack":
        approving = [
            predicate.reviewer
            for _, predicate in found.of(Review)
            if predicate.decision == "approve"
            and any(each.digest == revision["digest"] for each in predicate.procedures)
        ]
        words = f"signed approvals by {', '.join(approving)}" if approving else "no signed review approves it"
        yield Check("import -> reviews", bool(approving), words)
    held = {bundle_digest(bundle) for bundle in found.packed.bundles}
    valid = {each.digest for each in found.statements if each.passed}
    why = "".join(f": {each.words}" for each in found.statements if each.digest == row["summary"] and not each.passed)
    summary = row["summary"]
    words = f"{row.get('signer') or row['importer']} signed {summary[:19]} at the import{why}"
    yield Check("import -> summary", summary in held and summary in valid, words)
