"""Verifying a document that is there already, whoever wrote it: the gates that need no model.

A compilation's own evidence says what its Job saw. What serves must pass here, where neither the Job nor the author has
a hand in it: static rules, examples on two engine builds, and the match gate without its questions to a verifier. The
differential gate runs again from the verifier's recorded reply, where there is one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from pydantic import ValidationError

from seglam import telemetry
from seglam.compiler import gates
from seglam.compiler.assemble import core_digest, grew
from seglam.compiler.gates import checks
from seglam.compiler.gates.checks import Flaw
from seglam.compiler.gates.differential import exemplars_of
from seglam.compiler.gates.examples import decided as examples_decided
from seglam.compiler.gates.examples import run_examples
from seglam.compiler.gates.static import decided as static_decided
from seglam.compiler.gates.static import inspected
from seglam.compiler.jobresult import VerificationRecord
from seglam.compiler.replies import ImplementationReply
from seglam.compiler.results import Evidence, Gate
from seglam.compiler.running import Bench, serves_on, tagged_of
from seglam.compiler.signature import signature_of
from seglam.procedures.document import ReasoningProcedure
from seglam.procedures.request import request_of
from seglam.procedures.revision import Revision
from seglam.procedures.values import ValueProblem

NOT_ASKED = "contrasts: no verifier judged whether optional parts and alternatives of the patterns mean the same"
NO_VALUES = "near misses: no example gives every slot of the patterns a value"


@dataclass(frozen=True, slots=True)
class Verified:
    """What the gates found in one document. `flaws` say the same as failed evidence, each with its field."""

    document: ReasoningProcedure
    digest: str
    evidence: tuple[Evidence, ...]
    flaws: tuple[Flaw, ...]
    engines: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether every gate passed."""
        return all(evidence.passed for evidence in self.evidence)


def verify(
    document: ReasoningProcedure, elders: Iterable[Revision], bench: Bench, *, base: Revision | None = None
) -> Verified:
    """Run the gates static, examples and match on a document as it is; nothing of it is changed.

    A document that fails the static gate is not run. What could not be checked is listed as `unchecked` in the match
    gate's detail. Blocks as long as the sandbox does.

    Args:
        document: of any origin.
        elders: active revisions, such as an `Index`; those of the document's own name are passed over, since it is to
            replace them. Gone through once; those that are not kept alive cost their automata each time. Empty
            where overlap is asked elsewhere.
        bench: two engine builds.
        base: the active revision that an extension is made from; its patterns' near misses were tried before.

    Raises:
        Whatever the bench raises where no sandbox can be reached.
    """
    flaws: list[Flaw] = []
    with telemetry.gate(Gate.STATIC):
        found, imports = inspected(document, bench.first, complete=True)
        evidence = [static_decided(found, imports)]
    revision = Revision.of(document)
    flaws += found
    if not found:
        with telemetry.gate(Gate.EXAMPLES):
            tried, found = run_examples(revision, bench, complete=True)
            evidence.append(examples_decided(tried, found, bench))
            flaws += found
        with telemetry.gate(Gate.MATCH):
            matched, found = _match(document, revision, elders, bench, base)
            evidence.append(matched)
            flaws += found
    return Verified(document, revision.digest, tuple(evidence), tuple(flaws), bench.engines)


def _match(
    document: ReasoningProcedure, revision: Revision, elders: Iterable[Revision], bench: Bench, base: Revision | None
) -> tuple[Evidence, list[Flaw]]:
    others = [elder for elder in elders if elder.name != revision.name]
    refusals, answered = checks.refusals_miss(revision, serves_on(bench, revision))
    requests = [request_of(example) for example in revision.spec.examples or ()]
    settled = checks.settled_by(base.spec if base else None, revision.spec)
    near = checks.near_misses(revision, requests, settled)
    shared = list(checks.shares_nothing(revision, others))
    told = {flaw.facts["digest"] for flaw in shared}
    tried, disturbed = checks.elders_keep(revision, (elder for elder in others if elder.digest not in told))
    near_flaws = near.certain.flaws if near else []
    if requests and not near_flaws:
        near_flaws = checks.flaws_of(checks.wide_alternatives(document, requests, base.spec if base else None))
    flaws = [*chain(checks.examples_bind(revision), answered, near_flaws, shared, disturbed)]
    unchecked = [NOT_ASKED] if revision.spec.match.patterns else []
    if near is None and revision.spec.match.patterns:
        unchecked.append(NO_VALUES)
    detail: dict[str, object] = {
        "examples": len(requests),
        "refusalsTried": refusals,
        "nearMissesTried": near.tried if near else 0,
        "nearMissesBound": list(near.bound[:20]) if near else [],
        "elders": len(others),
        "eldersExamplesTried": tried,
        "overlaps": [dict(flaw.facts) for flaw in shared],
        "unchecked": unchecked,
    }
    return _match_evidence(flaws, detail), flaws


def _match_evidence(flaws: Sequence[Flaw], detail: Mapping[str, object]) -> Evidence:
    if flaws:
        faults = [flaw.line for flaw in flaws]
        more = {"category": checks.categories(flaws), "faults": faults}
        return Evidence(Gate.MATCH, False, "; ".join(faults[:4]), {**detail, **more})
    summary = f"{detail['examples']} examples bind; {detail['refusalsTried']} refusals and {detail['nearMissesTried']}"
    summary += " near misses do not"
    if detail["elders"]:
        summary += f"; nothing is shared with {detail['elders']} active procedures"
    return Evidence(Gate.MATCH, True, summary, detail)


def reverify_differential(
    document: ReasoningProcedure, record: VerificationRecord | None, bench: Bench, *, base: Revision | None = None
) -> Evidence:
    """Run the differential gate again on a document as it is, from what its compilation recorded.

    The inputs are made by the same rule as the compilation's: from the arguments of the request that missed and of the
    examples. A difference fails, also one that the compilation would have settled by taking out a vocabulary's value.

    Args:
        document: passed the other gates.
        record: the verifier's reply; None where the compilation asked for none, which only an extension may do that
            changes neither code nor values.
        bench: two engine builds.
        base: the active revision that an extension is made from.
    """
    revision = Revision.of(document)
    with telemetry.gate(Gate.DIFFERENTIAL):
        if base is not None and base.spec.code != revision.spec.code:
            regression = gates.regression(base, revision, bench)
            if not regression.passed:
                return regression
        if record is None:
            return _unneeded(revision, base)
        try:
            reply = ImplementationReply.model_validate(record.reply)
            tagged_of(revision, record.arguments)
        except (ValidationError, ValueProblem, KeyError) as problem:
            return _failed(f"what the compilation recorded of its verifier cannot be used: {problem}")
        exemplars = exemplars_of(document.spec, record.arguments)
        evidence, disputed = gates.differential(revision, signature_of(document.spec), reply, exemplars, bench)
    if disputed and evidence.passed:
        members = ", ".join(sorted(value for values in disputed.values() for value in values))
        return _failed(f"the implementations differ about members of vocabularies: {members}", evidence.detail)
    return evidence


def _unneeded(revision: Revision, base: Revision | None) -> Evidence:
    if base is None:
        return _failed("the compilation recorded no independent implementation")
    if core_digest(base.spec) != core_digest(revision.spec) or grew(base.spec, revision.spec):
        return _failed(
            "code or values are not those of the revision that it extends, and no verifier wrote against them"
        )
    summary = f"code, parameters and values are those of the active revision {base.digest[:19]}"
    return Evidence(Gate.DIFFERENTIAL, True, summary, {"base": base.digest, "compared": 0})


def _failed(summary: str, detail: Mapping[str, object] | None = None) -> Evidence:
    return Evidence(Gate.DIFFERENTIAL, False, summary, {**(detail or {}), "category": summary})
