"""Gate 3: two implementations that were written apart, run on the same inputs.

The verifier never saw the author's code. Wherever one answers and the other does not, or both answer differently, the
procedure is rejected. A call that ran into a limit tells nothing and is counted apart. So is an input that the author's
code refuses on purpose though the verifier's answers it: it will miss, which is never wrong, but it may not be common.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from seglam.compiler.assemble import as_canonical
from seglam.compiler.gates.inputs import Case, cases
from seglam.compiler.replies import ImplementationReply
from seglam.compiler.results import Evidence, Gate
from seglam.compiler.running import FUEL, Answer, Bench, answers, program_of, tagged_of
from seglam.compiler.signature import Signature
from seglam.procedures.document import Spec
from seglam.procedures.revision import Revision
from seglam.procedures.values import ValueProblem
from seglam.sandbox import Mode, Program

VERIFIER_FUEL = 10_000_000_000
"""The verifier's implementation is slow on purpose."""

VERIFIER_MEMORY_MIB = 128
MAX_LIMITED = 40
"""Inputs that may run into a limit before the rest is not tried any more; each costs up to a second."""

BATCH = 20
MIN_ANSWERED = 10
MAX_REFUSED = 1 / 3
"""Share of the inputs that the verifier's implementation answers and the author's code may refuse."""
PROMISED = ("stranger", "exemplar", "bound", "corner")
"""Kinds of inputs that the author's code may not refuse where the verifier's answers: an exemplar has an answer, and
bounds that the document states are within what it answers."""

_OPEN = "the request has a reading that its text does not exclude: refuse where it matters, or narrow the patterns"


Disputed = Mapping[str, frozenset[str]]
"""Values by the name of their vocabulary."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One input with the author's answers on both engine builds and the verifier's."""

    case: Case
    author: Answer
    again: Answer
    verifier: Answer


def answer_name(signature: Signature) -> str:
    """The name under which properties receive the answer."""
    name = "answer"
    while name in signature.arguments:
        name += "_"
    return name


def exemplars_of(spec: Spec, bound: Mapping[str, str] | None = None) -> list[Mapping[str, str]]:
    """Arguments that are known to have answers: those of the request that missed, and of the examples."""
    stated: list[Mapping[str, str]] = [{a.name: a.value for a in example.arguments} for example in spec.examples or ()]
    return [bound, *stated] if bound is not None else stated


def differential(
    revision: Revision,
    signature: Signature,
    reply: ImplementationReply,
    exemplars: Sequence[Mapping[str, str]],
    bench: Bench,
) -> tuple[Evidence, Disputed]:
    """Run both implementations, the verifier's properties and its hand cases, and decide.

    Members of a vocabulary about which the two disagree are set aside, if they are few; the caller takes them out.
    """
    open_readings = [r.reading for r in reply.readings if r.fixed_by is None and not r.guarded]
    readings = [r.model_dump(mode="json", by_alias=True) for r in reply.readings]
    facts: dict[str, object] = {"readings": readings, "implementation": reply.code, "engines": list(bench.engines)}
    if open_readings:
        return _failed(f"readings that nothing fixes: {'; '.join(open_readings)}", _OPEN, facts), {}
    compared, untried = compare(revision, reply.code, cases(revision, exemplars), bench)
    members = disputed(revision, compared)
    facts["disputedMembers"] = {name: sorted(values) for name, values in members.items()}
    compared = [each for each in compared if not _concerns(revision, each, members)]
    broken = check_properties(revision, signature, reply.properties, compared, bench)
    hand = check_cases(revision, reply, bench)
    return judge(revision, compared, untried, broken, hand, facts), members


def disputed(revision: Revision, compared: Sequence[Compared]) -> Disputed:
    """Values by vocabulary, if these alone explain every difference and are at most a tenth of their vocabulary.

    A value is disputed if the implementations differ wherever it stands and agree on an answer nowhere.
    """
    differing = [each for each in compared if difference(revision, each) is not None]
    found: dict[str, frozenset[str]] = {}
    for name, parameter in revision.parameters.items():
        if parameter.type == "vocabulary" and parameter.vocabulary is not None:
            settled = {
                each.case.shown[name]
                for each in compared
                if each.author.text is not None and difference(revision, each) is None
            }
            values = {each.case.shown[name] for each in differing if each.case.kind != "stranger"} - settled
            vocabulary = next(v for v in revision.spec.vocabularies or () if v.name == parameter.vocabulary)
            if values and len(values) <= max(1, len(vocabulary.values) // 10) < len(vocabulary.values):
                found[parameter.vocabulary] = found.get(parameter.vocabulary, frozenset()) | values
    return found if all(_concerns(revision, each, found) for each in differing) else {}


def _concerns(revision: Revision, each: Compared, members: Disputed) -> bool:
    return any(
        each.case.kind != "stranger" and each.case.shown[name] in members.get(parameter.vocabulary or "", ())
        for name, parameter in revision.parameters.items()
    )


def regression(old: Revision, new: Revision, bench: Bench) -> Evidence:
    """New code of a procedure answers as its old code did, wherever that answered."""
    inputs = [case for case in cases(old, exemplars_of(old.spec)) if case.kind != "stranger"]
    programs = (program_of(each.spec.code, min(each.fuel, FUEL), each.memory_mib) for each in (old, new))
    before, after = (answers(bench.first, old, program, [case.tagged for case in inputs]) for program in programs)
    lost = [
        (case, was, now)
        for case, was, now in zip(inputs, before, after, strict=True)
        if was.text is not None and not now.limited and was.text != now.text
    ]
    answered = sum(answer.text is not None for answer in before)
    changed = [
        {"arguments": dict(case.shown), "before": was.text, "after": now.text or now.fault}
        for case, was, now in lost[:20]
    ]
    detail = {"compared": len(inputs), "answered": answered, "changed": changed}
    if lost:
        category = "the new code does not answer as the old code did"
        return _failed(f"{category} on {len(lost)} of {len(inputs)} inputs", category, detail)
    return Evidence(Gate.DIFFERENTIAL, True, f"the new code answers {answered} inputs as before", detail)


def verifier_program(revision: Revision, code: str) -> Program:
    """A verifier's implementation of a revision, with its own limits."""
    return program_of(code, VERIFIER_FUEL, max(revision.memory_mib, VERIFIER_MEMORY_MIB))


def compare(revision: Revision, code: str, inputs: Sequence[Case], bench: Bench) -> tuple[list[Compared], list[Case]]:
    """Run the author's code on both builds, the verifier's half on each; also the inputs that were not tried."""
    author = program_of(revision.spec.code, min(revision.fuel, FUEL), revision.memory_mib)
    verifier = verifier_program(revision, code)
    compared: list[Compared] = []
    limited = 0
    with ThreadPoolExecutor(max_workers=2) as pool:  # the engine runs outside the interpreter's lock
        for at in range(0, len(inputs), BATCH):  # in small batches, so that slow code is noticed early
            batch = inputs[at : at + BATCH]
            tagged = [case.tagged for case in batch]
            half = len(tagged) // 2
            runs = [
                pool.submit(answers, sandbox, revision, program, some)
                for sandbox, program, some in (
                    (bench.first, verifier, tagged[:half]),
                    (bench.second, verifier, tagged[half:]),
                    (bench.first, author, tagged),
                    (bench.second, author, tagged),
                )
            ]
            front, back, mine, again = (run.result() for run in runs)
            compared += map(Compared, batch, mine, again, [*front, *back])
            limited += sum(each.author.limited or each.verifier.limited for each in compared[at:])
            if limited > MAX_LIMITED:
                return compared, list(inputs[at + BATCH :])
    return compared, []


def check_properties(
    revision: Revision, signature: Signature, code: str | None, compared: Sequence[Compared], bench: Bench
) -> list[Compared]:
    """Answers for which the verifier's properties do not hold. A property that fails to run says nothing."""
    answered = [each for each in compared if each.author.text is not None]
    if code is None or not answered:
        return []
    name = answer_name(signature)
    names = ", ".join([*revision.argument_types, name])
    program = program_of(
        f"{code}\n\n\ndef solve({names}):\n    return check({names}) is True\n", FUEL, VERIFIER_MEMORY_MIB
    )
    arguments = [{**each.case.tagged, name: each.author.tagged} for each in answered]
    runs = bench.first.run_many(program, arguments, mode=Mode.FRESH)
    return [each for each, run in zip(answered, runs, strict=True) if run.ok and run.answer is False]


@dataclass(frozen=True, slots=True)
class HandCase:
    """A case that the verifier worked out by hand: `outcome` is passed, failed, or why it says nothing."""

    arguments: Mapping[str, str]
    stated: str
    outcome: str


def check_cases(revision: Revision, reply: ImplementationReply, bench: Bench) -> list[HandCase]:
    """Run the hand cases. One that the verifier's own implementation contradicts says nothing."""
    author = program_of(revision.spec.code, revision.fuel, revision.memory_mib)
    verifier = program_of(reply.code, VERIFIER_FUEL, VERIFIER_MEMORY_MIB)
    checked = []
    for case in reply.cases:
        try:
            types = revision.argument_types
            stated = {n: as_canonical(kind, case.arguments[n]) for n, kind in types.items()}
            arguments, answer = [tagged_of(revision, stated)], as_canonical(revision.returns, case.answer)
            revision.returns.check(answer)
        except (ValueProblem, KeyError) as problem:
            checked.append(HandCase(case.arguments, case.answer, f"it cannot be run: {problem}"))
            continue
        own = answers(bench.first, revision, verifier, arguments)[0].text
        if own is None or not revision.returns.equal(own, answer):
            checked.append(HandCase(case.arguments, case.answer, f"the verifier's own code answers {own!r}"))
            continue
        given = answers(bench.first, revision, author, arguments)[0].text
        passed = given is not None and revision.returns.equal(given, answer)
        checked.append(HandCase(case.arguments, case.answer, "passed" if passed else "failed"))
    return checked


def difference(revision: Revision, each: Compared) -> str | None:
    """Why one input rejects the procedure, as a category; None if it does not."""
    author, verifier = each.author, each.verifier
    if author.limited or each.again.limited:
        return None
    if author.text != each.again.text or (author.fault is None) != (each.again.fault is None):
        return "two engine builds answer differently"
    if author.improper:
        return "an answer breaks what `returns` states"
    if verifier.limited:
        return None
    if author.text is None:
        if verifier.text is None or each.case.kind == "stranger" or _cautious(each):
            return None
        return "the code gives no answer where an independent implementation has one"
    if verifier.text is None:
        if each.case.kind == "stranger":
            return "the code answers for a value outside a vocabulary"
        return "the code answers where an independent implementation has no answer or another form"
    return None if revision.returns.equal(author.text, verifier.text) else "the answers differ"


def _cautious(each: Compared) -> bool:
    """Whether the author's code refuses on purpose what the verifier's answers, and may do so."""
    refused = each.author.refused and each.again.refused
    return refused and each.verifier.text is not None and each.case.kind not in PROMISED


def judge(
    revision: Revision,
    compared: Sequence[Compared],
    untried: Sequence[Case],
    broken: Sequence[Compared],
    hand: Sequence[HandCase],
    facts: Mapping[str, object],
) -> Evidence:
    """Decide over what the runs showed."""
    found = [(each, why) for each in compared if (why := difference(revision, each)) is not None]
    limited = sum(each.author.limited or each.verifier.limited for each in compared)
    answered = sum(each.author.text is not None and each.verifier.text is not None for each in compared)
    refused = sum(map(_cautious, compared))
    detail: dict[str, object] = {
        **facts,
        "inputs": dict(Counter(each.case.kind for each in compared)),
        "compared": len(compared) - limited,
        "answered": answered,
        "refused": refused,
        "limited": limited,
        "untried": len(untried),
        "differences": [_shown(each, why) for each, why in found[:20]],
        "brokenProperties": [_shown(each, "property") for each in broken[:20]],
        "handCases": [{"arguments": dict(h.arguments), "answer": h.stated, "outcome": h.outcome} for h in hand],
    }
    if found:
        kinds = sorted({f"{why} ({each.case.kind} inputs)" for each, why in found})
        return _failed(f"{len(found)} of {len(compared)} inputs: {'; '.join(kinds)}", "; ".join(kinds), detail)
    if broken:
        return _failed(
            f"{len(broken)} answers break the verifier's properties",
            "answers break a property that every right answer has",
            detail,
        )
    if any(case.outcome == "failed" for case in hand):
        return _failed(
            "a case worked out by hand has another answer",
            "a small case that was worked out by hand has another answer",
            detail,
        )
    needed = min(MIN_ANSWERED, sum(each.case.kind != "stranger" for each in compared))
    if answered < max(needed, 1):
        words = f"only {answered} of {len(compared)} inputs have an answer from both"
        return _failed(
            words, "too few of the generated arguments have an answer: tighten the bounds of the parameters", detail
        )
    if refused > MAX_REFUSED * (answered + refused):
        return _failed(
            f"the code refuses {refused} inputs that an independent implementation answers",
            "the code refuses much that an independent implementation answers: refuse only what is open",
            detail,
        )
    if limited > len(compared) // 2 or untried:
        return _failed(
            f"{limited} inputs ran into a limit",
            "too slow: tighten the bounds of the parameters, or use a faster method",
            detail,
        )
    summary = f"two implementations agree on {len(compared) - limited} inputs, {answered} of them with an answer"
    return Evidence(Gate.DIFFERENTIAL, True, summary, detail)


def _failed(summary: str, category: str, detail: Mapping[str, object]) -> Evidence:
    return Evidence(Gate.DIFFERENTIAL, False, summary, {**detail, "category": category})


def _shown(each: Compared, why: str) -> dict[str, object]:
    return {
        "why": why,
        "kind": each.case.kind,
        "arguments": {name: value[:500] for name, value in each.case.shown.items()},
        "author": each.author.text if each.author.text is not None else each.author.fault,
        "verifier": each.verifier.text if each.verifier.text is not None else each.verifier.fault,
    }
