"""From a miss to a proposed revision: ask the author, run the gates, ask once more if one fails."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from pydantic import ValidationError

from seglam import telemetry
from seglam.compiler import gates
from seglam.compiler.aliases import candidates
from seglam.compiler.assemble import (
    UNKNOWN,
    document_of,
    extended,
    grew,
    with_examples,
    with_request,
    without_faulty_patterns,
    without_members,
)
from seglam.compiler.budget import Budget, BudgetExceeded, Spending
from seglam.compiler.controls import controlled
from seglam.compiler.framing import framed
from seglam.compiler.gates.differential import answer_name, exemplars_of
from seglam.compiler.model import Failure, Model, ModelFailed, NoRecording, Prompt, Question, R
from seglam.compiler.negative import readable
from seglam.compiler.prompting import (
    alias_prompt,
    author_prompt,
    contrasts_prompt,
    implementation_prompt,
    repair_prompt,
)
from seglam.compiler.proposals import sentences
from seglam.compiler.replies import (
    AliasReply,
    AuthorReply,
    ContrastsReply,
    ExtensionReply,
    ImplementationReply,
    NotCompilableReply,
    ProcedureReply,
)
from seglam.compiler.results import Compilation, Evidence, Gate, Missed, Negative, Outcome
from seglam.compiler.running import Bench, answer_of, program_of, serves_on
from seglam.compiler.signature import signature_of
from seglam.compiler.subjects import AliasSubject, AuthorSubject, ContrastsSubject, ImplementationSubject
from seglam.compiler.symmetry import interchangeable
from seglam.lookup import Hit, Index, fingerprint
from seglam.procedures.document import ReasoningProcedure
from seglam.procedures.patterns import PatternError
from seglam.procedures.request import Request
from seglam.procedures.revision import Revision
from seglam.procedures.values import ValueProblem
from seglam.sandbox import Mode

Progress = Callable[[str], None]
NEGATIVE_FOR = timedelta(days=30)
ATTEMPTS = 2
"""How often the author may try; the second time it knows which gate failed."""
PROPOSED_TO = 2
"""Procedures near a request of which the verifier is asked, before any author, whether they are what its words mean."""


class _Rejected(Exception):
    """A gate failed; its evidence is the last one recorded."""


WHATEVER_MISSED = frozenset({Gate.STATIC, Gate.EXAMPLES, Gate.DIFFERENTIAL})
"""Gates that reject a recorded reply again, whatever request of its type missed: it is not tried again until other
revisions are active."""


@dataclass(slots=True)
class _Work:
    """One compilation in progress."""

    missed: Missed
    known: tuple[Revision, ...]
    spending: Spending
    evidence: list[Evidence] = field(default_factory=list)
    wording: Request | None = None  # what the author saw, where that is another request of the type
    implementation: ImplementationReply | None = None  # the verifier's, of the document at hand
    left_out: tuple[tuple[str, str], ...] = ()  # patterns of an extension that break a rule, and which
    judged: dict[tuple[str, str, str], str] = field(default_factory=dict)  # by summary and pair of sentences

    @property
    def recorded(self) -> bool:
        """Whether all completions so far were recorded ones, about nothing but the request."""
        plain = self.missed.withdrawn is None and not self.missed.corrections
        return plain and all(call.recording is not None for call in self.spending.calls)

    def record(self, evidence: Evidence) -> None:
        self.evidence.append(evidence)
        if not evidence.passed:
            raise _Rejected(evidence.summary)


@dataclass(frozen=True, slots=True)
class _Made:
    """A document that passed, and what its code answers to the request that missed."""

    outcome: Outcome
    document: ReasoningProcedure
    answer: str
    arguments: Mapping[str, str]
    replaces: str | None = None


class Compiler:
    """Compiles misses. Thread-safe as far as its models are; `compile` blocks for as long as models take.

    Args:
        author: writes procedures.
        verifier: writes independent implementations and judges contrasts; never sees the author's code.
        bench: sandboxes on two engine builds.
        budget: limits of each compilation.
        choices: sentences that say how this tenant reads contested names, such as "Korea means South Korea".
        aliases: whether the author is first asked, in a small question, if a miss is another wording of a procedure
            near it.
        own_words: whether, before that, the verifier is asked if the request's own words mean what such a procedure is
            known for.
        clock: now, with a zone; for expiry dates only.
    """

    def __init__(
        self,
        author: Model,
        verifier: Model,
        bench: Bench,
        *,
        budget: Budget | None = None,
        choices: Sequence[str] = (),
        aliases: bool = True,
        own_words: bool = True,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._author = author
        self._verifier = verifier
        self._bench = bench
        self._budget = budget or Budget()
        self._choices = tuple(choices)
        self._aliases = aliases
        self._proposed_to = PROPOSED_TO if own_words else 0
        self._clock = clock
        self._rejected: dict[frozenset[str], tuple[AuthorReply, ...]] = {}  # recorded ones, by what was active
        self._exchanged: dict[str, Sequence[tuple[str, str]]] = {}  # by digest of a revision
        self._skipped: frozenset[Gate] = frozenset()  # only the check that each gate matters sets it

    def compile(self, missed: Missed, index: Index, progress: Progress = lambda _: None) -> Compilation:
        """Compile one miss against the active revisions of an index, which is not changed. Never raises for what a
        model does.
        """
        identity = uuid.uuid4().hex
        work = _Work(missed, tuple(index), Spending(self._budget))
        print_ = fingerprint(missed.request)

        def result(outcome: Outcome, message: str, **more: object) -> Compilation:
            return Compilation(
                id=identity,
                outcome=outcome,
                message=message,
                fingerprint=print_,
                evidence=tuple(work.evidence),
                calls=tuple(work.spending.calls),
                engines=self._bench.engines,
                **more,  # type: ignore[arg-type]
            )

        try:
            made = self._known(work, progress) or self._attempts(work, progress)
        except BudgetExceeded as problem:
            return result(Outcome.BUDGET, str(problem))
        except ModelFailed as problem:
            outcome = Outcome.BUDGET if problem.kind is Failure.BUDGET else Outcome.MODEL_FAILED
            after = f"; retry after {problem.retry_after:g} s" if problem.retry_after is not None else ""
            return result(outcome, f"{problem}{after}", retry_after=problem.retry_after)
        except NoRecording as problem:
            return result(Outcome.NO_COMPLETION, str(problem))
        except _Rejected as problem:
            return result(Outcome.REJECTED, str(problem))
        if isinstance(made, NotCompilableReply):
            return result(Outcome.NOT_COMPILABLE, made.reason, negative=self._negative(work, made, print_))
        return result(
            made.outcome,
            f"{made.document.metadata.name} passed its gates and waits for review",
            document=made.document,
            digest=Revision.of(made.document).digest,
            replaces=made.replaces,
            answer=made.answer,
            arguments=dict(made.arguments),
            implementation=work.implementation,
        )

    # Another wording

    def _known(self, work: _Work, progress: Progress) -> _Made | None:
        """An extension of a procedure near the request that computes what was asked, if one does and it passes: by the
        request's own words, else by patterns of the author. A miss whose own procedure was withdrawn lacks code, no
        wording.
        """
        near = candidates(work.missed, work.known) if self._aliases and work.missed.withdrawn is None else ()
        for base in near[: self._proposed_to]:
            made = self._own_words(work, base, progress)
            if made is not None:
                return made
        return self._alias(work, near, progress) if near else None

    def _own_words(self, work: _Work, base: Revision, progress: Progress) -> _Made | None:
        """A procedure with the words of the request and of those alike, where the verifier finds them to mean the same
        and they pass. No author is asked.
        """
        written = sentences(base, work.missed, self._interchangeable(base))
        if not written:
            return None
        try:
            reply = framed(ExtensionReply(procedure=base.name, patterns=list(written)), base)
            proposed, _ = without_faulty_patterns(extended(base, reply), base.spec)
        except (ValidationError, PatternError, ValueProblem, ValueError) as problem:
            progress(f"{base.name} cannot be extended by the request's own words: {problem}")
            return None
        progress(f"asking the verifier whether it is another wording of {base.name}")
        try:
            agreed = gates.agreed(proposed, base.spec, lambda pairs: self._judge(work, base.spec.summary, pairs))
            if not isinstance(_find(agreed, work), Hit):
                return None
            kept = [each.text for each in agreed.spec.match.patterns or ()]
            patterns = [each for each in reply.patterns if isinstance(each, str) and each in kept]
            return self._extension(work, reply.model_copy(update={"patterns": patterns}), progress)
        except NoRecording:
            return None
        except _Rejected:
            failed = work.evidence[-1]
            progress(f"gate {failed.gate} failed: {failed.summary}")
            return None

    def _interchangeable(self, base: Revision) -> Sequence[tuple[str, str]]:
        if base.digest not in self._exchanged:
            self._exchanged[base.digest] = interchangeable(base, self._bench)
        return self._exchanged[base.digest]

    def _alias(self, work: _Work, near: tuple[Revision, ...], progress: Progress) -> _Made | None:
        """Patterns for a procedure that computes what was asked, if the author knows one and its patterns pass."""
        progress("asking the author whether it is another wording")
        prompt = alias_prompt(work.missed, near, self._choices)
        subject = AliasSubject(work.missed, near)
        try:
            reply = self._ask(self._author, work, Question("alias", prompt, AliasReply, subject)).extension
        except NoRecording:
            return None
        if reply is None or reply.extend is None:
            return None
        base = next((each for each in near if each.name == reply.extend.procedure), None)
        try:
            return self._extension(work, framed(reply.extend, base) if base else reply.extend, progress)
        except _Rejected:
            failed = work.evidence[-1]
            progress(f"gate {failed.gate} failed: {failed.summary}")
            return None

    # The author

    def _attempts(self, work: _Work, progress: Progress) -> _Made | NotCompilableReply:
        prompt = author_prompt(work.missed, work.known, self._bench.modules, self._choices)
        asked, purpose, earlier = prompt, "author", list[AuthorReply]()
        active = frozenset(revision.digest for revision in work.known)
        while True:
            progress("asking the author" if not earlier else "asking the author once more")
            subject = AuthorSubject(work.missed, work.known, (*self._rejected.get(active, ()), *earlier))
            try:
                reply = self._ask(self._author, work, Question(purpose, asked, AuthorReply, subject))
            except NoRecording:
                if not earlier:
                    raise
                raise _Rejected(work.evidence[-1].summary) from None
            earlier.append(reply)
            try:
                return self._check(work, reply, progress)
            except _Rejected:
                failed = work.evidence[-1]
                progress(f"gate {failed.gate} failed: {failed.summary}")
                if failed.gate in WHATEVER_MISSED and work.recorded:
                    self._rejected = {active: (*self._rejected.get(active, ()), reply)}
                if len(earlier) == ATTEMPTS:
                    raise
                asked, purpose = _repair(prompt, reply, failed), "repair"

    def _ask(self, model: Model, work: _Work, question: Question[R]) -> R:
        try:
            completion = model.complete(question, work.spending.left())
        except ModelFailed as problem:
            work.spending.record(problem.calls)
            raise
        work.spending.record(completion.calls)
        if model is self._author:
            work.wording = completion.wording
        return completion.output

    def _check(self, work: _Work, reply: AuthorReply, progress: Progress) -> _Made | NotCompilableReply:
        work.implementation, work.left_out = None, ()
        if reply.not_compilable is not None:
            return reply.not_compilable
        if reply.extend is not None:
            return self._extension(work, reply.extend, progress)
        assert reply.procedure is not None
        return self._procedure(work, reply.procedure, progress)

    def _procedure(self, work: _Work, reply: ProcedureReply, progress: Progress) -> _Made:
        withdrawn = work.missed.withdrawn
        if withdrawn is not None:
            reply = reply.model_copy(update={"name": withdrawn.name})
        try:
            document = document_of(reply, {revision.name for revision in work.known})
            document, _ = with_examples(document, reply.examples)
            for case in work.missed.corrections:
                document = with_request(document, case.request, case.answer or UNKNOWN)
            document = document if document.spec.examples else with_request(document, work.missed.request)
        except (ValidationError, PatternError, ValueProblem) as problem:
            raise self._faulty(work, problem) from None
        document = self._verify(work, document, progress, differential=True)
        replaces = withdrawn.digest if withdrawn is not None and document.metadata.name == withdrawn.name else None
        return self._finish(work, document, Outcome.PROPOSED, reply.answer, replaces)

    def _extension(self, work: _Work, reply: ExtensionReply, progress: Progress) -> _Made:
        base = next((revision for revision in work.known if revision.name == reply.procedure), None)
        if base is None:
            names = ", ".join(sorted(revision.name for revision in work.known)) or "none"
            raise self._faulty(
                work, ValueError(f"there is no active procedure {reply.procedure!r}; there are: {names}")
            )
        try:
            document, work.left_out = without_faulty_patterns(extended(base, reply), base.spec)
            document = with_request(document, work.missed.request)
        except (ValidationError, PatternError, ValueProblem, ValueError) as problem:
            raise self._faulty(work, problem) from None
        new = grew(base.spec, document.spec) or document.spec.code != base.spec.code
        document = self._verify(work, document, progress, differential=new, base=base)
        return self._finish(work, document, Outcome.EXTENDED, None, replaces=base.digest)

    def _faulty(self, work: _Work, problem: Exception) -> _Rejected:
        words = str(problem)
        work.evidence.append(Evidence(Gate.STATIC, False, f"the document is faulty: {words}", {"category": words}))
        return _Rejected(words)

    # The gates

    def _verify(
        self,
        work: _Work,
        document: ReasoningProcedure,
        progress: Progress,
        *,
        differential: bool,
        base: Revision | None = None,
    ) -> ReasoningProcedure:
        request = work.missed.request
        if Gate.STATIC not in self._skipped:
            progress("gate static")
            with telemetry.gate(Gate.STATIC):
                work.record(_with_left_out(gates.static(document, self._bench.first), work.left_out))
        found = _find(document, work)
        if not isinstance(found, Hit):
            summary = f"the patterns do not bind the request that missed: {found}"
            work.record(Evidence(Gate.MATCH, False, summary, {"category": summary}))
        assert isinstance(found, Hit)
        if Gate.EXAMPLES not in self._skipped:
            progress("gate examples")
            with telemetry.gate(Gate.EXAMPLES):
                evidence, document = gates.examples(document, self._bench)
                work.record(evidence)
        if differential and Gate.DIFFERENTIAL not in self._skipped:
            progress("gate differential: asking the verifier")
            with telemetry.gate(Gate.DIFFERENTIAL):
                evidence, disputed = self._differential(work, document, found.binding.arguments, base)
                work.record(evidence)
                document = without_members(document, disputed)
        if Gate.MATCH not in self._skipped:
            progress("gate match")
            elders = [revision for revision in work.known if base is None or revision.digest != base.digest]

            def judge(pairs: Sequence[tuple[str, str]]) -> list[str]:
                progress(f"asking the verifier about {len(pairs)} contrasts")
                return self._judge(work, document.spec.summary, pairs)

            serves = serves_on(self._bench, Revision.of(document))
            with telemetry.gate(Gate.MATCH):
                before, alike = base.spec if base else None, work.missed.alike
                evidence, document = gates.match(document, request, elders, judge, serves, before, work.wording, alike)
                work.record(evidence)
        return document

    def _differential(
        self, work: _Work, document: ReasoningProcedure, bound: Mapping[str, str], base: Revision | None
    ) -> tuple[Evidence, Mapping[str, frozenset[str]]]:
        revision, signature = Revision.of(document), signature_of(document.spec)
        request = work.missed.request
        prompt = implementation_prompt(
            signature,
            request,
            bound,
            self._bench.modules,
            answer_name(signature),
            self._choices,
            corrections=work.missed.corrections,
        )
        question = Question("implementation", prompt, ImplementationReply, ImplementationSubject(signature, request))
        if base is not None and base.spec.code != revision.spec.code:
            regression = gates.regression(base, revision, self._bench)
            if not regression.passed:
                return regression, {}
        reply = work.implementation = self._ask(self._verifier, work, question)
        return gates.differential(revision, signature, reply, exemplars_of(document.spec, bound), self._bench)

    def _judge(self, work: _Work, summary: str, pairs: Sequence[tuple[str, str]]) -> list[str]:
        """What the verifier says of pairs of sentences; nothing is asked twice in one compilation."""
        new = list(dict.fromkeys(pair for pair in pairs if (summary, *pair) not in work.judged))
        if new:
            work.judged |= {
                (summary, *pair): verdict for pair, verdict in zip(new, self._verdicts(work, summary, new), strict=True)
            }
        return [work.judged[summary, *pair] for pair in pairs]

    def _verdicts(self, work: _Work, summary: str, pairs: Sequence[tuple[str, str]]) -> list[str]:
        asked = controlled(pairs)
        prompt = contrasts_prompt(summary, asked.pairs, self._choices)
        subject = ContrastsSubject(summary, asked.pairs)
        reply = self._ask(self._verifier, work, Question("contrasts", prompt, ContrastsReply, subject))
        verdicts = ["unsure"] * len(asked.pairs)
        said: set[int] = set()
        for judgement in reply.judgements:
            number = int(judgement.pair) - 1 if judgement.pair.isdecimal() else -1
            if 0 <= number < len(verdicts):
                # Judging a pair twice is no clear judgement.
                verdicts[number] = "unsure" if number in said else judgement.verdict
                said.add(number)
        if not asked.passed(verdicts):
            raise ModelFailed(Failure.GARBAGE, "the verifier called sentences the same that are known to differ")
        return asked.own(verdicts)

    def _finish(
        self,
        work: _Work,
        document: ReasoningProcedure,
        outcome: Outcome,
        direct: str | None,
        replaces: str | None = None,
    ) -> _Made:
        """Keep what is known, and answer the request that missed with the verified code."""
        if work.missed.cases:
            with telemetry.gate(Gate.EXAMPLES):
                work.record(gates.cases(document, work.missed.cases, self._bench))
        revision = Revision.of(document)
        found = _find(document, work)
        if not isinstance(found, Hit):
            raise self._faulty(work, ValueError(f"the request that missed is not bound: {found}"))
        program = program_of(revision.spec.code, revision.fuel, revision.memory_mib)
        run = self._bench.first.run(program, found.binding.tagged(), mode=Mode.FRESH)
        answer = answer_of(revision, run)
        if answer.text is None:
            category = "the code gives no answer to the missed request"
            work.record(Evidence(Gate.EXAMPLES, False, f"{category}: {answer.fault}", {"category": category}))
        assert answer.text is not None
        if not document.spec.examples:  # all went with alternatives that were taken out
            document = with_request(document, work.missed.request, answer.text)
        if Gate.AGREEMENT not in self._skipped:
            with telemetry.gate(Gate.AGREEMENT):
                work.record(gates.agreement(revision, answer.text, direct))
        return _Made(outcome, document, answer.text, found.binding.arguments, replaces)

    def _negative(self, work: _Work, reply: NotCompilableReply, print_: str) -> Negative:
        parameters = [{"name": parameter.name, "type": parameter.type} for parameter in reply.parameters]
        return Negative(
            fingerprint=print_,
            reason=reply.reason,
            model=work.spending.calls[-1].model,
            expires=self._clock() + NEGATIVE_FOR,
            patterns=readable(reply.patterns, parameters),
            parameters=tuple(parameters),
        )


def _find(document: ReasoningProcedure, work: _Work) -> Hit | str:
    index = Index()
    try:
        index.add(Revision.of(document))
    except (PatternError, ValueProblem) as problem:
        return str(problem)
    found = index.find(work.missed.request)
    return found if isinstance(found, Hit) else found.explanation


def _with_left_out(evidence: Evidence, left_out: Sequence[tuple[str, str]]) -> Evidence:
    if not left_out:
        return evidence
    summary = f"{evidence.summary}; {len(left_out)} faulty patterns left out"
    detail = {**evidence.detail, "leftOut": [{"pattern": text, "why": why} for text, why in left_out]}
    return replace(evidence, summary=summary, detail=detail)


def _repair(prompt: Prompt, reply: AuthorReply, failed: Evidence) -> Prompt:
    category = str(failed.detail.get("category", "failed"))
    return repair_prompt(prompt, reply, failed.gate, category)
