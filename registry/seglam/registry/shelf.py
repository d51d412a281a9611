"""Packs as they were published, read from the database: what pages and trials look into."""

from __future__ import annotations

import threading
from collections import OrderedDict

from sqlmodel import Session

from seglam.packs.chain import Chain, chain
from seglam.packs.layout import Packed
from seglam.packs.pack import Pack
from seglam.packs.trust.roots import PublicKey, TrustRoot, TrustRootSpec
from seglam.registry import bundles
from seglam.registry.access.members import active, keys_of
from seglam.registry.signing import Signing
from seglam.registry.tables import BundleRow, VersionRow, VersionState
from seglam.web import Problem

KEPT = 32
KEPT_BYTES = 4 * 1024 * 1024
"""Of a pack that is kept; reading a larger one again costs less than holding 32 of them."""
ROOT = "the namespace's keys"


class Shelf:
    """Reads packs; those that were asked for lately are kept, since a pack never changes."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Pack] = OrderedDict()
        self._lock = threading.Lock()

    def pack(self, session: Session, row: VersionRow) -> Pack:
        """The pack of a version.

        Raises:
            Problem: 403 `quarantined`, which nobody is shown here.
        """
        if row.state == VersionState.QUARANTINED:
            words = f"{row.name}@{row.version} is quarantined; its attestations say why"
            raise Problem(403, "quarantined", words)
        with self._lock:
            if (known := self._kept.get(row.digest)) is not None:
                self._kept.move_to_end(row.digest)
                return known
        parts = [bundles.bytes_of(session, each) for each in (row.digest, row.config, row.content)]
        pack = Pack.read(*parts, digest=row.digest)
        if len(pack.content) <= KEPT_BYTES:
            with self._lock:
                self._kept[row.digest] = pack
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
        return pack


def roots_of(session: Session, signing: Signing, row: VersionRow, listed: list[BundleRow]) -> list[TrustRoot]:
    """Whom this registry vouches for: itself, the authorities it believes, and keys that counted when each statement
    was attached."""
    _, namespace, _ = row.name.split("/")
    attached = {(each.key_id, each.at) for each in listed if each.key_id is not None}
    keys = {
        key.key_id: PublicKey(id=key.key_id, pem=key.pem)
        for key in keys_of(session, row.name.split("/")[0], namespace)
        if any(key.key_id == key_id and active(key, at) for key_id, at in attached)
    }
    own = [TrustRoot(ROOT, TrustRootSpec(keys=list(keys.values())))] if keys else []
    return [signing.root, *own]


def chain_of(session: Session, signing: Signing, row: VersionRow, pack: Pack) -> tuple[Chain, list[TrustRoot]]:
    """Every statement about a version with every link between them, checked now, and by which roots."""
    listed = bundles.of_version(session, row.name, row.version)
    roots = roots_of(session, signing, row, listed)
    raw = tuple(bundles.bytes_of(session, each.digest) for each in listed)
    return chain(Packed(pack, raw), roots), roots
