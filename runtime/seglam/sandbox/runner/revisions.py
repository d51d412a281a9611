"""The revisions that a runner has been given."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict

from seglam.sandbox.results import Program
from seglam.sandbox.wire import WireError, read_revision


class WrongDigest(WireError):
    """The document's SHA-256 is not the digest under which it was sent."""


class Revisions:
    """Programs by the digest of the document that states them, the least recently used dropped beyond a size.

    Args:
        most_bytes: of the documents together. The newest stays, whatever its size.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._known: OrderedDict[str, tuple[Program, int]] = OrderedDict()
        self._lock = threading.Lock()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._known)

    def admit(self, digest: str, document: bytes) -> None:
        """Take a revision in. `WrongDigest` if the bytes are others, `WireError` if they state no program."""
        if "sha256:" + hashlib.sha256(document).hexdigest() != digest:
            raise WrongDigest("the SHA-256 of the body is not the digest in the path")
        program = read_revision(digest, document)
        with self._lock:
            _, before = self._known.pop(digest, (None, 0))
            self._known[digest] = (program, len(document))
            self.bytes += len(document) - before
            while self.bytes > self._most and len(self._known) > 1:
                _, (_, size) = self._known.popitem(last=False)
                self.bytes -= size

    def find(self, digest: str) -> Program | None:
        """The program of a revision, None if it is not here (any more)."""
        with self._lock:
            found = self._known.get(digest)
            if found is None:
                return None
            self._known.move_to_end(digest)
            return found[0]
