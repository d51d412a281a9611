"""An index that keeps itself: where root and targets keys lie beside the online ones, as on one user's machine.

Whoever reads that directory can sign anything, which is what the ceremony of docs/keys.md avoids.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from securesystemslib.signer import CryptoSigner

from seglam.packs.index.ceremony import draft_root, draft_targets, read, sign
from seglam.packs.index.keys import new_key, read_private
from seglam.packs.index.repository import Repository
from seglam.packs.index.storage import Storage

ROLES = ("root", "targets", "snapshot", "timestamp", "packs")
LIFETIME = timedelta(days=365)


def make_keys(directory: Path) -> None:
    """Make the keys of all roles that are not there yet, without passphrase, mode 0600."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    for role in ROLES:
        if not (directory / f"{role}.pem").exists():
            new_key(directory / f"{role}.pem", passphrase=None)


def keeps_itself(directory: Path) -> bool:
    """Whether the keys of root and targets lie here too."""
    return all((directory / f"{role}.pem").exists() for role in ROLES)


def keep(
    repository: Repository, storage: Storage, directory: Path, *, files: Mapping[str, bytes], now: datetime
) -> bool:
    """Make root and targets, or renew what has less than half of its life left or carries other files.

    Returns:
        whether something was installed.
    """
    signers = {role: read_private(directory / f"{role}.pem") for role in ROLES}
    root, targets = storage.latest("root"), storage.latest("targets")
    new_root = _root(root, signers, now)
    in_force = new_root or root
    assert in_force is not None
    new_targets = None
    if targets is None or _is_due(repository.targets().signed.expires, now) or _differ(repository, files):
        draft = draft_targets(
            targets,
            origin=repository.origin,
            expires=now + LIFETIME,
            packs_keys=[signers["packs"].public_key] if targets is None else (),
            files={**_gone(repository, files, targets), **files},
        )
        new_targets = sign(draft, signers["targets"], root=in_force)
    if new_root is None and new_targets is None:
        return False
    repository.install(roots=[new_root] if new_root else [], targets=new_targets, files=files)
    return True


def _root(root: bytes | None, signers: Mapping[str, CryptoSigner], now: datetime) -> bytes | None:
    if root is None:
        add = {role: [signers[role].public_key] for role in ROLES if role != "packs"}
        return sign(draft_root(None, expires=now + LIFETIME, add=add), signers["root"])
    if not _is_due(read(root).signed.expires, now):
        return None
    return sign(draft_root(root, expires=now + LIFETIME), signers["root"], root=root)


def _is_due(expires: datetime, now: datetime) -> bool:
    return expires - now < LIFETIME / 2


def _differ(repository: Repository, files: Mapping[str, bytes]) -> bool:
    present = repository.targets().signed.targets
    return present.keys() != files.keys() or any(
        present[name].hashes["sha256"] != hashlib.sha256(body).hexdigest() for name, body in files.items()
    )


def _gone(repository: Repository, files: Mapping[str, bytes], targets: bytes | None) -> dict[str, None]:
    return {} if targets is None else dict.fromkeys(repository.targets().signed.targets.keys() - files.keys())
