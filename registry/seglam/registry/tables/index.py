"""The index: metadata of TUF roles and the files that it carries itself."""

from __future__ import annotations

from sqlmodel import Field

from seglam.registry.tables.base import Row


class IndexMetadataRow(Row, table=True):
    """A version of a role's TUF metadata; never changed."""

    __tablename__ = "index_metadata"

    role: str = Field(primary_key=True)
    version: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    body: bytes
    written: str


class IndexFileRow(Row, table=True):
    """A target file that the index itself carries: trust roots."""

    __tablename__ = "index_files"

    path: str = Field(primary_key=True)
    sha256: str = Field(primary_key=True)
    length: int
    body: bytes
