"""What a document says of itself, tried on its patterns, whether a model wrote it or people did.

Its examples bind to their arguments, its refusals and generated near misses do not bind, and it shares no request with
its elders. Each check returns what it found; whether a gate passes is decided by its caller.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from seglam.compiler.framing import unframed
from seglam.compiler.gates.alternatives import Question, questions, way_through
from seglam.compiler.gates.nearmisses import Trial, may_change_nothing, wrongly_bound
from seglam.lookup import Binding, Hit, Index
from seglam.lookup.bind import fitting_inputs
from seglam.lookup.overlap import overlaps
from seglam.procedures.document import Example, ReasoningProcedure, Spec
from seglam.procedures.load import Path_
from seglam.procedures.patterns import parse
from seglam.procedures.patterns.sentences import sentences
from seglam.procedures.request import Request, request_of
from seglam.procedures.revision import Revision
from seglam.procedures.values import Sample

REFUSAL_SENTENCES = 6
SHOWN = 5
"""Near misses that are told one by one; all are counted."""

Serves = Callable[[Binding], bool]
"""Whether the code answers a binding rather than refusing it."""

KNOWN_TYPE = "the patterns match requests that a known procedure answers already"


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing that is wrong.

    Args:
        category: what an author may learn of it, without the input that showed it.
        what: the whole of it, for a person.
        path: the field of the document.
        remedy: what to do.
        subject: the request that showed it, where the field does not say which.
        facts: the same for programs; `elder` and `witness` of an overlap.
    """

    category: str
    what: str
    path: Path_ = ()
    remedy: str = "correct the document"
    subject: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)

    @property
    def line(self) -> str:
        """The flaw with its subject."""
        return f"{self.subject}: {self.what}" if self.subject else self.what


def categories(flaws: Iterable[Flaw]) -> str:
    """What an author may learn, each category once."""
    return "; ".join(dict.fromkeys(flaw.category for flaw in flaws))


def shown(text: str | None, limit: int = 120) -> str:
    """A text as a flaw quotes it."""
    text = text or ""
    return repr(text if len(text) <= limit else text[: limit - 3] + "...")


def lookup_of(revision: Revision) -> Index:
    """An index of one revision alone."""
    index = Index(explains=False)
    index.add(revision)
    return index


def examples_bind(revision: Revision) -> Iterator[Flaw]:
    """Examples that miss, or bind other arguments than they state."""
    index = lookup_of(revision)
    for number, example in enumerate(revision.spec.examples or ()):
        path: Path_ = ("spec", "examples", number)
        subject = f"the example {shown(example.request or example.value)}"
        found = index.find(request_of(example))
        if not isinstance(found, Hit):
            explaining = Index()
            explaining.add(revision)
            why = explaining.find(request_of(example)).explanation
            what = f"the example misses: {why}"
            yield Flaw("an example is not matched", what, path, "correct the example or the patterns", subject)
        elif not _equal(revision, found.binding.arguments, {a.name: a.value for a in example.arguments}):
            yield Flaw(
                "an example binds other arguments than it states",
                f"the example binds {found.binding.shown()}",
                (*path, "arguments"),
                "correct the arguments or the patterns",
                subject,
            )


def _equal(revision: Revision, bound: Mapping[str, str], stated: Mapping[str, str]) -> bool:
    types = revision.argument_types
    return bound.keys() == stated.keys() and all(types[name].equal(bound[name], stated[name]) for name in bound)


def refusals_miss(revision: Revision, serves: Serves) -> tuple[int, list[Flaw]]:
    """How many sentences of refusals were tried, and those that are answered, one for each refusal."""
    index, source, tried = lookup_of(revision), random.Random(revision.digest), 0
    rules = revision.rules
    first = (revision.spec.examples or [])[:1]
    files = files_of(revision, request_of(first[0])) if first else {}
    flaws: list[Flaw] = []
    for number, refusal in enumerate(revision.spec.match.refuse or ()):
        for sentence in sentences(parse(refusal, rules), revision.slots, source, files, limit=REFUSAL_SENTENCES):
            requests = [Request(text=sentence.text), *(_like(sentence.text, example) for example in first)]
            tried += len(requests)
            hits = [found for request in requests if isinstance(found := index.find(request), Hit)]
            # One that binds but that the code refuses is not answered, and so is refused.
            answered = next((hit for hit in hits if serves(hit.binding)), None)
            if answered is not None:
                what = f"{shown(sentence.text)} is to be refused and binds {answered.binding.shown()}"
                path: Path_ = ("spec", "match", "refuse", number)
                flaws.append(Flaw(f"patterns match the refusal {refusal!r}", what, path, "narrow the patterns"))
                break
    return tried, flaws


def _like(text: str, example: Example) -> Request:
    """A text with the inputs and context of an example, without which nothing might bind."""
    given = request_of(example)
    return Request(text=text, inputs=given.inputs, context=given.context)


@dataclass(frozen=True, slots=True)
class NearMisses:
    """How many near misses were tried, and which were bound as if nothing had changed.

    Each names its `change`, the `request`, and the `pattern` whose sentence was changed.
    """

    tried: int = 0
    bound: tuple[Mapping[str, str], ...] = ()

    @property
    def certain(self) -> NearMisses:
        """Without those whose change may be none, which a verifier has to read."""
        return NearMisses(self.tried, tuple(each for each in self.bound if not may_change_nothing(each)))

    @property
    def flaws(self) -> list[Flaw]:
        """What is to be told of them."""
        return [
            Flaw(
                f"patterns match a request that means something else ({each['change']})",
                f"{shown(each['request'])} ({each['change']}) binds as if nothing had changed",
                ("spec", "match", "patterns"),
                "narrow the patterns",
            )
            for each in self.bound[:SHOWN]
        ]


def near_misses(revision: Revision, requests: Iterable[Request], settled: Iterable[str] = ()) -> NearMisses | None:
    """Try sentences of the patterns with a word of meaning changed.

    Sentences are drawn without the standard frame: its shared rules say nothing about what is asked, and its many words
    would leave few draws for those that do. Near misses are looked up among the patterns as they are, with it.

    Args:
        revision: what is tried.
        requests: requests that it answers; the first whose text gives every slot a value lends its values.
        settled: texts of patterns that passed before.

    Returns:
        None where no request gives every slot a value, so that nothing could be tried.
    """
    passed = set(settled)
    lent = _lent(revision, requests)
    if lent is None:
        return None
    texts = [each.text for each in revision.spec.match.patterns or () if each.text not in passed]
    # Only sentences are drawn from these: an automaton of each would take longer than everything else here.
    new = {text: parse(unframed(text), revision.rules) for text in texts}
    tried, bound = wrongly_bound(revision, new, *lent)
    return NearMisses(tried, tuple(bound))


def making_near_misses(
    revision: Revision, contrasts: Iterable[tuple[str, str]], requests: Iterable[Request]
) -> set[str]:
    """Of pairs of sentences that differ in one alternative, the second ones that have certain near misses which the
    first ones do not have, so that this alternative makes them.

    Where the first one is itself the near miss nothing is said, since either may be the wrong one.

    Args:
        revision: whose sentences they are, with its parameters' names in braces.
        contrasts: the pairs.
        requests: what it answers; the first whose text gives every slot a value lends its values.
    """
    lent = _lent(revision, requests)
    if lent is None:
        return set()
    trial, known = Trial(revision, *lent), dict[str, set[str]]()

    def makes(left: str, right: str) -> bool:
        part = _apart(left, right)
        wrong = [each for each in trial.wrong(right, part) if not may_change_nothing(each)]
        if wrong and left not in known:
            known[left] = {each["change"] for each in trial.wrong(left)}
        return any(each["change"] not in known[left] for each in wrong) and left not in {e["near"] for e in wrong}

    return {right for left, right in contrasts if makes(left, right)}


def _apart(left: str, right: str) -> tuple[int, int]:
    """Where the second of two sentences is not as the first."""
    most = min(len(left), len(right))
    begin = next((at for at in range(most) if left[at] != right[at]), most)
    same = next((at for at in range(most - begin) if left[-1 - at] != right[-1 - at]), most - begin)
    return begin, len(right) - same


def wide_alternatives(
    document: ReasoningProcedure, requests: Sequence[Request], base: Spec | None = None, alike: Sequence[str] = ()
) -> list[Question]:
    """Alternatives of a document's patterns and rules that make near misses of their own, each as the question whether
    it means the same as what it stands for.

    Args:
        document: what is tried.
        requests: what it answers, the one whose wording is followed first; at least one.
        base: the revision that is extended; its alternatives are not tried again.
        alike: other texts whose wordings are followed.
    """
    asked = [each for each in questions(document, requests[0], base, alike=alike) if each.contrast is not None]
    wide = making_near_misses(Revision.of(document), [each.pair for each in asked], requests)
    return [each for each in asked if each.right in wide]


def flaws_of(wide: Iterable[Question]) -> list[Flaw]:
    """What is to be told of alternatives that make near misses."""
    return [
        Flaw(
            "an alternative makes a request that means something else match",
            f"{shown(each.right)} ({each.shown}) binds, and with a word that changes what is asked it still does",
            ("spec", "match", "patterns"),
            "narrow the patterns",
        )
        for each in islice(wide, SHOWN)
    ]


def _lent(revision: Revision, requests: Iterable[Request]) -> tuple[dict[str, Sample], Request] | None:
    """Values for all slots, from the first request that gives each one, and that request."""
    patterns = [pattern.text for pattern in revision.spec.match.patterns or ()]
    for request in requests:
        ways = (way_through(revision, pattern, request) for pattern in patterns)
        taken = next((found for found in ways if found is not None), None)
        values = {**files_of(revision, request), **(taken.values if taken is not None else {})}
        if request.text is not None and not revision.slots.keys() - values.keys():
            return values, request
    return None


def files_of(revision: Revision, request: Request) -> dict[str, Sample]:
    """The names of a request's files, for the slots of the parameters that take them."""
    found: dict[str, Sample] = {}
    for parameter in revision.parameters.values():
        fitting = fitting_inputs(parameter, request.inputs) if parameter.origin == "input" else {}
        if len(fitting) == 1:
            (name,) = fitting
            found[parameter.name] = Sample(name, name)
    return found


def settled_by(base: Spec | None, spec: Spec) -> set[str]:
    """Patterns that the revision which is extended had, unless a rule of theirs grew, which changes them too. One that
    is gone was named by none of them.
    """
    rules = {rule.name: rule.text for rule in spec.rules or ()}
    if base is None or any(rules.get(rule.name, rule.text) != rule.text for rule in base.rules or ()):
        return set()
    return {pattern.text for pattern in base.match.patterns or ()}


def elders_keep(revision: Revision, elders: Iterable[Revision]) -> tuple[int, list[Flaw]]:
    """How many examples of elders were tried, and those that the newcomer matches too, which would be ambiguous."""
    index, tried, flaws = lookup_of(revision), 0, list[Flaw]()
    for elder in elders:
        for example in elder.spec.examples or ():
            tried += 1
            if isinstance(index.find(request_of(example)), Hit):
                what = f"an example of {elder.name}, {shown(example.request or example.value)}, binds to the newcomer"
                flaws.append(Flaw(KNOWN_TYPE, what, ("spec", "match"), "narrow the patterns"))
    return tried, flaws


def shares_nothing(revision: Revision, elders: Sequence[Revision]) -> Iterator[Flaw]:
    """Requests that patterns of the newcomer and of an elder may both match, each with a witness where there is one."""
    for elder in elders:
        if elder.digest == revision.digest:
            what = f"this is the procedure {elder.name} under another name"
            facts: dict[str, object] = {"elder": elder.name, "digest": elder.digest}
            yield Flaw(KNOWN_TYPE, what, ("metadata", "name"), "remove one of the two", facts=facts)
    for overlap in overlaps(revision, elders):
        number = overlap.newcomer_pattern
        path: Path_ = ("spec", "match", "structured")
        if number is not None:
            path = ("spec", "match", "patterns", number, "text")
        kind = "matches" if overlap.confirmed else "may match" if overlap.decided else "is too complex to tell from"
        theirs = "its structured form" if overlap.elder_pattern is None else f"pattern {overlap.elder_pattern}"
        request = f", both with {shown(overlap.witness)}" if overlap.witness else ""
        mine = "the structured form" if number is None else f"pattern {number}"
        what = f"{mine} {kind} what {overlap.elder.name} ({theirs}) does{request}"
        facts = {
            "elder": overlap.elder.name,
            "digest": overlap.elder.digest,
            "pattern": number,
            "elderPattern": overlap.elder_pattern,
            "witness": overlap.witness,
            "confirmed": overlap.confirmed,
            "decided": overlap.decided,
        }
        yield Flaw(KNOWN_TYPE, what, path, "narrow one of the two", facts=facts)
