"""Parameters that may change places, as the factors of a product may: found by running the code, not by its words."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from seglam.compiler.gates.differential import exemplars_of
from seglam.compiler.gates.inputs import cases
from seglam.compiler.running import FUEL, Answer, Bench, answers, program_of, tagged_of
from seglam.procedures.revision import Revision

MIN_EXCHANGED = 20
"""Inputs with an answer, told apart by the two values, below which nothing is concluded."""


def interchangeable(revision: Revision, bench: Bench) -> list[tuple[str, str]]:
    """Pairs of parameters of one type and the same bounds whose values, exchanged, never change the answer.

    All inputs of the differential gate are tried, in which the two values differ. What is refused must be refused
    either way; an input that runs into a limit tells nothing.
    """
    alike = {
        name: each.model_dump(exclude={"name", "description"})
        for name, each in revision.parameters.items()
        if each.source_as is None  # else the code is told how the value was written
    }
    pairs = [(one, other) for one, other in combinations(alike, 2) if alike[one] == alike[other]]
    if not pairs:
        return []
    inputs = [each for each in cases(revision, exemplars_of(revision.spec)) if each.kind != "stranger"]
    program = program_of(revision.spec.code, min(revision.fuel, FUEL), revision.memory_mib)
    plain = answers(bench.first, revision, program, [each.tagged for each in inputs])
    found = []
    for one, other in pairs:
        told = [
            (each.shown, was) for each, was in zip(inputs, plain, strict=True) if each.shown[one] != each.shown[other]
        ]
        exchanged = [tagged_of(revision, {**shown, one: shown[other], other: shown[one]}) for shown, _ in told]
        after = answers(bench.first, revision, program, exchanged)
        if _same([was for _, was in told], after):
            found.append((one, other))
    return found


def _same(before: Sequence[Answer], after: Sequence[Answer]) -> bool:
    told = [(was, now) for was, now in zip(before, after, strict=True) if not was.limited and not now.limited]
    answered = sum(was.text is not None for was, _ in told)
    return answered >= MIN_EXCHANGED and all(was.text == now.text for was, now in told)
