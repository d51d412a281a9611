"""Keeping a library small: procedures that compute the same, and those that nobody asks.

Two procedures are *near duplicates* if one's arguments can be given to the other so that both answer the same wherever
both answer, on generated inputs of either. One *covers* the other if it also answers wherever the other does; then a
merge is proposed: the covering code with the patterns of both. Nothing is changed here: a merge is a revision like any
other, which has to pass the gates and a review.

A procedure is *unused*, and proposed for retirement, if after `n` hits of the whole library it has fewer than
0.5 * log10(n) of them: none up to 100 hits, one up to 10,000.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from math import log10

from seglam.compiler.gates.differential import exemplars_of
from seglam.compiler.gates.inputs import Case, cases
from seglam.compiler.running import FUEL, Answer, Tagged, answers, program_of, tagged_of
from seglam.procedures.revision import Revision
from seglam.procedures.values import ValueProblem
from seglam.sandbox import Executor

INPUTS = 60
"""Inputs of each of two procedures on which they are compared."""

MIN_SHARED = 10
"""Inputs that both must answer before they can be called the same."""

MAX_ORDERS = 24
"""Ways of giving one's arguments to the other; more are not tried."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Two procedures that answer the same.

    Attributes:
        keep: the one whose code covers the other's; `merge` the other. Where neither covers, the first by name.
        covers: whether `keep` answers wherever `merge` does.
        arguments: for each parameter of `keep`, the one of `merge` that it takes the place of.
        shared: inputs that both answered.
    """

    keep: str
    merge: str
    covers: bool
    arguments: Mapping[str, str]
    shared: int

    @property
    def proposal(self) -> str:
        """What to do, in words."""
        given = ", ".join(f"{{{theirs}}} as {{{ours}}}" for ours, theirs in self.arguments.items())
        if self.covers:
            return f"add the patterns of {self.merge} to {self.keep}, with {given}, and retire {self.merge}"
        return f"{self.keep} and {self.merge} agree where both answer ({given}); one procedure could do both"


@dataclass(frozen=True, slots=True)
class Use:
    """How often a procedure answered. `retire` says that the rule proposes to retire it."""

    procedure: str
    hits: int
    share: float
    retire: bool


def uses(names: Sequence[str], hits: Mapping[str, int]) -> list[Use]:
    """The use of each procedure, most used first."""
    total = sum(hits.get(name, 0) for name in names)
    least = least_hits(total)
    found = [
        Use(name, hits.get(name, 0), hits.get(name, 0) / total if total else 0.0, hits.get(name, 0) < least)
        for name in names
    ]
    return sorted(found, key=lambda use: (-use.hits, use.procedure))


def least_hits(total: int) -> float:
    """Below so many hits a procedure is unused, after `total` hits of all."""
    return 0.5 * log10(total) if total >= 1 else 0.0


def duplicates(revisions: Sequence[Revision], sandbox: Executor) -> Iterator[Duplicate]:
    """All pairs that answer the same. Blocks as long as the sandbox does."""
    made: dict[str, list[tuple[Case, Answer]]] = {}
    for left, right in combinations(sorted(revisions, key=lambda each: each.name), 2):
        if _kinds(left) == _kinds(right) and left.returns.key == right.returns.key:
            found = _compared(left, right, sandbox, made)
            if found is not None:
                yield found


def _kinds(revision: Revision) -> list[str]:
    return sorted(kind.name for kind in revision.argument_types.values())


def _own(
    revision: Revision, sandbox: Executor, made: dict[str, list[tuple[Case, Answer]]]
) -> list[tuple[Case, Answer]]:
    """A procedure's inputs with its answers."""
    if revision.digest not in made:
        inputs = [case for case in cases(revision, exemplars_of(revision.spec), INPUTS) if case.kind != "stranger"]
        inputs = inputs[:: max(1, len(inputs) // INPUTS)][:INPUTS]
        given = _answers(revision, sandbox, [case.tagged for case in inputs])
        made[revision.digest] = list(zip(inputs, given, strict=True))
    return made[revision.digest]


def _answers(revision: Revision, sandbox: Executor, arguments: Sequence[Tagged]) -> list[Answer]:
    program = program_of(revision.spec.code, min(revision.fuel, FUEL), revision.memory_mib)
    return answers(sandbox, revision, program, arguments)


def _compared(
    left: Revision, right: Revision, sandbox: Executor, made: dict[str, list[tuple[Case, Answer]]]
) -> Duplicate | None:
    for tried, order in enumerate(_orders(left, right)):
        if tried == MAX_ORDERS:
            break
        forward = _given(_own(left, sandbox, made), left, right, order, sandbox)
        if forward is None:
            continue
        back = _given(
            _own(right, sandbox, made), right, left, {theirs: ours for ours, theirs in order.items()}, sandbox
        )
        if back is None or forward[0] + back[0] < MIN_SHARED:
            continue
        # What the other alone answered is what this one does not cover.
        left_covers, right_covers = not back[1], not forward[1]
        if left_covers or not right_covers:
            return Duplicate(left.name, right.name, left_covers, order, forward[0] + back[0])
        turned = {theirs: ours for ours, theirs in order.items()}
        return Duplicate(right.name, left.name, True, turned, forward[0] + back[0])
    return None


def _orders(left: Revision, right: Revision) -> Iterator[dict[str, str]]:
    """Ways to give the arguments of one to the other: types, and where arguments come from, have to be the same."""
    mine, others = _places(left), _places(right)
    for theirs in permutations(others):
        if all(mine[a] == others[b] for a, b in zip(mine, theirs, strict=True)):
            yield dict(zip(mine, theirs, strict=True))


def _places(revision: Revision) -> dict[str, tuple[str, str]]:
    """Type and origin of each argument; patterns of one that takes a table from a file are none for one in the text."""
    origins = {name: parameter.origin for name, parameter in revision.parameters.items()}
    return {name: (kind.name, origins.get(name) or "source") for name, kind in revision.argument_types.items()}


def _given(
    own: Sequence[tuple[Case, Answer]], of: Revision, to: Revision, order: Mapping[str, str], sandbox: Executor
) -> tuple[int, int] | None:
    """How many of one's inputs both answer, and how many only the first; None if they ever differ."""
    taken: list[tuple[Answer, dict[str, object]]] = []
    alone = 0
    for case, answer in own:
        try:
            taken.append((answer, tagged_of(to, {order[name]: value for name, value in case.shown.items()})))
        except (ValueProblem, KeyError):  # no value of the other's type, such as a member that its vocabulary lacks
            alone += answer.text is not None
    both = 0
    for (answer, _), other in zip(taken, _answers(to, sandbox, [each for _, each in taken]), strict=True):
        if answer.text is not None and other.text is not None:
            if not of.returns.equal(answer.text, other.text):
                return None
            both += 1
        elif answer.text is not None and not other.limited:
            alone += 1
    return both, alone
