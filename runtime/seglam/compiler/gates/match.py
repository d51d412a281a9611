"""Gate 4: a newcomer's patterns match what they should, and nothing else.

What overlaps with active revisions is taken from the newcomer; so is every optional part and alternative that a blind
verifier does not find to mean the same. Then, for what is left: the request that missed and the examples bind, refusals
and generated near misses do not, and the examples of active revisions stay theirs.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from seglam.compiler.assemble import with_spec
from seglam.compiler.gates.alternatives import questions, taken_by, without
from seglam.compiler.gates.nearmisses import wrongly_bound
from seglam.compiler.results import Evidence, Gate
from seglam.lookup import Binding, Hit, Index
from seglam.lookup.newcomer import NothingRemains, yield_to
from seglam.procedures.document import Example, Pattern, ReasoningProcedure, Spec
from seglam.procedures.patterns import Node, parse
from seglam.procedures.patterns.sentences import sentences
from seglam.procedures.request import Request, request_of
from seglam.procedures.revision import Revision
from seglam.procedures.values import Sample

PAIRS_AT_ONCE = 150
MAX_PAIRS = 600
"""Pairs of sentences in one question, and in all; alternatives beyond that are taken out unasked."""

REFUSAL_SENTENCES = 6

Pairs = Sequence[tuple[str, str]]
Verdicts = Sequence[str]
Judge = Callable[[Pairs], Verdicts]
"""Asks a blind verifier about pairs of sentences: `same`, `different` or `unsure` for each."""

Serves = Callable[[Binding], bool]
"""Whether the code answers a binding rather than refusing it."""


@dataclass(slots=True)
class _Findings:
    """What the gate has done and found so far."""

    faults: list[str] = field(default_factory=list)
    categories: dict[str, None] = field(default_factory=dict)
    detail: dict[str, object] = field(default_factory=dict)

    def fault(self, what: str, category: str) -> None:
        self.faults.append(what)
        self.categories[category] = None


def match(
    document: ReasoningProcedure,
    request: Request,
    elders: Sequence[Revision],
    judge: Judge,
    serves: Serves,
    base: Spec | None = None,
    wording: Request | None = None,
) -> tuple[Evidence, ReasoningProcedure]:
    """Decide, and return the document without what had to go.

    Args:
        document: the newcomer, valid and with its examples.
        request: the request that missed.
        elders: active revisions, without the one that the newcomer replaces.
        judge: asks about contrasts.
        serves: runs the code; a refusal that binds but that the code refuses is not answered, and so is refused.
        base: the revision that the newcomer extends, whose parts passed this gate before and raise no new questions.
        wording: the request that the author saw, whose wording alternatives are compared with; by default `request`.
    """
    findings = _Findings()
    if not _binds(document, request):
        findings.fault("the patterns do not bind the request that missed", _UNBOUND)
        return _evidence(findings), document
    try:
        yielded = yield_to(document, elders, request)
    except NothingRemains as problem:
        findings.fault(str(problem), "the patterns match requests that a known procedure answers already")
        return _evidence(findings), document
    document = yielded.document
    findings.detail["yielded"] = [
        {"pattern": r.pattern, "removed": r.removed, "witness": r.witness, "elder": r.elder} for r in yielded.removed
    ]
    document = _prune(document, wording or request, judge, base, findings)
    if not _binds(document, request):
        findings.fault("without the rejected alternatives the request that missed is not bound", _UNBOUND)
        return _evidence(findings), document
    document = _without_lost_examples(document, findings)
    _check_examples(document, findings)
    _check_refusals(document, serves, findings)
    _check_near_misses(document, request, base, findings)
    _check_elders(document, elders, findings)
    return _evidence(findings), document


_UNBOUND = "no pattern matches the missed request as a whole"


def _index_of(document: ReasoningProcedure) -> tuple[Revision, Index]:
    revision, index = Revision.of(document), Index(explains=False)
    index.add(revision)
    return revision, index


def _binds(document: ReasoningProcedure, request: Request) -> bool:
    if not document.spec.match.patterns and not document.spec.match.structured:
        return False
    return isinstance(_index_of(document)[1].find(request), Hit)


def _trees(document: ReasoningProcedure) -> list[tuple[Pattern, Node]]:
    rules = {rule.name: rule.text for rule in document.spec.rules or ()}
    return [(pattern, parse(pattern.text, rules)) for pattern in document.spec.match.patterns or ()]


def _prune(
    document: ReasoningProcedure, request: Request, judge: Judge, base: Spec | None, findings: _Findings
) -> ReasoningProcedure:
    """Take out every alternative that is not found to mean the same as what it stands for."""
    asked = questions(document, request, base)
    pairs = list(dict.fromkeys(question.pair for question in asked))
    verdicts: dict[tuple[str, str], str] = {}
    for at in range(0, min(len(pairs), MAX_PAIRS), PAIRS_AT_ONCE):
        some = pairs[at : min(at + PAIRS_AT_ONCE, MAX_PAIRS)]
        verdicts |= zip(some, judge(some), strict=True)
    rejected = [question for question in asked if verdicts.get(question.pair) != "same"]
    findings.detail["contrasts"] = [
        {"at": question.shown, "pair": list(question.pair), "verdict": verdicts.get(question.pair, "not asked")}
        for question in asked
    ]
    if not rejected:
        return document
    document, findings.detail["cut"] = without(document, rejected)
    return document


def _without_lost_examples(document: ReasoningProcedure, findings: _Findings) -> ReasoningProcedure:
    """Examples of what was taken out go with it; one that binds other arguments stays, for the gate to find."""
    _, index = _index_of(document)
    stated = document.spec.examples or []
    kept = [example for example in stated if isinstance(index.find(request_of(example)), Hit)]
    findings.detail["examplesDropped"] = len(stated) - len(kept)
    return with_spec(document, examples=kept or None) if len(kept) < len(stated) else document


def _check_examples(document: ReasoningProcedure, findings: _Findings) -> None:
    revision, index = _index_of(document)
    for example in document.spec.examples or ():
        found = index.find(request_of(example))
        stated = {argument.name: argument.value for argument in example.arguments}
        if not isinstance(found, Hit):
            findings.fault(f"the example {example.request!r} misses: {found.explanation}", "an example is not matched")
        elif not _equal(revision, found.binding.arguments, stated):
            findings.fault(
                f"the example {example.request!r} binds {found.binding.shown()}",
                "an example binds other arguments than it states",
            )


def _equal(revision: Revision, bound: Mapping[str, str], stated: Mapping[str, str]) -> bool:
    types = revision.argument_types
    return bound.keys() == stated.keys() and all(types[name].equal(bound[name], stated[name]) for name in bound)


def _check_refusals(document: ReasoningProcedure, serves: Serves, findings: _Findings) -> None:
    revision, index = _index_of(document)
    rules = {rule.name: rule.text for rule in document.spec.rules or ()}
    source, tried = random.Random(revision.digest), 0
    slotted = {n: kind for n, kind in revision.types.items() if revision.parameters[n].origin in (None, "pattern")}
    examples = document.spec.examples or []
    for refusal in document.spec.match.refuse or ():
        tree = parse(refusal, rules)
        for sentence in sentences(tree, slotted, source, limit=REFUSAL_SENTENCES):
            for base in [Request(text=sentence.text), *(_like(sentence.text, example) for example in examples[:1])]:
                tried += 1
                found = index.find(base)
                if isinstance(found, Hit) and serves(found.binding):
                    findings.fault(
                        f"{base.text!r} is to be refused and is answered", f"patterns match the refusal {refusal!r}"
                    )
                    break
    findings.detail["refusalsTried"] = tried


def _like(text: str, example: Example) -> Request:
    """A text with the inputs and context of an example, without which nothing might bind."""
    given = request_of(example)
    return Request(text=text, inputs=given.inputs, context=given.context)


def _check_near_misses(document: ReasoningProcedure, request: Request, base: Spec | None, findings: _Findings) -> None:
    revision = Revision.of(document)
    trees = [(pattern, tree) for pattern, tree in _trees(document)]
    values: Mapping[str, Sample] = {}
    for _, tree in trees:
        taken = taken_by(revision, tree, request)
        if taken is not None:
            values = taken.values
            break
    # A rule that grew changes old patterns too.
    settled = set() if base and base.rules != document.spec.rules else _texts_of(base)
    new = [tree for pattern, tree in trees if pattern.text not in settled]
    slotted = {n for n in revision.types if revision.parameters[n].origin in (None, "pattern")}
    if request.text is None or slotted - values.keys():
        findings.detail["nearMissesTried"] = 0
        return
    tried, wrong = wrongly_bound(revision, new, values, request)
    findings.detail["nearMissesTried"] = tried
    findings.detail["nearMissesBound"] = wrong[:20]
    for each in wrong[:5]:
        findings.fault(
            f"{each['request']!r} ({each['change']}) binds as if nothing had changed",
            f"patterns match a request that means something else ({each['change']})",
        )


def _texts_of(spec: Spec | None) -> set[str]:
    return {pattern.text for pattern in (spec.match.patterns if spec else None) or ()}


def _check_elders(document: ReasoningProcedure, elders: Sequence[Revision], findings: _Findings) -> None:
    """A newcomer disturbs an elder's example only if it matches it too."""
    _, index = _index_of(document)
    tried = 0
    for elder in elders:
        for example in elder.spec.examples or ():
            tried += 1
            if isinstance(index.find(request_of(example)), Hit):
                findings.fault(
                    f"an example of {elder.name}, {example.request!r}, binds to the newcomer",
                    "the patterns match requests that a known procedure answers already",
                )
    findings.detail["eldersExamplesTried"] = tried


def _evidence(findings: _Findings) -> Evidence:
    detail = dict(findings.detail)
    if findings.faults:
        detail |= {"category": "; ".join(findings.categories), "faults": findings.faults}
        return Evidence(Gate.MATCH, False, "; ".join(findings.faults[:4]), detail)
    counts = {name: len(found) for name, found in detail.items() if isinstance(found, list)}
    summary = (
        f"examples bind, {detail['refusalsTried']} refusals and {detail['nearMissesTried']} near misses do not; "
        f"{counts['contrasts']} contrasts judged, {counts.get('cut', 0)} cut, {counts['yielded']} parts yielded"
    )
    return Evidence(Gate.MATCH, True, summary, detail)
