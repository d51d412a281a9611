"""A cache of blobs on disk, by digest. What was written is not believed: it is hashed before each use."""

from __future__ import annotations

from pathlib import Path

from seglam.packs.files import read_regular, write_whole
from seglam.packs.names import is_digest
from seglam.packs.oci import digest_of
from seglam.packs.problems import BlobDamaged, PackInvalid

MAX_BLOB_BYTES = 64 * 1024 * 1024


class BlobCache:
    """Blobs by digest in a directory, which several processes may share. A cached blob may go at any time."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory / "sha256"
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)

    def put(self, data: bytes, digest: str | None = None) -> str:
        """Keep some bytes; returns their digest. The file is there whole, or not at all.

        Args:
            digest: what the bytes must have, if it is known.

        Raises:
            PackInvalid: `blob-digest`: the bytes have another digest; nothing is written.
        """
        found = digest_of(data)
        if digest is not None and digest != found:
            raise PackInvalid("blob-digest", "blob", f"its digest is {found} instead of {digest}")
        try:
            there = self.get(found) is not None
        except BlobDamaged:
            there = False
        if not there:
            write_whole(self._path(found), data, 0o600)
        return found

    def get(self, digest: str) -> bytes | None:
        """The bytes with a digest, hashed after they were read; None if they are not kept.

        Raises:
            BlobDamaged: what is kept has another digest. It is removed.
        """
        path = self._path(digest)
        try:
            data = read_regular(path, MAX_BLOB_BYTES)
        except FileNotFoundError:
            return None
        except PackInvalid as problem:
            path.unlink(missing_ok=True)
            raise BlobDamaged("blob-damaged", f"the kept blob {digest} is no blob: {problem.words}") from None
        if digest_of(data) != digest:
            path.unlink(missing_ok=True)
            raise BlobDamaged("blob-damaged", f"the kept blob {digest} has other bytes now; it was removed")
        return data

    def _path(self, digest: str) -> Path:
        if not is_digest(digest):
            raise ValueError(f"{digest[:80]!r} is no digest")
        return self._directory / digest.removeprefix("sha256:")
