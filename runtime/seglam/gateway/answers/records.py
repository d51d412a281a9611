"""One answer as it is recorded, and the table that holds it."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, String, Table

MAX_REASON = 64
"""Characters of a reason; those of this release are shorter."""
_ID = re.compile(r"(?:[a-z]+[-_])?([0-9a-f]{32})")

metadata = MetaData()
answers = Table(
    "answers",
    metadata,
    # A number rather than the time: it orders what several replicas write, and old rows go by it.
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("tenant", String(253), nullable=False),
    Column("at", BigInteger, nullable=False),  # microseconds since 1970 in UTC
    Column("source", String(16), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("reason", String(MAX_REASON)),
    Column("procedure", String(253)),
    Column("revision", String(71)),
    Column("compilation", String(253)),
    Column("trace_id", String(32)),
    Column("span_id", String(16)),
    Column("near", String(253)),
    Index("answers_by_tenant", "tenant", "number"),
    Index("answers_by_revision", "revision", "number"),
)
"""The table. It has no column for what was asked or answered."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One answer.

    Attributes:
        id: of the request, 32 hexadecimal digits.
        at: when it was answered, RFC 3339 in UTC.
        source: which API was asked: native, openai or mcp.
        revision: digest of the revision that answered, or that was run and did not.
        compilation: the compilation that the request started or joined.
        trace_id, span_id: of the request's span; None where nothing was recorded.
        near: name of the procedure that a miss which ran nothing came nearest to.
    """

    id: str
    tenant: str
    at: str
    source: str
    outcome: str
    reason: str | None = None
    procedure: str | None = None
    revision: str | None = None
    compilation: str | None = None
    trace_id: str | None = None
    span_id: str | None = None
    near: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The record as it is sent; the tenant is the caller's own and left out."""
        members = asdict(self)
        del members["tenant"]
        members["traceId"], members["spanId"] = members.pop("trace_id"), members.pop("span_id")
        return members


def stamp(microseconds: int) -> str:
    """A time of the table, RFC 3339 in UTC."""
    moment = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=microseconds)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def answer_id(text: str) -> str | None:
    """The id in what an API calls an answer, such as `chatcmpl-` and 32 hexadecimal digits; None if it is none."""
    found = _ID.fullmatch(text.strip())
    return found[1] if found else None
