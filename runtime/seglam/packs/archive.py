"""Tar archives that have one reading: a canonical writer, and a strict reader with its own loop over the members.

`tarfile` is not used. It reads GNU, pax and sparse members, takes the last of two members with one name, and skips what
it does not know; each is a difference to some other reader. What is read here is ustar (POSIX.1-1988): a header is
compared with the one that we would have written for that path and size.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

BLOCK = 512


@dataclass(frozen=True, slots=True)
class Limits:
    """What an archive may have. Counted while it is read, never believed from a header.

    Attributes:
        total: bytes of the whole archive.
        members: number of members.
        member: bytes of one member.
    """

    total: int
    members: int
    member: int


@dataclass(frozen=True, slots=True)
class Member:
    """A member's place in a seekable archive; `offset` is where its `size` bytes begin."""

    path: str
    offset: int
    size: int


def write(files: Mapping[str, bytes]) -> bytes:
    """The canonical archive of some files: sorted by the bytes of their paths, and nothing but path, size and bytes.

    Raises:
        PackInvalid: a path does not fit (`path-...`).
    """
    raise NotImplementedError


def members(stream: BinaryIO, limits: Limits, *, tolerant: bool = False) -> Iterator[Member]:
    """The members of an archive, in order; their data is skipped, not read.

    Args:
        stream: seekable, at its start.
        tolerant: whether other tools may have written it: any times, owners, permissions and order, and directories,
            which are passed over. Regular files only all the same.

    Raises:
        PackInvalid: with the code of what is not allowed.
    """
    raise NotImplementedError


def read(data: bytes, limits: Limits) -> dict[str, bytes]:
    """The files of a canonical archive: the one that `write` makes of them.

    Raises:
        PackInvalid: with the code of what is not allowed.
    """
    raise NotImplementedError
