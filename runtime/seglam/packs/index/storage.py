"""Where versions of TUF metadata are kept: the protocol that a registry's database fulfils, and a directory."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from seglam.packs.files import write_whole
from seglam.packs.index.errors import IndexConflict


class Storage(Protocol):
    """Versions of metadata, immutable once put, and the top-level target files."""

    def latest(self, role: str) -> bytes | None:
        """The newest version of `role`'s metadata."""
        ...

    def newest(self, role: str) -> int:
        """The number of that version; 0 without one."""
        ...

    def read(self, role: str, version: int) -> bytes | None: ...

    def put(self, role: str, version: int, body: bytes) -> None:
        """Raises IndexConflict (`index-raced`) where the version exists."""
        ...

    def file(self, path: str, sha256: str) -> bytes | None: ...

    def put_file(self, path: str, sha256: str, body: bytes) -> None:
        """Idempotent."""
        ...


class MemoryStorage:
    """For drafts and measurements."""

    def __init__(self) -> None:
        self.metadata: dict[str, dict[int, bytes]] = {}
        self.files: dict[tuple[str, str], bytes] = {}

    def latest(self, role: str) -> bytes | None:
        return self.read(role, self.newest(role))

    def newest(self, role: str) -> int:
        return max(self.metadata.get(role, ()), default=0)

    def read(self, role: str, version: int) -> bytes | None:
        return self.metadata.get(role, {}).get(version)

    def put(self, role: str, version: int, body: bytes) -> None:
        versions = self.metadata.setdefault(role, {})
        if version in versions:
            raise raced(role, version)
        versions[version] = body

    def file(self, path: str, sha256: str) -> bytes | None:
        return self.files.get((path, sha256))

    def put_file(self, path: str, sha256: str, body: bytes) -> None:
        self.files[path, sha256] = body


class DirectoryStorage:
    """A repository as files, in the form in which any web server can serve it: `VERSION.ROLE.json`,
    `timestamp.json`, `targets/SHA256.NAME`. One writer at a time.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "targets").mkdir(parents=True, exist_ok=True)

    def _path(self, role: str, version: int) -> Path:
        return self.directory / f"{version}.{quote(role, '')}.json"

    def latest(self, role: str) -> bytes | None:
        return self.read(role, self.newest(role))

    def newest(self, role: str) -> int:
        suffix = f".{quote(role, '')}.json"
        heads = (path.name.removesuffix(suffix) for path in self.directory.glob(f"*{suffix}"))
        return max((int(head) for head in heads if head.isascii() and head.isdigit()), default=0)

    def read(self, role: str, version: int) -> bytes | None:
        try:
            return self._path(role, version).read_bytes()
        except FileNotFoundError:
            return None

    def put(self, role: str, version: int, body: bytes) -> None:
        path = self._path(role, version)
        if path.exists():
            raise raced(role, version)
        write_whole(path, body)
        if role == "timestamp":
            write_whole(self.directory / "timestamp.json", body)

    def file(self, path: str, sha256: str) -> bytes | None:
        try:
            return (self.directory / "targets" / f"{sha256}.{quote(path, '')}").read_bytes()
        except FileNotFoundError:
            return None

    def put_file(self, path: str, sha256: str, body: bytes) -> None:
        write_whole(self.directory / "targets" / f"{sha256}.{quote(path, '')}", body)


def raced(role: str, version: int) -> IndexConflict:
    return IndexConflict("index-raced", f"version {version} of {role} was written by another process: try again")
