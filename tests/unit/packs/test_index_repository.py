"""The writing side of the index: what it lists, renews and refuses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, Snapshot, Targets, Timestamp

from seglam.packs.index.ceremony import CeremonyError, draft_root, draft_targets, sign, signatures
from seglam.packs.index.errors import IndexConflict, IndexNotReady
from seglam.packs.index.keys import KeyRing, new_key, read_private, read_public
from seglam.packs.index.layout import Status
from seglam.packs.index.repository import Lifetimes, Repository
from seglam.packs.index.storage import DirectoryStorage, MemoryStorage
from seglam.packs.names import PackName
from seglam.packs.versions import Version
from tests.index_keys import ORIGIN, Keys, first_root, first_targets, later, listing, make

DATES = PackName(ORIGIN, "acme", "dates")
MONEY = PackName(ORIGIN, "acme", "money")


def version_of(storage: MemoryStorage | DirectoryStorage, role: str) -> int:
    body = storage.latest(role)
    assert body is not None
    return int(Metadata.from_bytes(body).signed.version)


def test_a_version_is_listed_by_its_packs_role_and_only_that_role_is_rewritten() -> None:
    storage = MemoryStorage()
    repository, _, _ = make(storage=storage)
    repository.put({DATES: [listing("1.0.0")], MONEY: [listing("2.0.0")]})
    repository.put({DATES: [listing("1.0.0"), listing("1.1.0")]})
    assert set(repository.listings(DATES)) == {Version.parse("1.0.0"), Version.parse("1.1.0")}
    assert (version_of(storage, "packs.acme.dates"), version_of(storage, "packs.acme.money")) == (2, 1)
    assert (version_of(storage, "packs"), version_of(storage, "packs.acme")) == (2, 1)


def test_versions_of_every_role_are_consecutive() -> None:
    storage = MemoryStorage()
    repository, _, _ = make(storage=storage)
    for count in range(1, 6):
        repository.put({DATES: [listing(f"1.{minor}.0") for minor in range(count)]})
    for role, versions in storage.metadata.items():
        assert sorted(versions) == list(range(1, len(versions) + 1)), role


def test_nothing_is_written_for_what_is_listed_already() -> None:
    storage = MemoryStorage()
    repository, _, _ = make(storage=storage)
    first = repository.put({DATES: [listing("1.0.0")]})
    assert repository.put({DATES: [listing("1.0.0")]}) == first
    assert version_of(storage, Timestamp.type) == first


@pytest.mark.parametrize(
    ("versions", "code"),
    [
        ([listing("1.1.0")], "index-version-lost"),
        ([], "index-version-lost"),
        ([listing("1.0.0", digest="sha256:" + "0" * 64)], "index-digest-changed"),
        ([listing("1.0.0"), listing("1.0.0")], "index-digest-changed"),
    ],
)
def test_a_listed_version_is_never_lost_nor_changed(versions: list[object], code: str) -> None:
    storage = MemoryStorage()
    repository, _, _ = make(storage=storage)
    repository.put({DATES: [listing("1.0.0")]})
    before = {role: dict(kept) for role, kept in storage.metadata.items()}
    with pytest.raises(IndexConflict) as refused:
        repository.put({MONEY: [listing("1.0.0")], DATES: versions})  # type: ignore[dict-item]
    assert refused.value.code == code
    assert storage.metadata == before


def test_a_status_changes_and_the_digest_stays() -> None:
    repository, _, _ = make()
    repository.put({DATES: [listing("1.0.0")]})
    repository.put({DATES: [listing("1.0.0", status=Status.YANKED)]})
    assert repository.listings(DATES)[Version.parse("1.0.0")].status is Status.YANKED


def test_another_origins_pack_is_no_entry() -> None:
    repository, _, _ = make()
    with pytest.raises(ValueError, match=r"belongs to registry\.globex\.example"):
        repository.put({PackName("registry.globex.example", "acme", "dates"): [listing("9.0.0")]})


def test_timestamp_and_snapshot_are_renewed_when_half_of_their_life_is_over() -> None:
    now = datetime.now(UTC)
    storage = MemoryStorage()
    repository, keys, _ = make(storage=storage, clock=lambda: now)
    assert repository.renew() == ()
    at = Repository(storage, keys.online(), origin=ORIGIN, clock=lambda: now + timedelta(hours=13))
    assert at.renew() == ("timestamp",)
    assert at.renew() == ()
    at = Repository(storage, keys.online(), origin=ORIGIN, clock=lambda: now + timedelta(days=4))
    assert at.renew() == ("snapshot", "timestamp")
    at = Repository(storage, keys.online(), origin=ORIGIN, clock=lambda: now + timedelta(days=200))
    assert at.renew(thorough=True) == ("packs", "snapshot", "timestamp")


def test_a_new_packs_key_signs_every_role_anew() -> None:
    storage = MemoryStorage()
    repository, keys, root = make(storage=storage)
    repository.put({DATES: [listing("1.0.0")]})
    old, keys.packs = keys.packs, CryptoSigner.generate_ed25519()
    targets = draft_targets(
        storage.latest("targets"), origin=ORIGIN, expires=later(), packs_keys=[keys.packs.public_key]
    )
    targets = sign(targets, keys.targets, root=root)
    with pytest.raises(IndexNotReady, match="put them into the directory"):
        repository.install(targets=targets)
    rotated = Repository(storage, keys.online(), origin=ORIGIN)
    rotated.install(targets=targets)
    for role in ("packs", "packs.acme", "packs.acme.dates"):
        body = storage.latest(role)
        assert body is not None
        assert set(Metadata[Targets].from_bytes(body).signatures) == {keys.packs.public_key.keyid}
        assert old.public_key.keyid.encode() not in body
    assert set(rotated.listings(DATES)) == {Version.parse("1.0.0")}


def test_a_new_timestamp_key_comes_with_a_new_root() -> None:
    storage = MemoryStorage()
    _, keys, root = make(storage=storage)
    old, keys.timestamp = keys.timestamp, CryptoSigner.generate_ed25519()
    second = draft_root(
        root,
        expires=later(),
        add={"timestamp": [keys.timestamp.public_key]},
        remove={"timestamp": [old.public_key.keyid]},
    )
    for signer in keys.root:
        second = sign(second, signer, root=root)
    Repository(storage, keys.online(), origin=ORIGIN).install(roots=[second])
    body = storage.latest(Timestamp.type)
    assert body is not None
    assert set(Metadata[Timestamp].from_bytes(body).signatures) == {keys.timestamp.public_key.keyid}


def test_root_keys_change_only_with_the_old_threshold() -> None:
    storage = MemoryStorage()
    repository, keys, root = make(storage=storage)
    newcomer = CryptoSigner.generate_ed25519()
    second = draft_root(
        root,
        expires=later(),
        add={"root": [newcomer.public_key]},
        remove={"root": [keys.root[0].public_key.keyid]},
    )
    second = sign(sign(second, newcomer, root=root), keys.root[1], root=root)
    shown = {each.by: each for each in signatures(second, root=root)}
    assert (shown["root 1"].enough, shown["root 2"].enough) == (False, True)
    with pytest.raises(IndexConflict, match="signed by 1/2 keys"):
        repository.install(roots=[second])
    repository.install(roots=[sign(second, keys.root[0], root=root)])
    assert repository.root().signed.version == 2


def test_a_root_or_targets_that_does_not_follow_is_refused() -> None:
    storage = MemoryStorage()
    repository, keys, root = make(storage=storage)
    for bad, words in (
        ({"roots": [root]}, "version 1; 2 comes next"),
        ({"targets": first_targets(keys, root)}, "version 1; 2 comes next"),
        ({"roots": [b"{}"]}, "cannot be taken in"),
    ):
        with pytest.raises(IndexConflict, match=words):
            repository.install(**bad)
    foreign = draft_targets(None, origin="other.example", expires=later(), packs_keys=[keys.packs.public_key])
    fresh = Repository(MemoryStorage(), keys.online(), origin=ORIGIN)
    with pytest.raises(IndexConflict, match=r"targets are of 'other\.example'"):
        fresh.install(roots=[root], targets=sign(foreign, keys.targets, root=root))
    with pytest.raises(IndexConflict, match="the file was not given"):
        fresh.install(roots=[root], targets=first_targets(keys, root, files={"trusted_root.json": b"{}"}))
    with pytest.raises(IndexConflict, match="root expired"):
        fresh.install(roots=[first_root(keys, expires=later(-1))], targets=first_targets(keys, root))
    assert fresh.is_set_up() is False


def test_a_key_that_counts_for_nothing_signs_nothing() -> None:
    keys = Keys()
    root = first_root(keys)
    with pytest.raises(CeremonyError, match="signs nothing here"):
        sign(root, keys.targets)
    with pytest.raises(CeremonyError, match="threshold of 3"):
        draft_root(root, expires=later(), thresholds={"root": 3})


def test_keys_are_kept_encrypted_and_are_never_replaced(tmp_path: Path) -> None:
    public = new_key(tmp_path / "root.pem", passphrase=b"a long one")
    assert (tmp_path / "root.pem").stat().st_mode & 0o777 == 0o600
    assert read_public(tmp_path / "root.pub").keyid == public.keyid
    assert read_private(tmp_path / "root.pem", passphrase=b"a long one").public_key.keyid == public.keyid
    with pytest.raises(ValueError, match="cannot be read as a private key"):
        read_private(tmp_path / "root.pem")
    with pytest.raises(FileExistsError):
        new_key(tmp_path / "root.pem", passphrase=None)
    new_key(tmp_path / "online" / "packs.pem", passphrase=None)
    assert read_public(tmp_path / "online" / "packs.pub").keyid in KeyRing.read(tmp_path / "online")


def test_a_directory_holds_an_index_too(tmp_path: Path) -> None:
    storage = DirectoryStorage(tmp_path)
    repository, keys, _ = make(storage=storage, files={"trusted_root.json": b"{}"})
    repository.put({DATES: [listing("1.0.0")]})
    with pytest.raises(IndexConflict, match="another process"):
        storage.put("packs", 1, b"other")
    again = Repository(DirectoryStorage(tmp_path), keys.online(), origin=ORIGIN, lifetimes=Lifetimes())
    assert set(again.listings(DATES)) == {Version.parse("1.0.0")}
    assert {state.role for state in again.states()} == {"root", "targets", "packs", "snapshot", "timestamp"}
    body = storage.latest(Snapshot.type)
    assert body is not None
    assert "packs.acme.dates.json" in Metadata[Snapshot].from_bytes(body).signed.meta
