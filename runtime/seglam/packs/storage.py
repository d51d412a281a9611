"""Where the files of a layout are: in a directory, or in a tar file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from seglam.packs import archive
from seglam.packs.archive import Limits
from seglam.packs.files import read_regular
from seglam.packs.manifest import path_problem
from seglam.packs.problems import PackInvalid


class LayoutFiles(Protocol):
    """Files by their paths; `read` raises KeyError where there is none."""

    def paths(self) -> Iterable[str]: ...
    def read(self, path: str) -> bytes: ...
    def close(self) -> None: ...


class TarFiles:
    """The files of a tar, read where they are."""

    def __init__(self, stream: BinaryIO, limits: Limits, *, owned: bool) -> None:
        self._stream = stream
        self._owned = owned
        self._members = {member.path: member for member in archive.members(stream, limits, tolerant=True)}

    def paths(self) -> Iterable[str]:
        return self._members

    def read(self, path: str) -> bytes:
        member = self._members[path]
        self._stream.seek(member.offset)
        return self._stream.read(member.size)

    def close(self) -> None:
        if self._owned:
            self._stream.close()


class DirectoryFiles:
    """A directory without links or devices below it."""

    def __init__(self, root: Path, limits: Limits) -> None:
        self._root = root
        self._limit = limits.member
        self._paths = set(self._walk(limits))

    def paths(self) -> Iterable[str]:
        return sorted(self._paths)

    def read(self, path: str) -> bytes:
        # Not only what was there at first: a writer adds blobs before it lists them.
        if path_problem(path):
            raise KeyError(path)
        try:
            return read_regular(self._root / path, self._limit)
        except (FileNotFoundError, NotADirectoryError):
            raise KeyError(path) from None

    def close(self) -> None:
        pass

    def _walk(self, limits: Limits) -> Iterator[str]:
        count = 0
        waiting = [""]
        while waiting:
            prefix = waiting.pop()
            with os.scandir(self._root / prefix) as entries:
                for entry in entries:
                    path = prefix + entry.name
                    count += 1
                    if count > limits.members:
                        raise PackInvalid("archive-members", str(self._root), f"more than {limits.members} files")
                    if entry.name.startswith("."):  # what a writer is about to finish, or left when it was interrupted
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(path + "/")
                    elif not entry.is_file(follow_symlinks=False):
                        code = "link" if entry.is_symlink() else "device"
                        raise PackInvalid(code, str(self._root / path), "only files and directories may be in a layout")
                    else:
                        if problem := path_problem(path):
                            raise PackInvalid(problem[0], str(self._root / path), problem[1])
                        yield path
