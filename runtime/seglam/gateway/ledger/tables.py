"""The tables that the ledger's database holds, in SQLite or PostgreSQL. Times are texts as in the store's tables."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, MetaData, String, Table

LEDGER = MetaData()
VERSION = 1
"""Of these tables; later versions may only add to them."""

COUNTS = Table(
    "ledger_counts",
    LEDGER,
    Column("tenant", String, primary_key=True),
    Column("day", String, primary_key=True),  # UTC
    Column("procedure", String, primary_key=True),  # empty where none is concerned
    Column("name", String, primary_key=True),
    # Who counted: replicas never write the same row. Empty once the days of many have been put together.
    Column("replica", String, primary_key=True),
    Column("value", BigInteger, nullable=False),
)
BATCHES = Table(
    "ledger_batches",
    LEDGER,
    Column("replica", String, primary_key=True),
    Column("sequence", BigInteger, nullable=False),  # of the last batch that was counted
    Column("at", String, nullable=False),
)
KEYS = Table(
    "access_keys",
    LEDGER,
    Column("id", String, primary_key=True),
    Column("tenant", String, nullable=False),
    Column("owner", String, nullable=False),
    Column("digest", String, nullable=False),  # SHA-256 of the secret, hexadecimal
    Column("scopes", String, nullable=False),  # JSON list
    Column("limits", String, nullable=False),  # JSON object
    Column("created", String, nullable=False),
    Column("creator", String, nullable=False),
    Column("expires", String),
    Column("revoked", String),
    Column("used", String),
    Index("access_keys_tenant", "tenant"),
)
SCHEMA = Table("ledger_schema", LEDGER, Column("version", BigInteger, primary_key=True))
