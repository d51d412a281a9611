"""How a tenant's requests were answered, from the first that is recorded to the last: the share of hits over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, case, distinct, func, select

from seglam.gateway.answers.records import answers, stamp


@dataclass(frozen=True, slots=True)
class Slice:
    """Some requests that came one after the other.

    Attributes:
        since: when the first of them was answered, RFC 3339 in UTC.
        compilations: that they started or joined.
    """

    since: str
    requests: int
    hits: int
    compilations: int

    @property
    def rate(self) -> float:
        """Hits by requests."""
        return self.hits / self.requests


@dataclass(frozen=True, slots=True)
class Traffic:
    """What is recorded of a tenant.

    Attributes:
        reasons: misses by reason, most first.
        failing: hits that could not be served, by procedure, most first.
    """

    slices: Sequence[Slice]
    reasons: Mapping[str, int]
    failing: Mapping[str, int]


def traffic(connection: Connection, tenant: str, slices: int = 20) -> Traffic:
    """Slices of equal numbers of requests, as far as other tenants' lie evenly between them; misses by reason."""
    column = answers.c
    ours = column.tenant == tenant
    lowest, highest = connection.execute(select(func.min(column.number), func.max(column.number)).where(ours)).one()
    if lowest is None:
        return Traffic((), {}, {})
    # Integers alone, so that both databases divide alike.
    part = (column.number - lowest) * slices // (highest - lowest + 1)
    counted = (
        func.min(column.at),
        func.count(),
        func.sum(case((column.outcome == "hit", 1), else_=0)),
        func.count(distinct(column.compilation)),
    )
    rows = connection.execute(select(*counted).where(ours).group_by(part).order_by(part)).all()
    missed = ours & (column.outcome != "hit")
    return Traffic(
        [Slice(stamp(at), requests, int(hits), compilations) for at, requests, hits, compilations in rows],
        _counts(connection, column.reason, missed & column.reason.is_not(None)),
        _counts(connection, column.procedure, missed & column.procedure.is_not(None)),
    )


def _counts(connection: Connection, name: Column[Any], chosen: ColumnElement[bool]) -> dict[str, int]:
    many = func.count()
    found = select(name, many).where(chosen).group_by(name).order_by(many.desc(), name).limit(50)
    return {str(each): int(count) for each, count in connection.execute(found)}
