"""The writing side of the index: listing versions, renewing what expires, taking in what was signed offline.

It knows neither HTTP nor a database: everything goes through a Storage. The caller holds the lock that keeps writers
apart; a version number that is taken all the same fails (`index-raced`) and nothing is lost, since the index is derived
from the registry's releases and is written again from them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization import DeserializationError
from tuf.api.serialization.json import JSONSerializer

from seglam.packs.index import layout
from seglam.packs.index.errors import IndexConflict, IndexNotReady
from seglam.packs.index.keys import KeyRing
from seglam.packs.index.layout import Listing, Status
from seglam.packs.index.storage import Storage
from seglam.packs.names import PackName
from seglam.packs.versions import Version

SERIALIZER = JSONSerializer(compact=True)

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Lifetimes:
    """How long what is signed online stays valid. Each is renewed when less than half of it is left.

    A frozen client notices after `timestamp` at the latest. Roles of packs live long: that the newest ones are seen
    is what snapshot and timestamp say.
    """

    timestamp: timedelta = timedelta(days=1)
    snapshot: timedelta = timedelta(days=7)
    packs: timedelta = timedelta(days=365)

    def of(self, role: str) -> timedelta:
        if role == Timestamp.type:
            return self.timestamp
        return self.snapshot if role == Snapshot.type else self.packs


@dataclass(frozen=True)
class RoleState:
    """A top-level role, or `packs`, as `keys status` shows it."""

    role: str
    version: int
    expires: datetime
    keyids: tuple[str, ...]
    threshold: int


class Repository:
    """The index of one origin.

    Args:
        keys: the online private keys; those that metadata names and that are here sign.
        clock: for expiries; a client uses its own.
    """

    def __init__(
        self,
        storage: Storage,
        keys: KeyRing,
        *,
        origin: str,
        lifetimes: Lifetimes | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self._storage = storage
        self._keys = keys
        self.origin = origin
        self._lifetimes = lifetimes or Lifetimes()
        self._clock = clock
        # Parsed delegators of the call under way: a namespace of 10,000 packs takes 0.1 s to parse, once for each pack
        self._delegators: dict[str, Root | Targets] = {}

    # Reading

    def is_set_up(self) -> bool:
        """Whether there are a root and everything that clients need."""
        return self._storage.latest(Timestamp.type) is not None

    def root(self) -> Metadata[Root]:
        return self._need(Root.type)

    def targets(self) -> Metadata[Targets]:
        return self._need(Targets.type)

    def listings(self, name: PackName) -> dict[Version, Listing]:
        """What the index says of a pack's versions, whether or not clients would accept it today."""
        self._own(name)
        metadata = self._latest(layout.pack_role(name))
        return read_listings(metadata.signed, name) if metadata else {}

    def states(self) -> list[RoleState]:
        """Version, expiry and keys of root, targets, snapshot, timestamp and packs."""
        self._delegators.clear()
        states = []
        for role in (Root.type, Targets.type, layout.PACKS, Snapshot.type, Timestamp.type):
            delegation = self._delegator_of(role).get_delegated_role(role)
            signed = self._need(role).signed
            states.append(
                RoleState(role, signed.version, signed.expires, tuple(delegation.keyids), delegation.threshold)
            )
        return states

    # Writing

    def install(
        self, *, roots: Sequence[bytes] = (), targets: bytes | None = None, files: Mapping[str, bytes] | None = None
    ) -> None:
        """Take in metadata that was signed offline: new roots in order, new targets with the files that they name.

        All is checked before anything is written, exactly as a client would check it; then online roles whose keys
        changed are signed anew.

        Raises:
            IndexConflict: `index-metadata-refused`, with what is wrong.
            IndexNotReady: an online key that the new metadata names is not here.
        """
        self._delegators.clear()
        with _refusing():
            root = self._latest(Root.type)
            accepted = []
            for body in roots:
                root = follow_root(root.signed if root else None, body)
                accepted.append((root.signed.version, body))
            if root is None:
                raise IndexNotReady(
                    "index-not-set-up",
                    "there is no root yet: make one with `python -m seglam.registry keys draft-root`",
                )
            if root.signed.is_expired(self._clock()):
                raise IndexConflict("index-metadata-refused", f"root expired at {root.signed.expires:%Y-%m-%d}")
            present = self._latest(Targets.type)
            if targets is not None:
                present = self._follow_targets(root.signed, present, targets, files or {})
            if present is None:
                raise IndexNotReady(
                    "index-not-set-up", "there are no targets yet: make them with `... keys draft-targets`"
                )
            root.signed.verify_delegate(Targets.type, present.signed_bytes, present.signatures)
        for above, role in (
            (root.signed, Snapshot.type),
            (root.signed, Timestamp.type),
            (present.signed, layout.PACKS),
        ):
            delegated = above.get_delegated_role(role)
            self._keys.chosen(role, delegated.keyids, delegated.threshold)
        for version, body in accepted:
            self._storage.put(Root.type, version, body)
        if targets is not None:
            for name, file in present.signed.targets.items():
                if files and name in files:
                    self._storage.put_file(name, file.hashes["sha256"], files[name])
            self._storage.put(Targets.type, present.signed.version, targets)
        self.renew(thorough=True)

    def put(self, packs: Mapping[PackName, Sequence[Listing]]) -> int:
        """List the versions of packs; each sequence is *all* versions of its pack. What is equal is not rewritten.

        Returns:
            the version of the snapshot that holds them.

        Raises:
            IndexConflict: a listed version would vanish, or name other content. Nothing is written then.
        """
        self._delegators.clear()
        changed = {name: versions for name, versions in packs.items() if self._differs(name, versions)}
        if not changed:
            return int(self._need(Snapshot.type).signed.version)
        written = self._delegate_to(changed)
        for name, versions in changed.items():
            role = layout.pack_role(name)
            signed = Targets()
            signed.targets = {layout.target(name, one.version): _target_file(name, one) for one in versions}
            written[role] = self._write(role, signed)
        return self._publish(written)

    def renew(self, *, roles: Iterable[str] = (), thorough: bool = False) -> tuple[str, ...]:
        """Sign anew what has less than half of its life left, or is not signed by the keys that it should be.

        Args:
            roles: roles of namespaces and packs to look at besides snapshot and timestamp.
            thorough: look at all of them, and at targets.

        Returns:
            the roles that were written.
        """
        self._delegators.clear()
        written: dict[str, int] = {}
        for role in self._packs_roles() if thorough else roles:
            metadata = self._latest(role)
            if metadata is None or self._is_due(role, metadata):
                written[role] = self._write(role, self._renewed(role, metadata))
        if thorough:
            written[Targets.type] = self._need(Targets.type).signed.version
        snapshot, timestamp = self._latest(Snapshot.type), self._latest(Timestamp.type)
        stale = snapshot is None or any(
            f"{role}.json" not in snapshot.signed.meta or snapshot.signed.meta[f"{role}.json"].version < version
            for role, version in written.items()
        )
        if stale or snapshot is None or self._is_due(Snapshot.type, snapshot):
            self._publish(written)
            return (*(role for role in written if role != Targets.type), Snapshot.type, Timestamp.type)
        if timestamp is None or self._is_due(Timestamp.type, timestamp):
            self._write(Timestamp.type, Timestamp(snapshot_meta=MetaFile(snapshot.signed.version)))
            return (Timestamp.type,)
        return ()

    # Inside

    def _own(self, name: PackName) -> None:
        if name.origin != self.origin:
            raise ValueError(f"{name} belongs to {name.origin}; this is the index of {self.origin}")

    def _latest(self, role: str) -> Metadata[Any] | None:
        body = self._storage.latest(role)
        return None if body is None else Metadata.from_bytes(body)

    def _need(self, role: str) -> Metadata[Any]:
        metadata = self._latest(role)
        if metadata is None:
            raise IndexNotReady(
                "index-not-set-up",
                f"the index has no {role} yet: create root and targets with `python -m seglam.registry keys` "
                "(docs/keys.md) and install them",
            )
        return metadata

    def _delegator_of(self, role: str) -> Root | Targets:
        name = layout.delegator(role)
        if name not in self._delegators:
            self._delegators[name] = self._need(name).signed
        return self._delegators[name]

    def _is_due(self, role: str, metadata: Metadata[Any]) -> bool:
        if metadata.signed.expires - self._clock() < self._lifetimes.of(role) / 2:
            return True
        delegation = self._delegator_of(role).get_delegated_role(role)
        return len(metadata.signatures.keys() & set(delegation.keyids)) < delegation.threshold

    def _packs_roles(self) -> list[str]:
        """Roles below targets, delegators first."""
        roles, waiting = [], [layout.PACKS]
        while waiting:
            role = waiting.pop(0)
            roles.append(role)
            metadata = self._latest(role)
            if metadata and metadata.signed.delegations and metadata.signed.delegations.roles:
                waiting += metadata.signed.delegations.roles
        return roles

    def _renewed(self, role: str, metadata: Metadata[Any] | None) -> Targets:
        """The content of a role as it is, with delegations to the keys that sign packs now."""
        signed = Targets() if metadata is None else metadata.signed
        if signed.delegations and signed.delegations.roles:
            signed.delegations = self._delegations(signed.delegations.roles.values())
        return signed

    def _delegations(self, roles: Iterable[DelegatedRole]) -> Delegations:
        """Delegations to the keys that `targets` gives `packs`: one set of keys signs all packs."""
        above = self._delegator_of(layout.PACKS)
        delegated = above.get_delegated_role(layout.PACKS)
        keyids, threshold = list(delegated.keyids), delegated.threshold
        keys = {keyid: above.get_key(keyid) for keyid in keyids}

        def delegation(role: DelegatedRole) -> DelegatedRole:
            if (role.keyids, role.threshold, role.terminating) == (keyids, threshold, True):
                return role  # of 10,000 in a namespace all but one
            return DelegatedRole(role.name, list(keyids), threshold, terminating=True, paths=role.paths)

        return Delegations(keys, {role.name: delegation(role) for role in roles})

    def _delegate_to(self, names: Mapping[PackName, object]) -> dict[str, int]:
        """Delegate to namespaces and packs that are new. Returns the versions written, by role."""
        wanted: dict[str, dict[str, str]] = {}
        for name in names:
            space = layout.namespace_role(name.namespace)
            wanted.setdefault(layout.PACKS, {})[space] = f"{layout.PACKS}/{name.namespace}/*/*"
            wanted.setdefault(space, {})[layout.pack_role(name)] = f"{layout.PACKS}/{name.namespace}/{name.pack}/*"
        written: dict[str, int] = {}
        for role, below in wanted.items():
            metadata = self._latest(role)
            signed = Targets() if metadata is None else metadata.signed
            present = dict(signed.delegations.roles or {}) if signed.delegations else {}
            new = {child: DelegatedRole(child, [], 1, True, paths=[path]) for child, path in below.items()}
            if not new.keys() <= present.keys():
                signed.delegations = self._delegations(
                    [*present.values(), *(new[c] for c in sorted(new.keys() - present.keys()))]
                )
                written[role] = self._write(role, signed)
        return written

    def _differs(self, name: PackName, versions: Sequence[Listing]) -> bool:
        present, wanted = self.listings(name), {one.version: one for one in versions}
        if len(wanted) != len(versions):
            raise IndexConflict("index-digest-changed", f"{name}: one version is given twice")
        if lost := present.keys() - wanted.keys():
            raise IndexConflict(
                "index-version-lost",
                f"{name}@{min(lost)} is in the index and no longer among the releases: the index never forgets a "
                "version; restore the database from a backup that has it",
            )
        for version, old in present.items():
            if (old.digest, old.length) != (wanted[version].digest, wanted[version].length):
                raise IndexConflict(
                    "index-digest-changed",
                    f"{name}@{version} is {old.digest} in the index and {wanted[version].digest} in the releases: "
                    "versions are immutable; the release was altered",
                )
        return present != wanted

    def _write(self, role: str, signed: Targets | Snapshot | Timestamp) -> int:
        """Sign the next version of an online role and store it."""
        signed.version = self._storage.newest(role) + 1
        signed.expires = (self._clock() + self._lifetimes.of(role)).replace(microsecond=0)
        delegation = self._delegator_of(role).get_delegated_role(role)
        metadata: Metadata[Any] = Metadata(signed)
        for signer in self._keys.chosen(role, delegation.keyids, delegation.threshold):
            metadata.sign(signer, append=True)
        self._storage.put(role, signed.version, metadata.to_bytes(SERIALIZER))
        if isinstance(signed, Targets) and signed.delegations is not None:
            self._delegators[role] = signed
        return signed.version

    def _publish(self, written: Mapping[str, int]) -> int:
        """A snapshot with the versions written, and a timestamp of it."""
        previous = self._latest(Snapshot.type)
        snapshot = Snapshot() if previous is None else previous.signed
        for role, version in written.items():
            snapshot.meta[f"{role}.json"] = MetaFile(version)
        number = self._write(Snapshot.type, snapshot)
        self._write(Timestamp.type, Timestamp(snapshot_meta=MetaFile(number)))
        return number

    def _follow_targets(
        self, root: Root, present: Metadata[Any] | None, body: bytes, files: Mapping[str, bytes]
    ) -> Metadata[Targets]:
        new = Metadata[Targets].from_bytes(body)
        root.verify_delegate(Targets.type, new.signed_bytes, new.signatures)
        expected = present.signed.version + 1 if present else 1
        if new.signed.version != expected:
            raise IndexConflict(
                "index-metadata-refused", f"targets have version {new.signed.version}; {expected} comes next"
            )
        if new.signed.is_expired(self._clock()):
            raise IndexConflict("index-metadata-refused", f"targets expired at {new.signed.expires:%Y-%m-%d}")
        if (origin := new.signed.unrecognized_fields.get(layout.ORIGIN_FIELD)) != self.origin:
            raise IndexConflict(
                "index-metadata-refused", f"targets are of {origin!r}; this registry is {self.origin!r}"
            )
        if not new.signed.delegations or layout.PACKS not in (new.signed.delegations.roles or {}):
            raise IndexConflict("index-metadata-refused", f"targets do not delegate to {layout.PACKS!r}")
        for name, file in new.signed.targets.items():
            content = files.get(name)
            if content is None:
                content = self._storage.file(name, file.hashes["sha256"])
            if content is None:
                raise IndexConflict("index-metadata-refused", f"targets name {name}, and the file was not given")
            file.verify_length_and_hashes(content)
        return new


def follow_root(trusted: Root | None, body: bytes) -> Metadata[Root]:
    """The root of `body`, if it may follow `trusted` (TUF specification 5.3): next version, signed by the thresholds of
    the trusted and of the new root. The first root is signed by its own threshold.

    Raises:
        IndexConflict: it may not.
    """
    with _refusing():
        new = Metadata[Root].from_bytes(body)
        expected = trusted.version + 1 if trusted else 1
        if new.signed.version != expected:
            raise IndexConflict(
                "index-metadata-refused", f"root has version {new.signed.version}; {expected} comes next"
            )
        if trusted:
            trusted.verify_delegate(Root.type, new.signed_bytes, new.signatures)
        new.signed.verify_delegate(Root.type, new.signed_bytes, new.signatures)
        return new


def read_listings(signed: Targets, name: PackName) -> dict[Version, Listing]:
    """The versions that a pack's role lists. Raises IndexConflict (`index-metadata-refused`) where a target is not one
    of this pack.
    """
    found = {}
    for path, file in signed.targets.items():
        head, _, text = path.rpartition("/")
        custom = file.custom
        try:
            version = Version.parse(text)
            if head != f"{layout.PACKS}/{name.namespace}/{name.pack}":
                raise ValueError("it is no target of this pack")
            found[version] = Listing(
                version,
                f"sha256:{file.hashes['sha256']}",
                file.length,
                Status(custom["status"]),
                str(custom["published"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise IndexConflict("index-metadata-refused", f"target {path!r} of {name}: {error}") from error
    return found


def _target_file(name: PackName, one: Listing) -> TargetFile:
    return TargetFile(
        one.length,
        {"sha256": one.sha256},
        layout.target(name, one.version),
        unrecognized_fields={"custom": {"status": str(one.status), "published": one.published}},
    )


@contextmanager
def _refusing() -> Iterator[None]:
    """What python-tuf says about metadata, as our error."""
    try:
        yield
    except (RepositoryError, DeserializationError, ValueError) as error:
        raise IndexConflict("index-metadata-refused", f"the metadata cannot be taken in: {error}") from error
