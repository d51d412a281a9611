"""How a tenant's requests were answered, from the first that is recorded to the last: the share of hits over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, case, distinct, func, select

from seglam.gateway.answers.records import answers, stamp

NEAREST = 3
"""Procedures that are named for each reason of misses."""


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
        nearest: of each reason, the procedures to which most misses came nearest, with how many.
        failing: hits that could not be served, by procedure, most first.
    """

    slices: Sequence[Slice]
    reasons: Mapping[str, int]
    failing: Mapping[str, int]
    nearest: Mapping[str, Sequence[tuple[str, int]]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The traffic as it is sent."""
        return {
            "slices": [asdict(each) for each in self.slices],
            "misses": [
                {
                    "reason": reason,
                    "requests": count,
                    "nearest": [{"procedure": name, "requests": many} for name, many in self.nearest.get(reason, ())],
                }
                for reason, count in self.reasons.items()
            ],
            "failing": [{"procedure": name, "requests": count} for name, count in self.failing.items()],
        }


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
        _nearest(connection, missed & column.reason.is_not(None) & column.near.is_not(None)),
    )


def _nearest(connection: Connection, chosen: ColumnElement[bool]) -> dict[str, list[tuple[str, int]]]:
    reason, near, many = answers.c.reason, answers.c.near, func.count()
    found = select(reason, near, many).where(chosen).group_by(reason, near).order_by(many.desc(), near).limit(200)
    nearest: dict[str, list[tuple[str, int]]] = {}
    for why, name, count in connection.execute(found):
        of = nearest.setdefault(str(why), [])
        if len(of) < NEAREST:
            of.append((str(name), int(count)))
    return nearest


def _counts(connection: Connection, name: Column[Any], chosen: ColumnElement[bool]) -> dict[str, int]:
    many = func.count()
    found = select(name, many).where(chosen).group_by(name).order_by(many.desc(), name).limit(50)
    return {str(each): int(count) for each, count in connection.execute(found)}
