"""Who asks, and what they may do."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from seglam.web import Problem


class Scope(StrEnum):
    """What a key or a token allows."""

    ASK = "ask"  # requests, in every API
    FEEDBACK = "feedback"  # say that an answer is wrong
    COMPILE = "compile"  # a miss may start a compilation
    READ = "read"  # procedures, compilations, savings, explanations
    REVIEW = "review"  # decisions, promotion
    ADMIN = "admin"  # keys


ALL: frozenset[str] = frozenset(Scope)


class Turns(Protocol):
    """A tenant's limits as they stand now."""

    def turn(self) -> AbstractContextManager[None]:
        """One request at work, until the context ends. `Problem` 429 if there are too many already."""


_FREE: AbstractContextManager[None] = nullcontext()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Attributes:
        requester: becomes an author of what is compiled, and so cannot approve it.
        limits: what bounds this caller; None for nothing.
    """

    tenant: str
    requester: str
    scopes: frozenset[str] = ALL
    limits: Turns | None = None

    def may(self, scope: str) -> bool:
        """Whether a scope was given."""
        return scope in self.scopes

    def need(self, scope: str) -> None:
        """`Problem` 403 without a scope."""
        if scope not in self.scopes:
            raise Problem(403, "scope-missing", f"this needs the scope {str(scope)!r}; use a key or token that has it")

    def turn(self) -> AbstractContextManager[None]:
        """Hold one of the tenant's places for concurrent requests while a request is answered, also while its answer
        is streamed. `Problem` 429 with `Retry-After` if none is free. Whoever identifies callers has counted the
        request against the rate by then."""
        return _FREE if self.limits is None else self.limits.turn()
