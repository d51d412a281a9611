"""A cache of blobs on disk, by digest. What was written is not believed: it is hashed before each use."""

from __future__ import annotations

from pathlib import Path


class BlobCache:
    """Blobs by digest in a directory, which several processes may share."""

    def __init__(self, directory: Path) -> None:
        raise NotImplementedError

    def put(self, data: bytes) -> str:
        """Keep some bytes; returns their digest. The file is there whole, or not at all."""
        raise NotImplementedError

    def get(self, digest: str) -> bytes | None:
        """The bytes with a digest, hashed after they were read; None if they are not kept.

        Raises:
            BlobDamaged: what is kept has another digest. It is removed.
        """
        raise NotImplementedError
