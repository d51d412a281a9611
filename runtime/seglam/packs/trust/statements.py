"""in-toto statements about a pack: deterministic bytes out, strict reading in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

import rfc8785
from pydantic import ValidationError

from seglam.packs import strictjson
from seglam.packs.problems import PackInvalid
from seglam.packs.trust.predicates import PREDICATES, Predicate

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
MAX_STATEMENT_BYTES = 4 * 1024 * 1024
_MEMBERS = {"_type", "subject", "predicateType", "predicate"}

Fault = Literal["malformed", "duplicate-key", "predicate-type", "subject"]


class StatementInvalid(ValueError):
    """A statement that is not taken.

    Attributes:
        code: what is wrong, for programs.
    """

    def __init__(self, code: Fault, words: str) -> None:
        super().__init__(words)
        self.code: Fault = code


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

    @classmethod
    def read(cls, data: bytes) -> Statement:
        """Read a statement strictly: one subject with one SHA-256, a predicate type that is known, nothing else.

        Raises:
            StatementInvalid: it is something else, or has a member twice anywhere.
        """
        document, name, digest = _parts(data)
        model = PREDICATES.get(document["predicateType"]) if isinstance(document["predicateType"], str) else None
        if model is None:
            raise StatementInvalid(
                "predicate-type", f"its predicate type {str(document['predicateType'])[:120]!r} is not one that counts"
            )
        try:
            predicate = model.model_validate_json(json.dumps(document["predicate"]), by_name=False)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise StatementInvalid(
                "malformed", f"its {model.kind} predicate is wrong at {where}: {first['msg']}"
            ) from None
        return cls(name, digest, predicate)


def check_form(data: bytes) -> None:
    """Raise `StatementInvalid` unless the bytes are a statement about one subject, of whatever predicate type."""
    _parts(data)


def _parts(data: bytes) -> tuple[dict[str, Any], str, str]:
    """The statement's members, its subject's name and digest."""
    document = _json(data)
    if not isinstance(document, dict) or set(document) != _MEMBERS or document["_type"] != STATEMENT_TYPE:
        raise StatementInvalid("malformed", f"it is no in-toto statement of the type {STATEMENT_TYPE}")
    return document, *_subject(document["subject"])


def claimed_type(payload: bytes) -> str | None:
    """The predicate type that a payload claims, before anything of it is believed: for explanations only."""
    try:
        document = _json(payload)
    except StatementInvalid:
        return None
    found = document.get("predicateType") if isinstance(document, dict) else None
    return found if isinstance(found, str) else None


def _json(data: bytes) -> Any:
    try:
        return strictjson.read(data, "statement", limit=MAX_STATEMENT_BYTES)
    except PackInvalid as error:
        code: Fault = "duplicate-key" if error.code == "json-duplicate-key" else "malformed"
        raise StatementInvalid(code, f"the statement cannot be read: {error.words}") from None


def _subject(subjects: Any) -> tuple[str, str]:
    """Name and digest of the only subject."""
    match subjects:
        case [{"name": str(name), "digest": {"sha256": str(value), **others}, **more}] if not others and not more:
            if len(value) == 64 and set(value) <= set("0123456789abcdef"):
                return name, f"sha256:{value}"
    raise StatementInvalid("subject", "it must have exactly one subject, a name with one SHA-256 digest")
