"""Trying a revision on a request before somebody decides on it: nothing is compiled, counted or kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from seglam.gateway.running import Deoptimised, Ran
from seglam.lookup import Binding, Index, Miss
from seglam.procedures import Request, Revision, TextError
from seglam.web import Problem

Run = Callable[[Binding], Ran | Deoptimised]
"""Runs a binding; blocks as long as the limits allow."""


@dataclass(frozen=True, slots=True)
class Side:
    """What one set of procedures does with a request.

    Attributes:
        outcome: `hit` or `miss`.
        explanation: why.
        answer: canonical text; None for a miss, and for a hit that gave none.
        arguments: canonical texts by name.
    """

    outcome: str
    explanation: str
    answer: str | None = None
    procedure: str | None = None
    arguments: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trial:
    """A request, asked of a candidate alone and of all that is active."""

    candidate: Side
    active: Side

    def as_json(self) -> dict[str, Any]:
        """The trial as it is sent."""
        return asdict(self)


def tried(request: Request, candidate: Revision, alone: Run, active: Index, served: Run) -> Trial:
    """Ask a revision alone, and what a tenant serves. `Problem` 400 for a text that no lookup takes.

    Args:
        alone: runs the candidate, which nobody has approved.
        served: runs what is active.
    """
    index = Index()
    index.add(candidate)
    try:
        return Trial(_side(index, request, alone), _side(active, request, served))
    except TextError as error:
        raise Problem(400, "bad-request", str(error)) from error


def _side(index: Index, request: Request, run: Run) -> Side:
    found = index.find(request)
    if isinstance(found, Miss):
        return Side("miss", found.explanation)
    binding = found.binding
    ran = run(binding)
    if isinstance(ran, Ran):
        return Side("hit", found.explanation, ran.answer, binding.revision.name, binding.arguments)
    return Side("miss", ran.explanation, None, binding.revision.name, binding.arguments)
