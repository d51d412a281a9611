"""Trying a revision on a request before somebody decides on it: nothing is compiled, counted or kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from seglam.gateway.running import Ran
from seglam.gateway.store import revision_of
from seglam.gateway.tenancy import Tenant
from seglam.lookup import Index, Miss
from seglam.procedures import Request, TextError
from seglam.sandbox import Mode
from seglam.web import Problem


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


def attempt(tenant: Tenant, digest: str, request: Request) -> Trial:
    """Ask a revision alone, and what a tenant serves. Blocks as long as the limits allow.

    Raises:
        Problem: 404 if there is no such revision, 400 for a text that no lookup takes.
    """
    row = tenant.store.revision(digest)
    if row is None:
        raise Problem(
            404, "unknown-revision", f"there is no revision {digest[:100]}; see /v1/procedures and /v1/reviews"
        )
    alone = Index()
    alone.add(revision_of(row))
    try:
        return Trial(_side(tenant, alone, request, Mode.SINGLE_USE), _side(tenant, tenant.index, request, Mode.WARM))
    except TextError as error:
        raise Problem(400, "bad-request", str(error)) from error


def _side(tenant: Tenant, index: Index, request: Request, mode: Mode) -> Side:
    found = index.find(request)
    if isinstance(found, Miss):
        return Side("miss", found.explanation)
    binding = found.binding
    ran = tenant.runner.run(binding, tenant.name, mode)
    if isinstance(ran, Ran):
        return Side("hit", found.explanation, ran.answer, binding.revision.name, binding.arguments)
    return Side("miss", ran.explanation, None, binding.revision.name, binding.arguments)
