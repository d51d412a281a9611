"""The gates that a revision must pass before it may serve, run once for each where nobody can influence them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from seglam.compiler import Bench, Case, Evidence, gates
from seglam.compiler.jobresult import JobResult, bounded
from seglam.compiler.verification import reverify_differential, verify
from seglam.procedures import ReasoningProcedure, Revision
from seglam.procedures.document import API_VERSION, KIND, Metadata
from seglam.resources import GateEvidence
from seglam.resources.conditions import MAX_MESSAGE
from seglam.resources.revision import MAX_DETAIL


@dataclass(frozen=True, slots=True)
class Findings:
    """What the gates found: evidence as a status holds it, and whether all gates passed that the operator ran."""

    passed: bool
    evidence: tuple[GateEvidence, ...]
    engines: tuple[str, ...]

    @property
    def summary(self) -> str:
        """In one sentence."""
        own = [each for each in self.evidence if each.by == "operator"]
        failed = [f"gate {each.gate}: {each.summary}" for each in own if not each.passed]
        return "; ".join(failed) or f"passed the gates {', '.join(each.gate for each in own)}"

    def as_json(self) -> dict[str, Any]:
        """The fields of the status."""
        evidence = [each.model_dump(mode="json", by_alias=True, exclude_none=True) for each in self.evidence]
        return {"evidence": evidence, "engines": list(self.engines)}


def examine(
    revision: Revision, result: JobResult | None, base: Revision | None, known: Sequence[Case], bench: Bench
) -> Findings:
    """Run the gates. Blocks as long as the sandbox does.

    Overlap with what is served is asked when a revision is to become active, since it changes while this does not.

    Args:
        result: of the compilation that proposed the revision, if one did; its evidence is shown, and its verifier's
            implementation runs again.
        base: the revision that an extension is made from.
        known: the tenant's confirmed counterexamples, none of which may be contradicted.

    Raises:
        RunnersUnavailable: nothing is known of the outcome.
    """
    document = document_of(revision)
    verified = verify(document, (), bench, base=base)
    own = list(verified.evidence)
    if known and verified.passed:
        own.append(gates.cases(document, known, bench))
    if result is not None and verified.passed:
        own.append(reverify_differential(document, result.verification, bench, base=base))
    shown = [*_records(own, "operator")]
    if result is not None:
        shown += [_record(each.gate, each.passed, each.summary, each.detail, "compilation") for each in result.evidence]
    return Findings(all(each.passed for each in own), tuple(shown[:10]), tuple(verified.engines))


def document_of(revision: Revision) -> ReasoningProcedure:
    """The document that a revision is a version of."""
    return ReasoningProcedure(
        api_version=API_VERSION, kind=KIND, metadata=Metadata(name=revision.name), spec=revision.spec
    )


def _records(found: Iterable[Evidence], by: Literal["operator", "compilation"]) -> list[GateEvidence]:
    return [_record(each.gate, each.passed, each.summary, each.detail, by) for each in found]


def _record(
    gate: str, passed: bool, summary: str, detail: Mapping[str, Any], by: Literal["operator", "compilation"]
) -> GateEvidence:
    text = json.dumps(bounded(detail, MAX_DETAIL), ensure_ascii=False, default=str)
    return GateEvidence.model_validate(
        {
            "gate": str(gate),
            "passed": passed,
            "summary": summary if len(summary) <= MAX_MESSAGE else summary[: MAX_MESSAGE - 1] + "…",
            "detail": text,
            "by": by,
        }
    )
