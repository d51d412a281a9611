"""Mutants through the gates static, examples and differential, with the verifiers' recorded implementations.

A mutant that passes is run beside the original on many more inputs. Where both always agree it may be equivalent, and
where it does no more than refuse some it may move a limit, which `equivalents.yaml` has to say with a reason; one that
answers otherwise is missed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from pathlib import Path
from random import Random

import yaml

from benchmarks.faults.mutants import Mutant, mutants
from seglam.compiler.assemble import with_spec
from seglam.compiler.gates import differential
from seglam.compiler.gates.differential import compare, difference, exemplars_of
from seglam.compiler.gates.examples import run_examples
from seglam.compiler.gates.inputs import Case, cases
from seglam.compiler.gates.static import inspected
from seglam.compiler.recordings import ImplementationRecording, read_recordings
from seglam.compiler.replies import ImplementationReply
from seglam.compiler.running import FUEL, Bench, answers, program_of
from seglam.compiler.signature import signature_of
from seglam.procedures.document import ReasoningProcedure
from seglam.procedures.revision import Revision

EQUIVALENTS = Path(__file__).parent / "equivalents.yaml"
LIMIT = "Limit:"
"""Begins the reason of a mutant that only takes on a few more or fewer requests, and answers those rightly."""

REFUSES = "became a refusal"
"""Stands in the reason of a mutant of which no more is known than that it refuses what the original answers."""

CHUNK = 60
"""Inputs after which the differential gate looks whether it has seen enough; the verdict is the same."""

ORIGINAL = "none: the procedure itself"
"""Stands as the fault of a procedure itself. Where a gate stops it, its mutants say nothing of the gates."""

BESIDE = 500
"""Inputs on which a mutant that passed is run beside the original."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutant.

    Attributes:
        stopped: the gate that stopped it; empty if none did.
        fate: stopped, missed (it answers otherwise than the original), equivalent (with a reason), limit (with a
            reason: right answers, to a few more or fewer requests), or undecided.
        why: the gate's category, the input that tells it apart, or the reason.
    """

    id: str
    procedure: str
    fault: str
    what: str
    stopped: str
    fate: str
    why: str


def mutants_of(document: ReasoningProcedure, seed: int, most: int) -> list[tuple[str, Mutant]]:
    """The procedure itself and its mutants, with their names, which follow from the code."""
    made = [Mutant(ORIGINAL, "nothing is changed", document.spec.code or "")]
    made += mutants(document.spec, Random(f"{seed} {document.metadata.name}"), most)
    return [(f"{document.metadata.name}-{hashlib.sha256(each.code.encode()).hexdigest()[:10]}", each) for each in made]


@cache
def equivalents() -> Mapping[str, str]:
    """Why a mutant is equivalent, by its name."""
    loaded: dict[str, str] | None = yaml.safe_load(EQUIVALENTS.read_text(encoding="utf-8"))
    return loaded or {}


def implementations(recordings: Path) -> dict[str, ImplementationReply]:
    """The verifiers' replies by the signature that each was written for."""
    return {
        recording.signature: recording.reply
        for recording in read_recordings(recordings).values()
        if isinstance(recording, ImplementationRecording)
    }


def judge(name: str, mutant: Mutant, original: ReasoningProcedure, reply: ImplementationReply, bench: Bench) -> Verdict:
    """Send one mutant through the gates."""
    document = with_spec(original, code=mutant.code)
    procedure = original.metadata.name

    def verdict(stopped: str, fate: str, why: str) -> Verdict:
        return Verdict(name, procedure, mutant.fault, mutant.what, stopped, fate, why[:300])

    flaws, _ = inspected(document, bench.first, complete=True)
    if flaws:
        return verdict("static", "stopped", flaws[0].what)
    revision = Revision.of(document)
    _, flaws = run_examples(revision, bench, complete=True)
    if flaws:
        return verdict("examples", "stopped", flaws[0].category)
    exemplars = exemplars_of(document.spec)
    if found := _differs(revision, reply, exemplars, bench):
        return verdict("differential", "stopped", found)
    evidence, members = differential(revision, signature_of(document.spec), reply, exemplars, bench)
    if not evidence.passed or members:
        return verdict("differential", "stopped", str(evidence.detail.get("category", "members are cut")))
    answered, refused = _apart(Revision.of(original), revision, exemplars, bench)
    if answered is not None:
        return verdict("", "missed", answered)
    return settled(verdict("", "undecided", refused or f"as the original on {BESIDE} inputs"))


def settled(verdict: Verdict) -> Verdict:
    """A verdict that no gate and no answer gave, as `equivalents.yaml` has it. What refuses more is equivalent to
    nothing: it moves a limit at most."""
    reason = None if verdict.fate in ("stopped", "missed") else equivalents().get(verdict.id)
    if reason is None or (REFUSES in verdict.why and not reason.startswith(LIMIT)):
        return verdict
    return replace(verdict, fate="limit" if reason.startswith(LIMIT) else "equivalent", why=reason)


def _differs(
    revision: Revision, reply: ImplementationReply, exemplars: Sequence[Mapping[str, str]], bench: Bench
) -> str | None:
    """A difference in the first inputs; None where only the whole gate can tell."""
    first = islice(cases(revision, exemplars), CHUNK)
    compared, _ = compare(revision, reply.code, list(first), bench)
    reasons = [why for each in compared if (why := difference(revision, each)) is not None]
    # Differences about a few members of a vocabulary are settled by cutting those; the whole gate decides that.
    if any(parameter.type == "vocabulary" for parameter in revision.parameters.values()):
        return None
    return reasons[0] if reasons else None


def _apart(
    old: Revision, new: Revision, exemplars: Sequence[Mapping[str, str]], bench: Bench
) -> tuple[str | None, str | None]:
    """Arguments that the new one answers otherwise, and some that it only refuses; None where there are none."""
    inputs: list[Case] = []
    refused = None
    for revision in (old, new):
        inputs += [case for case in cases(revision, exemplars, BESIDE // 2) if case.kind != "stranger"]
    for start in range(0, len(inputs), 250):
        some = inputs[start : start + 250]
        programs = (program_of(each.spec.code, min(each.fuel, FUEL), each.memory_mib) for each in (old, new))
        before, after = (answers(bench.first, old, program, [case.tagged for case in some]) for program in programs)
        for case, was, now in zip(some, before, after, strict=True):
            if was.limited or now.limited or was.text == now.text:
                continue
            if not now.refused:
                return f"{dict(case.shown)}: {was.text!r} became {now.text!r}", refused
            refused = refused or f"{dict(case.shown)}: {was.text!r} {REFUSES}"
    return None, refused


def run(
    documents: Sequence[ReasoningProcedure],
    replies: Mapping[str, ImplementationReply],
    bench: Bench,
    seed: int,
    most: int,
    known: Mapping[str, Verdict],
    goes_on: Callable[[], bool] = lambda: True,
) -> Iterator[Verdict]:
    """All procedures and their mutants, taking turns; those whose verdict is known are not run again, others while it
    goes on. A procedure that a gate stops has no mutants."""
    waiting = [
        (each, mutants_of(each, seed, most)) for each in documents if signature_of(each.spec).canonical in replies
    ]
    stopped: set[str] = set()
    for turn in range(most + 1):
        for document, made in waiting:
            if turn >= len(made) or document.metadata.name in stopped:
                continue
            name, mutant = made[turn]
            if name in known:
                verdict = settled(known[name])
            elif goes_on():
                verdict = judge(name, mutant, document, replies[signature_of(document.spec).canonical], bench)
            else:
                continue
            if mutant.fault == ORIGINAL and verdict.stopped:
                stopped.add(document.metadata.name)
            yield verdict
