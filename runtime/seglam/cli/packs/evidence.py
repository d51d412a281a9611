"""How procedures came to be, for the provenance statement: from a store's compilations, or from files and their tests.

What users sent stays here: a request that missed and an example are named by SHA-256 only. The hash of a miss is that
of the request as the store keeps it (`seglam.gateway.wire.dump_request`), the hash of an example that of its RFC 8785
JSON, so whoever has the text can check it and nobody else can read it. Short texts can be guessed; what must stay
secret does not belong into a pack.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING

from seglam.packs.chain import exemplars
from seglam.packs.trust.predicates import GateResult, NamedDigest, ProcedureOrigin, Sha256
from seglam.procedures import ReasoningProcedure, Revision

if TYPE_CHECKING:
    from seglam.compiler.results import Evidence
    from seglam.gateway.store import CallRow, CompilationRow, RevisionRow, Store

BUILDER = "https://seglam.dev/builder/pack/v1"
MAX_HASHES = 1000
MAX_WORDS = 1024
_TRACE = re.compile(r"[0-9a-f]{32}")
_HEX = re.compile(r"(?:sha256:)?([0-9a-f]{64})")


def written(document: ReasoningProcedure, authors: Sequence[str], gates: Iterable[Evidence]) -> ProcedureOrigin:
    """A procedure of a file, with what the gates found when the pack was built."""
    revision = Revision.of(document)
    return ProcedureOrigin(
        name=revision.name,
        digest=revision.digest,
        origin="written",
        exemplars=exemplars(document),
        gates=[_gate(each.gate, each.passed, each.summary) for each in gates],
        authors=sorted(set(authors)),
    )


def kept(store: Store, row: RevisionRow) -> ProcedureOrigin:
    """A revision of a store, with the evidence of its compilation and of those that it extends."""
    from seglam.gateway.store import Decision, authors_of, document_of

    line = list(_line(store, row))
    calls = [call for compilation in line for call in store.calls(compilation.id)]
    found = store.evidence(line[0].id) if line else []
    models = [call.model for call in calls if call.role == "author" and call.error is None]
    trace = row.trace_id or ""
    return ProcedureOrigin(
        name=row.name,
        digest=row.digest,
        origin="compiled" if line else "written",
        model=models[0] if models else None,
        prompts=list(_prompts(calls)),
        misses=[_sha256(compilation.request.encode()) for compilation in line][:MAX_HASHES],
        exemplars=exemplars(document_of(row)),
        gates=[_gate(each.gate, each.passed, each.summary) for each in found],
        authors=sorted({_person(author) for author in authors_of(row)}) or ["unknown"],
        reviewers=sorted({each.reviewer for each in store.reviews(row.digest) if each.decision == Decision.APPROVE}),
        trace=trace if _TRACE.fullmatch(trace) else None,
    )


def _line(store: Store, row: RevisionRow) -> Iterator[CompilationRow]:
    """The compilation of a revision, then those of the revisions that it extends, newest first."""
    seen: set[str] = set()
    at: RevisionRow | None = row
    while at is not None and at.digest not in seen:
        seen.add(at.digest)
        compilation = store.compilation(at.compilation) if at.compilation else None
        if compilation is not None:
            yield compilation
        at = store.revision(at.replaces) if at.replaces else None


def _prompts(calls: Iterable[CallRow]) -> Iterator[NamedDigest]:
    """Each prompt once, by what it was asked for."""
    seen: set[tuple[str, str]] = set()
    for call in calls:
        digest = _HEX.fullmatch(call.prompt_digest)
        key = (f"{call.role}/{call.purpose}", call.prompt_digest)
        if digest is not None and key not in seen:
            seen.add(key)
            yield NamedDigest(name=key[0], digest=Sha256(sha256=digest[1]))


def _gate(name: str, passed: bool, summary: str) -> GateResult:
    # What a failed gate says may quote inputs; what a passed one says are counts.
    return GateResult(name=str(name), passed=passed, detail=summary[:MAX_WORDS] if passed else None)


def _person(author: str) -> str:
    """An author without the directories of the machine on which the file was."""
    return f"file:{PurePath(author.removeprefix('file:')).name}" if author.startswith("file:") else author


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
