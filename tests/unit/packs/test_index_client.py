"""The reading side of the index: what it believes, and what it refuses and why."""

from __future__ import annotations

import threading
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, Snapshot, Timestamp
from tuf.ngclient import Updater

from seglam.packs.index.ceremony import draft_root, draft_targets, sign
from seglam.packs.index.client import Index, Waiver
from seglam.packs.index.errors import IndexRefused
from seglam.packs.index.layout import Status, target
from seglam.packs.index.repository import Repository
from seglam.packs.index.storage import MemoryStorage
from seglam.packs.names import PackName, Release
from seglam.packs.versions import Version
from tests.index_keys import ORIGIN, Keys, StorageFetcher, later, listing, make

DATES = PackName(ORIGIN, "acme", "dates")
BASE = "http://registry/"


def release(version: str, name: PackName = DATES) -> Release:
    return Release(name, Version.parse(version))


class World:
    """A registry's index, somebody who serves it, and a client."""

    def __init__(self, directory: Path, **options: object) -> None:
        self.storage = MemoryStorage()
        self.repository, self.keys, self.root = make(storage=self.storage, **options)  # type: ignore[arg-type]
        self.repository.put({DATES: [listing("1.0.0")]})
        self.served = StorageFetcher(self.storage)
        self.directory = directory
        self.index = self.client()

    def client(self, directory: Path | None = None, *, origin: str = ORIGIN) -> Index:
        return Index(directory or self.directory, BASE, self.root, origin=origin, fetcher=self.served)

    def refused(self) -> str:
        with pytest.raises(IndexRefused) as refused:
            self.index.refresh()
        return refused.value.code


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "index")


def test_facts_say_digest_status_and_freshness(world: World) -> None:
    state = world.index.refresh()
    facts = world.index.facts(release("1.0.0"))
    assert facts.listed_digest == listing("1.0.0").digest
    assert (facts.status, facts.snapshot_version, facts.highest_seen_version) == ("listed", 2, 2)
    assert facts.expires == state.expires
    assert timedelta() < facts.expires - datetime.now(UTC) <= timedelta(days=1)
    assert facts.waiver is None


def test_what_is_not_listed_has_no_digest(world: World) -> None:
    world.index.refresh()
    for name in (DATES, PackName(ORIGIN, "acme", "other"), PackName(ORIGIN, "globex", "dates")):
        facts = world.index.facts(release("9.9.9", name))
        assert (facts.listed_digest, facts.status) == (None, None)
    assert world.index.versions(PackName(ORIGIN, "globex", "dates")) == []


def test_statuses_reach_clients_and_a_deleted_version_is_unlisted(world: World) -> None:
    world.repository.put(
        {
            DATES: [
                listing("1.0.0", status=Status.DELETED),
                listing("1.1.0", status=Status.YANKED),
                listing("1.2.0", status=Status.QUARANTINED),
                listing("1.10.0"),
            ]
        }
    )
    world.index.refresh()
    assert [str(one.version) for one in world.index.versions(DATES)] == ["1.10.0", "1.2.0", "1.1.0"]
    assert world.index.facts(release("1.1.0")).status == "yanked"
    assert world.index.facts(release("1.2.0")).status == "quarantined"
    assert world.index.facts(release("1.0.0")).listed_digest is None


def test_an_older_index_is_refused(world: World) -> None:
    older = deepcopy(world.storage)
    world.repository.put({DATES: [listing("1.0.0"), listing("1.1.0")]})
    world.index.refresh()
    assert world.index.facts(release("1.1.0")).listed_digest is not None
    world.served.storage = older
    assert world.refused() == "index-rollback"
    assert world.index.facts(release("1.1.0")).listed_digest is not None
    assert world.client().facts(release("1.1.0")).snapshot_version == 3


def test_an_older_index_is_refused_also_when_the_cache_was_lost(world: World) -> None:
    older = deepcopy(world.storage)
    world.repository.put({DATES: [listing("1.0.0"), listing("1.1.0")]})
    world.index.refresh()
    for path in (world.directory / "metadata").glob("*.json"):
        path.unlink()
    world.served.storage = older
    assert world.refused() == "index-rollback"


def test_a_frozen_index_is_refused(tmp_path: Path) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=2)
    world = World(tmp_path, clock=lambda: long_ago)
    assert world.refused() == "index-expired"
    Repository(world.storage, world.keys.online(), origin=ORIGIN).renew()
    assert world.index.refresh().snapshot_version == 2


def test_files_of_two_states_are_refused(world: World) -> None:
    world.index.refresh()
    older = world.storage.latest("packs.acme.dates")
    world.repository.put({DATES: [listing("1.0.0"), listing("1.1.0")]})
    world.served.replaced["2.packs.acme.dates.json"] = older
    world.index.refresh()
    with pytest.raises(IndexRefused) as refused:
        world.index.facts(release("1.1.0"))
    assert refused.value.code == "index-rollback"


def test_another_signer_is_refused(world: World) -> None:
    other = World(world.directory.parent / "other")
    world.served.replaced["timestamp.json"] = other.storage.latest("timestamp")
    assert world.refused() == "index-signature"


def test_one_changed_byte_is_refused(world: World) -> None:
    body = world.storage.read("packs.acme.dates", 1)
    assert body is not None
    world.served.replaced["1.packs.acme.dates.json"] = body.replace(b'"length":700', b'"length":701')
    world.index.refresh()
    with pytest.raises(IndexRefused) as refused:
        world.index.facts(release("1.0.0"))
    assert refused.value.code == "index-signature"
    world.served.replaced["1.packs.acme.dates.json"] = b"{"
    with pytest.raises(IndexRefused) as refused:
        world.index.facts(release("1.0.0"))
    assert refused.value.code == "index-malformed"


def test_a_version_given_to_other_content_is_refused_even_under_valid_signatures(world: World) -> None:
    world.index.refresh()
    world.index.facts(release("1.0.0"))
    forged = MemoryStorage()
    swapped, _, _ = make(world.keys, storage=forged)
    forged.metadata["root"] = world.storage.metadata["root"]
    forged.metadata["targets"] = world.storage.metadata["targets"]
    for _ in range(3):  # whoever holds the online keys can go ahead of what was seen
        swapped.put(
            {DATES: [listing("1.0.0", digest="sha256:" + "f" * 64, status=status) for status in (Status.LISTED,)]}
        )
        swapped.put({DATES: [listing("1.0.0", digest="sha256:" + "f" * 64, status=Status.YANKED)]})
    world.served.storage = forged
    world.index.refresh()
    with pytest.raises(IndexRefused, match="versions never change") as refused:
        world.index.facts(release("1.0.0"))
    assert refused.value.code == "index-rollback"


def test_the_index_of_one_origin_says_nothing_of_another(world: World) -> None:
    world.index.refresh()
    with pytest.raises(IndexRefused) as refused:
        world.index.facts(release("1.0.0", PackName("registry.globex.example", "acme", "dates")))
    assert refused.value.code == "index-origin"
    with pytest.raises(IndexRefused, match="was signed for") as refused:
        world.client(world.directory.parent / "fresh", origin="registry.globex.example").refresh()
    assert refused.value.code == "index-origin"


def test_a_new_root_is_followed_and_one_that_the_old_did_not_sign_is_not(world: World) -> None:
    world.index.refresh()
    stranger = Keys()
    forged = draft_root(world.root, expires=later(), add={"root": [k.public_key for k in stranger.root]})
    for signer in stranger.root:
        forged = sign(forged, signer, root=world.root)
    world.served.replaced["2.root.json"] = forged
    assert world.refused() == "index-signature"
    del world.served.replaced["2.root.json"]
    old, world.keys.timestamp = world.keys.timestamp, CryptoSigner.generate_ed25519()
    second = draft_root(
        world.root,
        expires=later(),
        add={"timestamp": [world.keys.timestamp.public_key]},
        remove={"timestamp": [old.public_key.keyid]},
    )
    for signer in world.keys.root:
        second = sign(second, signer, root=world.root)
    Repository(world.storage, world.keys.online(), origin=ORIGIN).install(roots=[second])
    assert world.index.refresh().root_version == 2


def test_a_stolen_and_replaced_timestamp_key_signs_nothing_that_is_believed(world: World) -> None:
    world.index.refresh()
    stolen, world.keys.timestamp = world.keys.timestamp, CryptoSigner.generate_ed25519()
    second = draft_root(
        world.root,
        expires=later(),
        add={"timestamp": [world.keys.timestamp.public_key]},
        remove={"timestamp": [stolen.public_key.keyid]},
    )
    for signer in world.keys.root:
        second = sign(second, signer, root=world.root)
    Repository(world.storage, world.keys.online(), origin=ORIGIN).install(roots=[second])
    body = world.storage.latest("timestamp")
    assert body is not None
    forged = Metadata.from_bytes(body)
    forged.signed.version = 99
    forged.sign(stolen)
    world.served.replaced["timestamp.json"] = forged.to_bytes()
    assert world.refused() == "index-signature"


def test_trust_roots_come_from_the_index(tmp_path: Path) -> None:
    content = b'{"trusted": "root"}'
    world = World(tmp_path, files={"trusted_root.json": content})
    world.index.refresh()
    assert world.index.file("trusted_root.json") == content
    with pytest.raises(IndexRefused, match=r"has no signing_config\.v0\.2\.json"):
        world.index.file("signing_config.v0.2.json")
    name = f"targets/{sha256(content).hexdigest()}.trusted_root.json"
    (tmp_path / "targets" / "trusted_root.json").unlink()
    world.served.replaced[name] = content.replace(b"root", b"boot")
    with pytest.raises(IndexRefused) as refused:
        world.index.file("trusted_root.json")
    assert refused.value.code == "index-signature"


def test_without_a_network_what_was_seen_is_used_until_it_ends(world: World) -> None:
    world.index.refresh()
    world.index.facts(release("1.0.0"))
    offline = Index(world.directory, None, world.root, origin=ORIGIN)
    assert offline.refresh().snapshot_version == 2
    assert offline.facts(release("1.0.0")).status == "listed"
    empty = Index(world.directory.parent / "empty", None, world.root, origin=ORIGIN)
    with pytest.raises(IndexRefused, match="import an air-gap file"):
        empty.facts(release("1.0.0"))


def test_expired_metadata_is_believed_only_under_a_waiver_that_is_kept_and_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    then = datetime.now(UTC) - timedelta(days=3)
    world = World(tmp_path, clock=lambda: then)
    world.served.storage = world.storage
    directory = tmp_path / "metadata"
    directory.mkdir()
    for role in ("timestamp", "snapshot", "targets", "packs", "packs.acme", "packs.acme.dates"):
        body = world.storage.latest(role)
        assert body is not None
        (directory / f"{role}.json").write_bytes(body)
    offline = Index(tmp_path, None, world.root, origin=ORIGIN)
    with pytest.raises(IndexRefused) as refused:
        offline.facts(release("1.0.0"))
    assert refused.value.code == "index-expired"
    offline.waive(
        Waiver("ship without a link", "ann", then + timedelta(hours=1), datetime.now(UTC) + timedelta(days=1))
    )
    assert "ship without a link" in caplog.text
    facts = offline.facts(release("1.0.0"))
    assert facts.waiver is not None
    assert "ann: ship without a link" in facts.waiver
    assert facts.expires < datetime.now(UTC)
    offline.waive(Waiver("it ended", "ann", then + timedelta(hours=1), datetime.now(UTC) - timedelta(seconds=1)))
    with pytest.raises(IndexRefused):
        offline.facts(release("1.0.0"))


def test_many_threads_share_one_index(world: World) -> None:
    world.index.refresh()
    found: list[object] = []

    def ask() -> None:
        world.client().refresh()
        found.append(world.index.facts(release("1.0.0")).listed_digest)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [listing("1.0.0").digest] * 8


def test_a_plain_tuf_client_finds_the_same_target(world: World, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    updater = Updater(str(tmp_path / "plain"), BASE, fetcher=world.served, bootstrap=world.root)
    info = updater.get_targetinfo(target(DATES, Version.parse("1.0.0")))
    assert info is not None
    assert f"sha256:{info.hashes['sha256']}" == listing("1.0.0").digest
    assert updater.get_targetinfo(target(DATES, Version.parse("2.0.0"))) is None


def test_a_snapshot_that_forgets_a_pack_is_refused(world: World) -> None:
    world.index.refresh()
    body = world.storage.latest("snapshot")
    assert body is not None
    snapshot = Metadata[Snapshot].from_bytes(body)
    del snapshot.signed.meta["packs.acme.dates.json"]
    snapshot.signed.version += 1
    snapshot.sign(world.keys.snapshot)
    world.storage.put("snapshot", snapshot.signed.version, snapshot.to_bytes())
    stamp = world.storage.latest("timestamp")
    assert stamp is not None
    timestamp = Metadata[Timestamp].from_bytes(stamp)
    timestamp.signed.version += 1
    timestamp.signed.snapshot_meta.version = snapshot.signed.version
    timestamp.sign(world.keys.timestamp)
    world.storage.put("timestamp", timestamp.signed.version, timestamp.to_bytes())
    assert world.refused() == "index-malformed"


def test_targets_of_another_origin_cannot_be_drafted_from_these(world: World) -> None:
    with pytest.raises(ValueError, match="an index never changes its origin"):
        draft_targets(world.storage.latest("targets"), origin="other.example", expires=later())
