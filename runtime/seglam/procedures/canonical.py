"""Canonical form and digest: the same reasoning has the same name everywhere."""

from __future__ import annotations

import hashlib

import rfc8785

from seglam.procedures.document import DEPLOYMENT_FIELDS, Spec


def plain(value: object) -> object:
    """A JSON value without members that are null or empty lists, which an API server and a YAML file may write or
    omit.
    """
    if isinstance(value, dict):
        return {key: plain(member) for key, member in value.items() if member is not None and member != []}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def canonical(spec: Spec) -> bytes:
    """RFC 8785 JSON of `spec` without its deployment fields."""
    document = spec.model_dump(mode="json", by_alias=True, exclude=set(DEPLOYMENT_FIELDS))
    return rfc8785.dumps(plain(document))  # type: ignore[arg-type]


def digest(spec: Spec) -> str:
    """`sha256:` and the SHA-256 of the canonical form, in hexadecimal."""
    return "sha256:" + hashlib.sha256(canonical(spec)).hexdigest()
