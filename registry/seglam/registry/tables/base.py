"""What all tables have in common: their metadata, how times are written, how columns sort."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import BigInteger, Integer, Text
from sqlalchemy.orm import registry
from sqlmodel import AutoString, SQLModel


def stamp(moment: datetime | None = None) -> str:
    """A time as the tables hold it; the present by default."""
    return (moment or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class Row(SQLModel, registry=registry()):
    """What all tables of the registry have in common: a metadata of their own."""


METADATA = Row.metadata


def uniform() -> None:
    """Let texts sort by bytes and numbers have 64 bits, whichever database it is."""
    words = Text().with_variant(Text(collation="C"), "postgresql")
    whole = BigInteger().with_variant(Integer(), "sqlite")
    for table in METADATA.tables.values():
        for column in table.columns:
            if isinstance(column.type, Integer):
                column.type = whole
            elif isinstance(column.type, AutoString):
                column.type = words
