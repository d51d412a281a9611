"""The way from an answer to those who stand behind it, and whether each step leads where it says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from seglam.gateway.answers import Recorded
from seglam.gateway.answers.history import History, Row
from seglam.gateway.packs.library import Library
from seglam.packs.chain import Chain, Check, chain, statement_document
from seglam.packs.problems import PackInvalid
from seglam.packs.trust.bundles import bundle_digest
from seglam.packs.trust.predicates import Provenance
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


def walk(answer: Recorded, known: History, library: Library, roots: Sequence[TrustRoot]) -> Walk:
    """Follow an answer, checking every step. Asks no network."""
    chains, checks = [], [*_revision(answer, known)]
    if known.revision is not None:
        checks += _compilation(known.revision, known.compilation)
        checks += _reviews(known.revision, known.reviews)
        for each in known.imports:
            found, said = _pack(each, library, roots)
            checks += said
            if found is not None:
                chains.append(found)
                checks += _signed(known.revision, each, found)
        if known.revision["origin"] == "pack" and not known.imports:
            checks.append(Check("revision -> import", False, "a pack brought it, and no import of it is kept"))
    return Walk(answer, known, tuple(chains), tuple(checks))


def _revision(answer: Recorded, known: History) -> Iterator[Check]:
    if answer.revision is None:
        started = f"; it started or joined compilation {answer.compilation}" if answer.compilation else ""
        yield Check("answer", True, f"no revision was run: {answer.reason or answer.outcome}{started}")
        return
    row = known.revision
    if row is None:
        yield Check("answer -> revision", False, f"{answer.revision} is not in this store")
        return
    document = ReasoningProcedure.model_validate(json.loads(row["document"]))
    computed = Revision.of(document).digest
    words = f"the document that is kept has {computed[:19]}, the answer names {answer.revision[:19]}"
    yield Check("answer -> revision", computed == row["digest"] == answer.revision, words)


def _compilation(revision: Row, row: Row | None) -> Iterator[Check]:
    if revision["compilation"] is None:
        return
    if row is None:
        yield Check("revision -> compilation", False, f"compilation {revision['compilation']} is not in this store")
        return
    words = f"compilation {row['id']} made {str(row['digest'])[:19]}"
    yield Check("revision -> compilation", row["digest"] == revision["digest"], words)
    mine, theirs = (revision["trace_id"], revision["span_id"]), (row["trace_id"], row["span_id"])
    words = f"both name trace {theirs[0]}" if mine == theirs else f"the revision names {mine[0]}, it {theirs[0]}"
    yield Check("compilation -> trace", mine == theirs, words if theirs[0] or mine[0] else "no trace was recorded")
    failed = [each["gate"] for each in row["gates"] if not each["passed"]]
    last = {each["gate"]: each["passed"] for each in row["gates"]}
    words = f"{len(last)} gates, each passed in the end" if all(last.values()) else f"failed: {', '.join(failed)}"
    yield Check("compilation -> gates", all(last.values()) and bool(last), words)


def _reviews(revision: Row, reviews: Sequence[Row]) -> Iterator[Check]:
    if revision["origin"] == "file":
        yield Check("revision -> review", True, "its owner put the file there, which counts as their approval")
        return
    authors = {author.strip().casefold() for author in revision["authors"]}
    approvals = [each["reviewer"] for each in reviews if each["decision"] == "approve"]
    words = f"approved by {', '.join(approvals)}" if approvals else "nobody approved it"
    yield Check("revision -> review", bool(approvals), words)
    own = [each for each in approvals if each.strip().casefold() in authors]
    yield Check(
        "review -> authors", not own, f"{len(approvals)} reviewers, {len(authors)} authors, {len(own)} are both"
    )


def _pack(row: Row, library: Library, roots: Sequence[TrustRoot]) -> tuple[Chain | None, list[Check]]:
    """The pack of an import with all its statements, examined anew."""
    try:
        packed = library.packed(row["digest"])
    except PackInvalid as problem:
        return None, [Check("import -> pack", False, f"what is kept of {row['release']} was changed: {problem}")]
    if packed is None:
        return None, [Check("import -> pack", False, f"{row['release']} is not among the packs that are kept here")]
    found = chain(packed, roots)
    words = f"{row['release']} is kept here with {len(found.statements)} statements"
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
    if origins and revision["origin"] == "pack":  # what was compiled here has a trace of its own
        kept, signed = revision["trace_id"], {origin.trace for _, origin in origins}
        words = f"signed is trace {', '.join(sorted(map(str, signed)))}, kept is {kept}"
        yield Check("provenance -> trace", kept in signed, words if kept or signed != {None} else "no trace is stated")
    held = {bundle_digest(bundle) for bundle in found.packed.bundles}
    valid = {each.digest for each in found.statements if each.passed}
    summary = row["summary"]
    words = f"{row['importer']} signed {summary[:19]} when they imported it"
    yield Check("import -> summary", summary in held and summary in valid, words)
