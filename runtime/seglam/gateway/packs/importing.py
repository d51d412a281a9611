"""Importing a pack into an embedded service: gate, tests, the importer's own signed summary, procedures.

Each step can be repeated: what an interrupted import left in the library is used by the next, a summary that was signed
for the same bytes and policy is not signed again, and the store changes in one transaction at the end.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

import rfc8785

from seglam import telemetry
from seglam.gateway.packs.deciding import facts_of
from seglam.gateway.packs.library import Library
from seglam.gateway.store import Admitted, Approval, ImportRow, RevisionRow, revision_of
from seglam.gateway.store.tables import stamp
from seglam.packs.layout import Packed
from seglam.packs.pack import Pack
from seglam.packs.trust.bundles import bundle_digest, opened
from seglam.packs.trust.decision import Decision, Refused
from seglam.packs.trust.policy import TrustPolicy
from seglam.packs.trust.predicates import Provenance, VerificationSummary
from seglam.packs.trust.signing.protocol import Signer
from seglam.packs.trust.statements import Statement, StatementInvalid
from seglam.packs.trust.summaries import verification_summary
from seglam.procedures import ReasoningProcedure, Revision

if TYPE_CHECKING:
    from seglam.compiler import Bench

VERIFIER = "https://seglam.dev/verifier/embedded/v1"


class ImportRefused(Exception):
    """A pack that is not taken; `code` is stable, `decision` is the gate's where the gate refused it."""

    def __init__(self, code: str, words: str, decision: Decision | None = None) -> None:
        super().__init__(words)
        self.code = code
        self.words = words
        self.decision = decision


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import came to.

    Attributes:
        new: whether the release was not here before.
        tests: how many gates passed on the pack's procedures.
        summary: digest of the bundle in which the importer says what was decided.
    """

    decision: Decision
    admitted: Admitted
    tests: int
    engines: tuple[str, ...]
    summary: str

    def document(self, pack: Pack, signer: Signer) -> dict[str, Any]:
        """Its JSON members."""
        return {
            "release": str(pack.release),
            "digest": pack.digest,
            "imported": True,
            "new": self.admitted.new,
            "approval": self.decision.approval,
            "gates": self.tests,
            "engines": list(self.engines),
            "summary": self.summary,
            "signer": signer.identity,
            "procedures": [
                {"name": row.name, "digest": row.digest, "state": str(row.state)} for row in self.admitted.revisions
            ],
            "decision": self.decision.document(),
        }


def refusal(pack: Pack, decision: Decision, code: str, words: str) -> dict[str, Any]:
    """The same members of an import that was refused."""
    return {
        "release": str(pack.release),
        "digest": pack.digest,
        "imported": False,
        "code": code,
        "words": words,
        "decision": decision.document(),
    }


class Imports(Protocol):
    """What an import asks of the store; see `Store` for each."""

    def active(self) -> list[RevisionRow]: ...
    def revision(self, digest: str) -> RevisionRow | None: ...
    def imported(self, name: str | None = None) -> list[ImportRow]: ...
    def refuse_downgrade(self, row: ImportRow) -> None: ...
    def admit(
        self,
        row: ImportRow,
        documents: Sequence[ReasoningProcedure],
        traces: Mapping[str, str],
        approval: Approval | None,
    ) -> Admitted: ...


Told = Callable[[str], None]


def take(
    packed: Packed,
    decision: Decision,
    store: Imports,
    library: Library,
    bench: Bench,
    signer: Signer,
    *,
    importer: str,
    policies: Sequence[TrustPolicy] = (),
    waiver: str | None = None,
    told: Told = lambda _: None,
) -> Imported:
    """Import a pack that the gate has decided about.

    Args:
        importer: becomes the author of proposed procedures, so that somebody else approves them.
        policies: those that decided; their digest goes into the summary.
        waiver: why expired metadata was believed.
        told: called with the name of each step before it begins.

    Raises:
        ImportRefused: the gate denied it (`decision.code`), its tests failed (`tests`).
        ReviewRefused: `downgrade`, `version-reuse` or `name-taken`.
        SigningFailed: the summary could not be signed; nothing has changed but the library.
    """
    pack = packed.pack
    if not decision.allowed:
        raise ImportRefused(decision.code, decision.words, decision)
    row = _row(packed, decision, importer, waiver)
    store.refuse_downgrade(row)
    if (known := _known(store, library, row)) is not None:
        return Imported(decision, known, 0, bench.engines, row.summary)
    traces = traces_of(decision)
    with telemetry.importing(pack.release.purl, pack.digest, importer, row.policy, traces.values()) as span:
        told("tests")
        served = [revision_of(each) for each in store.active()] if decision.approval == "Pack" else []
        tests = _tested(pack, bench, served)
        told("summary")
        library.keep(pack, packed.bundles)
        row.summary = _summary(packed, decision, library, signer, policies)
        span.set_attribute(telemetry.names.STATEMENT, row.summary)
        row.trace_id, row.span_id = telemetry.reference(span) or (None, None)
        told("procedures")
        admitted = store.admit(row, pack.procedures(), traces, _approval(pack, decision))
    return Imported(decision, admitted, tests, bench.engines, row.summary)


def _known(store: Imports, library: Library, row: ImportRow) -> Admitted | None:
    """What an import of the same release under the same policy came to, where nothing of it is lost."""
    for each in store.imported(row.name):
        if (each.release, each.policy, each.approval) != (row.release, row.policy, row.approval):
            continue
        kept = library.packed(each.digest)
        rows = [store.revision(procedure["digest"]) for procedure in json.loads(each.procedures)]
        if kept is not None and each.summary in {bundle_digest(bundle) for bundle in kept.bundles} and all(rows):
            row.summary = each.summary
            return Admitted(False, tuple(found for found in rows if found is not None), ())
    return None


def _row(packed: Packed, decision: Decision, importer: str, waiver: str | None) -> ImportRow:
    pack = packed.pack
    procedures = [{"name": each.name, "digest": each.digest} for each in pack.manifest_model.procedures]
    return ImportRow(
        release=str(pack.release),
        name=str(pack.release.name),
        version=str(pack.release.version),
        digest=pack.digest,
        importer=importer,
        policy=decision.policy or "",
        approval=decision.approval,
        waiver=waiver,
        procedures=json.dumps(procedures),
        decision=json.dumps(decision.document()),
        summary="",
        at=stamp(),
    )


def _tested(pack: Pack, bench: Bench, served: Iterable[Revision]) -> int:
    """Run the gates that need no model on every procedure; how many passed."""
    from seglam.compiler.verification import verify

    elders, passed, names = list(served), 0, {each.name for each in pack.manifest_model.procedures}
    elders = [elder for elder in elders if elder.name not in names]
    faults: list[str] = []
    for document in pack.procedures():
        verified = verify(document, elders, bench)
        faults += [f"{document.metadata.name}: {flaw.line}" for flaw in verified.flaws]
        passed += sum(evidence.passed for evidence in verified.evidence)
        elders.append(Revision.of(document))
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise ImportRefused("tests", f"the pack's tests fail here: {faults[0]}{more}")
    return passed


def _summary(
    packed: Packed, decision: Decision, library: Library, signer: Signer, policies: Sequence[TrustPolicy]
) -> str:
    """Sign what was decided, unless the same was signed before; the digest of the bundle, which is kept."""
    pack, now = packed.pack, datetime.now(UTC)
    stated = verification_summary(
        facts_of(pack), decision, verifier=VERIFIER, time=now, policy_digest=policy_digest(policies)
    )
    kept = library.packed(pack.digest)
    for bundle in kept.bundles if kept is not None and signer.mode == "Key" else ():
        if _same(bundle, stated, signer.identity):
            return bundle_digest(bundle)
    bundle = signer.sign(stated)
    library.keep(pack, [*packed.bundles, bundle])
    return bundle_digest(bundle)


def _same(bundle: bytes, stated: bytes, key: str) -> bool:
    """Whether a bundle of an interrupted call says the same, but for the time, under the same key."""
    wanted = Statement.read(stated)
    try:
        envelope = opened(bundle)
        found = Statement.read(envelope.payload)
    except (StatementInvalid, Refused):
        return False
    said, new = found.predicate, wanted.predicate
    if not isinstance(said, VerificationSummary) or not isinstance(new, VerificationSummary):
        return False
    at_once = replace(found, predicate=said.model_copy(update={"time_verified": new.time_verified}))
    return envelope.hint == key and at_once == wanted


def policy_digest(policies: Sequence[TrustPolicy]) -> str:
    """`sha256:` of the policies that decided, as RFC 8785 JSON of their specs by name."""
    documents = {each.name: each.spec.model_dump(mode="json", by_alias=True, exclude_none=True) for each in policies}
    return "sha256:" + hashlib.sha256(rfc8785.dumps(documents)).hexdigest()


def _approval(pack: Pack, decision: Decision) -> Approval | None:
    if decision.approval != "Pack":
        return None
    reviews = sorted({each.signature.words for each in decision.verified if each.kind == "review"})
    reason = f"reviewed in {pack.release}, which policy {decision.policy} takes as the approval"
    return Approval(tuple(reviews), reason)


def traces_of(decision: Decision) -> dict[str, str]:
    """Trace ids of compilations by the procedures' digests, as a provenance that counted states them."""
    found: dict[str, str] = {}
    for each in decision.verified:
        if isinstance(each.statement.predicate, Provenance):
            found |= {origin.digest: origin.trace for origin in each.statement.predicate.procedures if origin.trace}
    return found
