"""Names inside the index: roles, target paths, and what is said of one version.

    root (offline) -> targets (offline): trusted_root.json, signing_config.v0.2.json, the registry's origin
                      -> packs (online) -> packs.NAMESPACE -> packs.NAMESPACE.PACK: every version of that pack
                   -> snapshot, timestamp (online, short-lived)

One role per pack below one per namespace: publishing a version rewrites that pack's role only, and its versions are
listed by reading one file. Namespaces and packs are `[a-z0-9-]`, so a point separates them without doubt.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from seglam.packs.names import PackName
from seglam.packs.versions import Version

TRUSTED_ROOT = "trusted_root.json"
SIGNING_CONFIG = "signing_config.v0.2.json"
PACKS = "packs"
ORIGIN_FIELD = "x-seglam-origin"  # in targets, signed offline: whose index this is


class Status(StrEnum):
    """What the index says of a version. Only a listed one may be imported anew."""

    LISTED = "listed"
    YANKED = "yanked"
    QUARANTINED = "quarantined"
    DELETED = "deleted"  # kept in the index, so that no other content can ever take the version


def namespace_role(namespace: str) -> str:
    return f"{PACKS}.{namespace}"


def pack_role(name: PackName) -> str:
    return f"{PACKS}.{name.namespace}.{name.pack}"


def target(name: PackName, version: Version) -> str:
    """The TUF target path of a version: what it names is the pack's manifest."""
    return f"{PACKS}/{name.namespace}/{name.pack}/{version}"


@dataclass(frozen=True)
class Listing:
    """One version as the index lists it.

    digest: `sha256:` and 64 hexadecimal digits, of the manifest. length: of the manifest, in bytes.
    published: RFC 3339, UTC.
    """

    version: Version
    digest: str
    length: int
    status: Status
    published: str

    @property
    def sha256(self) -> str:
        return self.digest.removeprefix("sha256:")


def delegator(role: str) -> str:
    """The role that delegates to `role`."""
    if role in {"root", "targets", "snapshot", "timestamp"}:
        return "root"
    above, _, _ = role.rpartition(".")
    return above or "targets"
