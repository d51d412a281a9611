"""Gate 4: a newcomer's patterns match what they should, and nothing else.

What overlaps with active revisions is taken from the newcomer; so is every optional part and alternative that a blind
verifier does not find to mean the same, and every further pattern of an extension that explains a near miss. Of an
extension, what somebody asked and lost by that is asked about once more, as the one sentence that it is. Then, for what
is left: the request that missed and the examples bind, refusals and generated near misses do not, and the examples of
active revisions stay theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from seglam.compiler.assemble import with_patterns, with_spec
from seglam.compiler.gates import checks
from seglam.compiler.gates.alternatives import Question, questions, without
from seglam.compiler.gates.checks import Flaw, NearMisses, Serves
from seglam.compiler.gates.narrowing import narrower
from seglam.compiler.gates.nearmisses import behind, may_change_nothing
from seglam.compiler.gates.wordings import as_said, lost, whether_the_same
from seglam.compiler.results import Evidence, Gate
from seglam.lookup import Hit
from seglam.lookup.newcomer import NothingRemains, yield_to
from seglam.procedures.document import Pattern, ReasoningProcedure, Spec
from seglam.procedures.request import Request, request_of
from seglam.procedures.revision import Revision

PAIRS_AT_ONCE = 150
MAX_PAIRS = 1000
"""Pairs of sentences in one question, and in all; alternatives beyond that are taken out unasked."""
SYNONYM_PAIRS = 3
"""Sentences of one pattern that are asked about for one changed word."""
NARROWINGS = 3
"""How often near misses of a narrowed extension are tried before what still makes some is left out as a whole."""
WIDE_ROUNDS = 4
"""How often alternatives of an extension that make near misses are looked for; each time some may hide others."""
ROUNDS = 3
"""How often an extension is narrowed and gets the words of those who lost by it."""
TOLD_PAIRS, MAX_TOLD = 6, 800
"""Of its own sentences, what the author of a rejected procedure learns; characters of what a known one shares."""

Pairs = Sequence[tuple[str, str]]
Verdicts = Sequence[str]
Known = dict[tuple[str, str], str]
Judge = Callable[[Pairs], Verdicts]
"""Asks a blind verifier about pairs of sentences: `same`, `different` or `unsure` for each."""


@dataclass(slots=True)
class _Findings:
    """What the gate has done and found so far. `known` is what the verifier said of pairs of sentences."""

    judge: Judge
    known: Known = field(default_factory=dict)
    flaws: list[Flaw] = field(default_factory=list)
    own_words: list[dict[str, object]] = field(default_factory=list)
    detail: dict[str, object] = field(default_factory=dict)

    def add(self, flaws: Iterable[Flaw]) -> None:
        self.flaws += flaws

    def fault(self, what: str, category: str) -> None:
        self.flaws.append(Flaw(category, what))


def match(
    document: ReasoningProcedure,
    request: Request,
    elders: Sequence[Revision],
    judge: Judge,
    serves: Serves,
    base: Spec | None = None,
    wording: Request | None = None,
    alike: Sequence[str] = (),
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
        alike: texts of other requests that missed. What the newcomer yields is chosen so that it binds those it can,
            and its patterns are asked about in their words.
    """
    findings = _Findings(judge)
    if not _binds(document, request):
        findings.fault("the patterns do not bind the request that missed", _UNBOUND)
        return _evidence(findings), document
    claimed, seen, refused = document, wording or request, ""
    try:
        yielded = yield_to(document, elders, request, checks.settled_by(base, document.spec), alike)
    except NothingRemains as problem:
        refused = str(problem)
        if base is None or problem.left is None:
            findings.fault(refused, f"{checks.KNOWN_TYPE} ({checks.shown(refused, MAX_TOLD)})")
            return _evidence(findings), document
        yielded = problem.left
    whole = yielded.document
    if base is not None:
        whole = _without_wide_alternatives(whole, seen, base, alike, findings)
    findings.detail["yielded"] = [
        {"pattern": r.pattern, "removed": r.removed, "witness": r.witness, "elder": r.elder} for r in yielded.removed
    ]
    document, rejected = _prune(whole, questions(whole, seen, base, alike=alike), findings)
    if not refused and not _binds(document, request):  # its own words were not found to mean the same as plainer ones
        document, rejected = _prune(whole, questions(whole, seen, base, own_way=True, alike=alike), findings)
    if base is None:
        document = _without_lost_examples(document, findings)
        near = _without_synonyms(_near_misses(document, request, base), findings)
    else:
        requests = [request, *(request._replace(text=text) for text in alike)]
        document, near = _extension(claimed, document, base, requests, elders, findings)
    if not near.bound and not _binds(document, request):
        why = f" ({checks.shown(refused, MAX_TOLD)})" if refused else _not_the_same(rejected)
        findings.fault("without the rejected alternatives the request that missed is not bound", f"{_UNBOUND}{why}")
        return _evidence(findings), document
    _check(document, near, elders, serves, findings)
    return _evidence(findings), document


def _without_wide_alternatives(
    document: ReasoningProcedure, seen: Request, base: Spec, alike: Sequence[str], findings: _Findings
) -> ReasoningProcedure:
    """An extension without those alternatives of its patterns and rules that make near misses. Nobody need be asked of
    these, and patterns that would go as a whole for one of them stay.
    """
    findings.detail["wideAlternatives"] = gone = list[str]()
    for _ in range(WIDE_ROUNDS):
        rejected = checks.wide_alternatives(document, [seen], base, alike)
        if not rejected:
            break
        document, said = without(document, rejected)
        gone += said
    return document


def _extension(
    claimed: ReasoningProcedure,
    document: ReasoningProcedure,
    base: Spec,
    requests: Sequence[Request],
    elders: Sequence[Revision],
    findings: _Findings,
) -> tuple[ReasoningProcedure, NearMisses]:
    """An extension without what makes near misses, and with what was asked and lost, in its own words.

    What is lost by narrowing gets its own words after it; these may make near misses with each other, and then go.

    Args:
        claimed: the extension as it was proposed.
        document: what is left of it.
        base: the revision that is extended.
        requests: the request that missed, and others alike.
    """
    request, tried, wide = requests[0], set[str](), list[Mapping[str, str]]()
    near = NearMisses()
    for _ in range(ROUNDS):
        document = _with_own_words(claimed, document, requests, elders, tried, findings)
        near = _without_synonyms(_near_misses(document, request, base), findings)
        if not near.bound:
            break
        narrowed = _narrowed(document, near, base, request, findings)
        if narrowed is document:
            break
        document, wide = narrowed, [*wide, *near.bound]
        near = NearMisses(near.tried)
    findings.detail["ownWords"] = findings.own_words
    if wide:
        findings.detail["tooWide"] = [dict(each) for each in wide]
    if wide and not near.bound and not _binds(document, request):
        near = NearMisses(near.tried, tuple(wide))
    return _without_lost_examples(document, findings), near


def _with_own_words(
    claimed: ReasoningProcedure,
    document: ReasoningProcedure,
    requests: Sequence[Request],
    elders: Sequence[Revision],
    tried: set[str],
    findings: _Findings,
) -> ReasoningProcedure:
    """The document with each request that it lost in its own words, where the verifier finds these to mean the same."""
    said = [each for each in as_said(claimed, lost(requests, claimed, document)) if each.text not in tried]
    if not said:
        return document
    tried |= {each.text for each in said}
    left = document.spec.match.patterns or []
    settled = {each.text for each in left}
    wider = yield_to(with_patterns(document, [*left, *said]), elders, settled=settled).document
    return _agreed(wider, settled, findings)


def agreed(document: ReasoningProcedure, base: Spec, judge: Judge) -> ReasoningProcedure:
    """A proposed extension with those of its new patterns, each one sentence, that are found to mean the same as what
    the procedure is known for.
    """
    return _agreed(document, {each.text for each in base.match.patterns or ()}, _Findings(judge))


def _agreed(document: ReasoningProcedure, settled: Collection[str], findings: _Findings) -> ReasoningProcedure:
    patterns = list(enumerate(document.spec.match.patterns or ()))
    old = {number for number, each in patterns if each.text in settled}
    kept: set[int | None] = {*old}
    for turn in whether_the_same(document, old):  # the most alike first: one that is found the same is enough
        asked = [each for each in turn if each.pattern not in kept]
        verdicts = _verdicts(asked, findings.judge, findings.known)
        findings.own_words += [{"pair": each.pair, "verdict": verdicts.get(each.pair, "not asked")} for each in asked]
        kept |= {each.pattern for each in asked if not each.rejected(verdicts.get(each.pair))}
    return with_patterns(document, [each for number, each in patterns if number in kept])


_UNBOUND = "no pattern matches the missed request as a whole"


def _not_the_same(rejected: Sequence[Question]) -> str:
    """What the author may learn of its own sentences: some that a second reader did not find to mean the same."""
    pairs = list(dict.fromkeys(question.pair for question in rejected))[:TOLD_PAIRS]
    told = "; ".join(f"{checks.shown(left, 200)} and {checks.shown(right, 200)}" for left, right in pairs)
    return f" without what a second reader did not find to mean the same: {told}" if told else ""


def _binds(document: ReasoningProcedure, request: Request) -> bool:
    if not document.spec.match.patterns and not document.spec.match.structured:
        return False
    return isinstance(checks.lookup_of(Revision.of(document)).find(request), Hit)


def _prune(
    document: ReasoningProcedure, asked: Sequence[Question], findings: _Findings
) -> tuple[ReasoningProcedure, Sequence[Question]]:
    """Take out every alternative that is not found to mean the same as what it stands for, and alien patterns; and say
    which were rejected.
    """
    verdicts = _verdicts(asked, findings.judge, findings.known)
    rejected = [question for question in asked if question.rejected(verdicts.get(question.pair))]
    findings.detail["contrasts"] = [
        {"at": question.shown, "pair": list(question.pair), "verdict": verdicts.get(question.pair, "not asked")}
        for question in asked
    ]
    if rejected:
        document, findings.detail["cut"] = without(document, rejected)
    return document, rejected


def _verdicts(asked: Sequence[Question], judge: Judge, verdicts: Known) -> Known:
    """What the verifier says of the pairs, as far as it is asked.

    Where there are too many, what all patterns share and one question about each difference come first, and a
    difference that was once rejected is not asked about again: a part that many patterns repeat would use up all.
    """
    pairs = list(dict.fromkeys(question.pair for question in asked if question.pair not in verdicts))
    if many := len(pairs) > MAX_PAIRS:
        firsts = {each.contrast.words: each for each in reversed(asked) if each.contrast}
        ranked = sorted(asked, key=lambda each: each.contrast is not None and each is not firsts[each.contrast.words])
        pairs = list(dict.fromkeys(question.pair for question in ranked if question.pair not in verdicts))
    most = len(verdicts) + MAX_PAIRS
    while pairs and len(verdicts) < most:
        at_once = min(PAIRS_AT_ONCE, most - len(verdicts))
        verdicts |= zip(pairs[:at_once], judge(pairs[:at_once]), strict=True)
        pairs = pairs[at_once:]
        if many:
            no = {each.contrast.words for each in asked if each.contrast and verdicts.get(each.pair, "same") != "same"}
            again = {each.pair for each in asked if each.contrast and each.contrast.words in no}
            pairs = [pair for pair in pairs if pair not in again]
    return verdicts


def _without_lost_examples(document: ReasoningProcedure, findings: _Findings) -> ReasoningProcedure:
    """Examples of what was taken out go with it; one that binds other arguments stays, for the gate to find."""
    index = checks.lookup_of(Revision.of(document))
    stated = document.spec.examples or []
    kept = [example for example in stated if isinstance(index.find(request_of(example)), Hit)]
    findings.detail["examplesDropped"] = len(stated) - len(kept)
    return with_spec(document, examples=kept or None) if len(kept) < len(stated) else document


def _near_misses(document: ReasoningProcedure, request: Request, base: Spec | None) -> NearMisses:
    settled = checks.settled_by(base, document.spec)
    return checks.near_misses(Revision.of(document), [request], settled) or NearMisses()


def _without_synonyms(near: NearMisses, findings: _Findings) -> NearMisses:
    """What is left of the bound near misses when the verifier has read the sentences whose change may be none.

    A change is none in a place of a pattern if it is none in all sentences of the place that are asked about. A place
    is told by the word behind it.
    """
    asked: dict[tuple[str, str, str], list[tuple[str, str]]] = {}
    for each in near.bound:
        pairs = asked.setdefault((each["pattern"], each["change"], behind(each)), [])
        if len(pairs) < SYNONYM_PAIRS and may_change_nothing(each):
            pairs.append((each["sentence"], each["near"]))
    known = findings.known
    pairs = list(dict.fromkeys(pair for pairs in asked.values() for pair in pairs if pair not in known))[:PAIRS_AT_ONCE]
    if pairs:
        known |= zip(pairs, findings.judge(pairs), strict=True)
    same = {key for key, pairs in asked.items() if pairs and all(known.get(pair) == "same" for pair in pairs)}
    left = tuple(each for each in near.bound if (each["pattern"], each["change"], behind(each)) not in same)
    findings.detail["synonyms"] = sorted({f"{change}: {pattern}" for pattern, change, _ in same})
    return NearMisses(near.tried, left)


def _narrowed(
    document: ReasoningProcedure, near: NearMisses, base: Spec, request: Request, findings: _Findings
) -> ReasoningProcedure:
    """An extension without what made or explains a near miss in its new patterns: an alternative where one is to blame,
    otherwise the whole pattern; the others are as good without it.

    As it is where that is not enough: an old pattern made the near miss, through a rule that grew.
    """
    old = {pattern.text for pattern in base.match.patterns or ()}
    if not old.isdisjoint(each["pattern"] for each in near.bound):
        return document
    narrowed = document
    for _ in range(NARROWINGS):
        if not near.bound:
            return narrowed
        narrowed = _without_wide_parts(narrowed, near, old)
        near = _without_synonyms(_near_misses(narrowed, request, base), findings)
    return _without_wide(narrowed, near, old, request) if near.bound else narrowed


def _without_wide_parts(document: ReasoningProcedure, near: NearMisses, old: set[str]) -> ReasoningProcedure:
    """The document with narrower new patterns, without those that cannot be made narrower."""
    revision = Revision.of(document)
    patterns: list[Pattern] = []
    for pattern in document.spec.match.patterns or ():
        text: str | None = pattern.text
        if pattern.text not in old:
            own, foreign = list[tuple[str, str]](), list[tuple[str, str]]()
            for each in near.bound:
                (own if each["pattern"] == pattern.text else foreign).append((each["said"], each["request"]))
            text = narrower(revision, pattern.text, own, foreign)
        if text is not None:
            patterns.append(pattern.model_copy(update={"text": text}))
    return with_patterns(document, patterns)


def _without_wide(
    document: ReasoningProcedure, near: NearMisses, old: set[str], request: Request
) -> ReasoningProcedure:
    """The document without the new patterns that made or explain a near miss."""
    wide = {each["pattern"] for each in near.bound}
    changed = [request._replace(text=each["request"]) for each in near.bound]
    patterns = document.spec.match.patterns or []
    for pattern in patterns:
        if pattern.text not in old | wide:
            index = checks.lookup_of(Revision.of(with_patterns(document, [pattern])))
            if any(isinstance(index.find(each), Hit) for each in changed):
                wide.add(pattern.text)
    return with_patterns(document, [pattern for pattern in patterns if pattern.text not in wide])


def _check(
    document: ReasoningProcedure,
    near: NearMisses,
    elders: Sequence[Revision],
    serves: Serves,
    findings: _Findings,
) -> None:
    """What is left of the newcomer, tried."""
    revision = Revision.of(document)
    findings.add(checks.examples_bind(revision))
    findings.detail["refusalsTried"], flaws = checks.refusals_miss(revision, serves)
    findings.add(flaws)
    findings.detail |= {"nearMissesTried": near.tried, "nearMissesBound": list(near.bound[:20])}
    findings.add(near.flaws)
    findings.detail["eldersExamplesTried"], flaws = checks.elders_keep(revision, elders)
    findings.add(flaws)


def _evidence(findings: _Findings) -> Evidence:
    detail = dict(findings.detail)
    if findings.flaws:
        faults = [flaw.line for flaw in findings.flaws]
        detail |= {"category": checks.categories(findings.flaws), "faults": faults}
        return Evidence(Gate.MATCH, False, "; ".join(faults[:4]), detail)
    counts = {name: len(found) for name, found in detail.items() if isinstance(found, list)}
    summary = (
        f"examples bind, {detail['refusalsTried']} refusals and {detail['nearMissesTried']} near misses do not; "
        f"{counts['contrasts']} contrasts judged, {counts.get('cut', 0)} cut, {counts['yielded']} parts yielded"
        + (f"; {counts['ownWords']} asked about in their own words" if counts.get("ownWords") else "")
        + (f"; patterns that explain one of {counts['tooWide']} near misses left out" if "tooWide" in counts else "")
    )
    return Evidence(Gate.MATCH, True, summary, detail)
