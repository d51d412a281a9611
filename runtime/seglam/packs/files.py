"""Files that are there whole or not at all, and reading that follows no link."""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from seglam.packs.problems import PackInvalid


@contextmanager
def whole(path: Path, mode: int = 0o644) -> Iterator[BinaryIO]:
    """A stream whose bytes become the file `path` when the block ends without error, in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name[:80]}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def write_whole(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write a file in one step."""
    with whole(path, mode) as stream:
        stream.write(data)


@contextmanager
def alone(directory: Path) -> Iterator[None]:
    """One process and thread after the other."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading; the last part of the path is not followed if it is a link.

    Raises:
        PackInvalid: it is a link or a device.
        OSError: it cannot be read.
    """
    try:
        # A pipe without writer would wait for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        if path.is_symlink():
            raise PackInvalid("link", str(path), "it is a symbolic link") from None
        raise
    stream = os.fdopen(descriptor, "rb")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        stream.close()
        raise PackInvalid("device", str(path), "it is no regular file")
    return stream


def read_regular(path: Path, limit: int) -> bytes:
    """The bytes of a regular file of at most `limit` bytes, opened as `open_regular` does.

    Raises:
        PackInvalid: it is a link, a device or too large.
        OSError: it cannot be read.
    """
    with open_regular(path) as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise PackInvalid("member-size", str(path), f"it has more than {limit} bytes")
    return data
