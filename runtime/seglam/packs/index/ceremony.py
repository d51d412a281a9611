"""Metadata that people sign: drafts of root and targets, one signature at a time, by keys that are never online.

A draft is a file of TUF metadata that lacks signatures. It travels to whoever holds a key, gains a signature there
(`sign`), and is installed at the registry when the threshold is met. Nothing here needs a network or a registry.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from securesystemslib.signer import CryptoSigner, SSlibKey
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    Role,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization import DeserializationError
from tuf.api.serialization.json import JSONSerializer

from seglam.packs.index import layout

ROOT_ROLES = (Root.type, Targets.type, Snapshot.type, Timestamp.type)
_READABLE = JSONSerializer()


class CeremonyError(ValueError):
    """A draft that cannot be made or signed, and why."""


@dataclass(frozen=True)
class Signatures:
    """Who signed a piece of metadata for one delegator: key ids."""

    by: str
    threshold: int
    signed: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def enough(self) -> bool:
        return len(self.signed) >= self.threshold


def read(body: bytes) -> Metadata[Any]:
    """Metadata of a root or targets file."""
    try:
        metadata: Metadata[Any] = Metadata.from_bytes(body)
    except DeserializationError as error:
        raise CeremonyError(f"this is no TUF metadata: {error}") from error
    if not isinstance(metadata.signed, Root | Targets):
        raise CeremonyError(f"this is {metadata.signed.type}; people sign root and targets only")
    return metadata


def draft_root(
    previous: bytes | None,
    *,
    expires: datetime,
    add: Mapping[str, Iterable[SSlibKey]] | None = None,
    remove: Mapping[str, Iterable[str]] | None = None,
    thresholds: Mapping[str, int] | None = None,
) -> bytes:
    """The next root, unsigned: the keys of `previous`, less `remove` (key ids, or their beginnings), plus `add`.

    Keyed by role: root, targets, snapshot, timestamp. A renewal changes nothing but version and expiry.

    Raises:
        CeremonyError: a role would have fewer keys than its threshold, or a key is not there.
    """
    if previous is None:
        root = Root(
            version=1, expires=expires.replace(microsecond=0), roles={r: Role([], 1) for r in ROOT_ROLES}, keys={}
        )
    else:
        root = _signed(previous, Root)
        root.version += 1
        root.expires = expires.replace(microsecond=0)
    for role, prefixes in (remove or {}).items():
        for prefix in prefixes:
            root.revoke_key(_one(prefix, root.roles[_role(role)].keyids, role), role)
    for role, keys in (add or {}).items():
        for key in keys:
            root.add_key(key, _role(role))
    for role, threshold in (thresholds or {}).items():
        root.roles[_role(role)].threshold = threshold
    for name, role_keys in root.roles.items():
        if not 1 <= role_keys.threshold <= len(role_keys.keyids):
            raise CeremonyError(
                f"{name} would have {len(role_keys.keyids)} key(s) and a threshold of {role_keys.threshold}: "
                "give more keys or a lower threshold"
            )
    return Metadata(root).to_bytes(_READABLE)


def draft_targets(
    previous: bytes | None,
    *,
    origin: str,
    expires: datetime,
    packs_keys: Sequence[SSlibKey] = (),
    packs_threshold: int = 1,
    files: Mapping[str, bytes | None] | None = None,
) -> bytes:
    """The next targets, unsigned.

    Args:
        packs_keys: the online keys that sign the roles of packs from now on; none: as before.
        files: content by name (`trusted_root.json`, `signing_config.v0.2.json`); None takes a file out.
    """
    targets = Targets(version=1) if previous is None else _signed(previous, Targets)
    targets.version += 0 if previous is None else 1
    targets.expires = expires.replace(microsecond=0)
    if targets.unrecognized_fields.setdefault(layout.ORIGIN_FIELD, origin) != origin:
        raise CeremonyError(
            f"these targets are of {targets.unrecognized_fields[layout.ORIGIN_FIELD]!r}, not of {origin!r}: "
            "an index never changes its origin"
        )
    if packs_keys:
        role = DelegatedRole(
            layout.PACKS,
            [key.keyid for key in packs_keys],
            packs_threshold,
            terminating=True,
            paths=[f"{layout.PACKS}/*/*/*"],
        )
        targets.delegations = Delegations({key.keyid: key for key in packs_keys}, {layout.PACKS: role})
    if targets.delegations is None:
        raise CeremonyError("targets need the online key that signs the roles of packs (--packs-key)")
    for name, content in (files or {}).items():
        if content is None:
            targets.targets.pop(name, None)
        else:
            digest = hashlib.sha256(content).hexdigest()
            targets.targets[name] = TargetFile(len(content), {"sha256": digest}, name)
    return Metadata(targets).to_bytes(_READABLE)


def sign(body: bytes, signer: CryptoSigner, *, root: bytes | None = None) -> bytes:
    """`body` with one more signature.

    Args:
        root: the root in force: for targets it says whose signatures count; for a root, whose count besides its own.

    Raises:
        CeremonyError: the key is none of those whose signature would count.
    """
    metadata = read(body)
    keyid = signer.public_key.keyid
    counting = {k for delegator, role in _delegators(metadata, root) for k in delegator.roles[role].keyids}
    if keyid not in counting:
        raise CeremonyError(
            f"key {keyid[:16]} signs nothing here: {metadata.signed.type} counts {', '.join(k[:16] for k in counting)}"
        )
    metadata.sign(signer, append=True)
    return metadata.to_bytes(_READABLE)


def signatures(body: bytes, *, root: bytes | None = None) -> list[Signatures]:
    """Who signed, and who is missing, for each delegator that counts."""
    metadata = read(body)
    found = []
    for delegator, role in _delegators(metadata, root):
        result = delegator.get_verification_result(role, metadata.signed_bytes, metadata.signatures)
        found.append(
            Signatures(f"root {delegator.version}", result.threshold, tuple(result.signed), tuple(result.unsigned))
        )
    return found


def _delegators(metadata: Metadata[Any], root: bytes | None) -> list[tuple[Root, str]]:
    if isinstance(metadata.signed, Root):
        before = [_signed(root, Root)] if root is not None else []
        return [
            (each, Root.type) for each in (*(r for r in before if r.version < metadata.signed.version), metadata.signed)
        ]
    if root is None:
        raise CeremonyError("give the root in force (--root), which says whose signatures of targets count")
    return [(_signed(root, Root), Targets.type)]


def _signed(body: bytes, kind: type) -> Any:
    signed = read(body).signed
    if not isinstance(signed, kind):
        raise CeremonyError(f"this is {signed.type} where {kind.__name__.lower()} is wanted")
    return signed


def _role(name: str) -> str:
    if name not in ROOT_ROLES:
        raise CeremonyError(f"{name!r} is no role of a root: one of {', '.join(ROOT_ROLES)}")
    return name


def _one(prefix: str, keyids: Iterable[str], role: str) -> str:
    found = [keyid for keyid in keyids if keyid.startswith(prefix)]
    if len(found) != 1 or len(prefix) < 8:
        raise CeremonyError(f"{prefix!r} names {len(found)} keys of {role}: give at least 8 digits of one key id")
    return found[0]
