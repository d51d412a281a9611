"""in-toto statements about a pack: deterministic bytes out, strict reading in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import rfc8785

from seglam.packs.trust.predicates import Predicate

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
MAX_STATEMENT_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 32


class StatementInvalid(ValueError):
    """A statement that is not taken.

    Attributes:
        code: `malformed`, `duplicate-key`, `predicate-type` or `subject`.
    """

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code = code


@dataclass(frozen=True)
class Statement:
    """One predicate about one release.

    Attributes:
        subject: the release's package URL, `pkg:seglam/ORIGIN/NAMESPACE/PACK@VERSION`.
        digest: `sha256:` and the manifest's digest in hexadecimal.
        predicate: what is said.
    """

    subject: str
    digest: str
    predicate: Predicate

    def to_bytes(self) -> bytes:
        """The statement in RFC 8785 JSON: what is signed."""
        algorithm, _, value = self.digest.partition(":")
        document: dict[str, Any] = {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": self.subject, "digest": {algorithm: value}}],
            "predicateType": self.predicate.uri,
            "predicate": self.predicate.document(),
        }
        return rfc8785.dumps(document)
