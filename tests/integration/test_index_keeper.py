"""The registry's keeping of its index: derived from the database, by several processes, through faults."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import col, select, update
from tuf.api.metadata import Metadata, Snapshot, Targets

from seglam.packs.index.errors import IndexConflict, IndexNotReady
from seglam.packs.index.layout import Status
from seglam.packs.names import PackName
from seglam.packs.versions import Version
from seglam.registry.database import Database
from seglam.registry.indexing import setup
from seglam.registry.indexing.keeper import Keeper
from seglam.registry.indexing.storage import SessionStorage
from seglam.registry.migrations import upgrade
from seglam.registry.tables import IndexMetadataRow, VersionRow, VersionState
from tests.index_rows import publish

ORIGIN = "registry.acme.example"
DATES = PackName(ORIGIN, "acme", "dates")


def listed(keeper: Keeper, database: Database, name: PackName) -> dict[str, Status]:
    with database.read() as session:
        found = keeper._repository(session)[0].listings(name)
    return {str(version): one.status for version, one in found.items()}


def consecutive(database: Database) -> None:
    """Versions of every role follow each other without a gap."""
    with database.read() as session:
        roles: dict[str, list[int]] = {}
        for role, version in session.exec(select(IndexMetadataRow.role, IndexMetadataRow.version)):
            roles.setdefault(role, []).append(version)
    for role, versions in roles.items():
        assert sorted(versions) == list(range(1, len(versions) + 1)), role


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    setup.make_keys(tmp_path / "keys")
    return tmp_path / "keys"


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    made = Database(database_url)
    upgrade(made)
    yield made
    made.close()


def started(database: Database, keys: Path) -> Keeper:
    keeper = Keeper(database, origin=ORIGIN, keys=keys, every=3600)
    keeper.look(thorough=True)
    assert keeper.ready() is None
    return keeper


def test_what_was_published_is_listed_and_changes_of_state_follow(database: Database, keys: Path) -> None:
    keeper = started(database, keys)
    publish(database, DATES, "1.0.0")
    publish(database, DATES, "1.1.0")
    publish(database, PackName("registry.globex.example", "acme", "dates"), "9.0.0")
    assert keeper.update() == 1
    assert listed(keeper, database, DATES) == {"1.0.0": Status.LISTED, "1.1.0": Status.LISTED}
    with database.write() as session:
        session.exec(
            update(VersionRow).where(col(VersionRow.version) == "1.1.0").values(state=VersionState.YANKED.value)
        )
    assert keeper.update() == 1
    assert keeper.update() == 0
    assert listed(keeper, database, DATES) == {"1.0.0": Status.LISTED, "1.1.0": Status.YANKED}
    consecutive(database)


def test_a_deleted_version_keeps_its_digest_so_that_it_is_never_given_again(database: Database, keys: Path) -> None:
    keeper = started(database, keys)
    publish(database, DATES, "1.0.0")
    keeper.update()
    with database.write() as session:
        session.exec(update(VersionRow).values(state=VersionState.DELETED.value))
    keeper.update()
    assert listed(keeper, database, DATES) == {"1.0.0": Status.DELETED}
    with database.write() as session:
        session.exec(update(VersionRow).values(state=VersionState.AVAILABLE.value, digest="sha256:" + "0" * 64))
    with pytest.raises(IndexConflict, match="versions are immutable") as refused:
        keeper.update()
    assert refused.value.code == "index-digest-changed"
    assert listed(keeper, database, DATES) == {"1.0.0": Status.DELETED}


def test_a_published_version_that_never_reached_the_index_is_listed_at_the_next_start(
    database: Database, keys: Path
) -> None:
    started(database, keys)
    publish(database, DATES, "1.0.0")  # the process was killed here
    assert listed(started(database, keys), database, DATES) == {"1.0.0": Status.LISTED}


def test_metadata_restored_from_an_older_backup_is_completed(database: Database, keys: Path) -> None:
    keeper = started(database, keys)
    publish(database, DATES, "1.0.0")
    keeper.update()
    with database.write() as session:
        for row in session.exec(select(IndexMetadataRow).where(col(IndexMetadataRow.role).contains("/packs."))):
            session.delete(row)
        for row in session.exec(
            select(IndexMetadataRow).where(
                col(IndexMetadataRow.version) > 1, col(IndexMetadataRow.role) != f"{ORIGIN}/root"
            )
        ):
            session.delete(row)
    again = started(database, keys)
    assert listed(again, database, DATES) == {"1.0.0": Status.LISTED}


def test_many_publishers_and_replicas_lose_nothing(database: Database, keys: Path) -> None:
    keepers = [started(database, keys) for _ in range(3)]
    failures: list[BaseException] = []

    def publisher(number: int) -> None:
        try:
            name = DATES if number % 2 else PackName(ORIGIN, "acme", f"pack-{number}")
            publish(database, name, f"1.{number}.0")
            keepers[number % 3].update()
            assert f"1.{number}.0" in listed(keepers[0], database, name)
        except BaseException as error:  # noqa: BLE001  # shown below
            failures.append(error)

    threads = [threading.Thread(target=publisher, args=(number,)) for number in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(listed(keepers[0], database, DATES)) == 16
    consecutive(database)
    with database.read() as session:
        body = SessionStorage(session, ORIGIN).latest("snapshot")
    assert body is not None
    assert sum(name.count(".") == 3 for name in Metadata[Snapshot].from_bytes(body).signed.meta) == 17


def _publish_and_die(url: str, keys: Path, version: str, dies: str) -> None:
    database = Database(url)
    keeper = Keeper(database, origin=ORIGIN, keys=keys, every=3600)
    publish(database, DATES, version)
    if dies == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    put = SessionStorage.put

    def killed(storage: SessionStorage, role: str, number: int, body: bytes) -> None:
        put(storage, role, number, body)
        if role == dies:
            os.kill(os.getpid(), signal.SIGKILL)

    SessionStorage.put = killed  # type: ignore[assignment, method-assign]
    keeper.update()


@pytest.mark.parametrize("dies", ["before", "packs.acme.dates", "snapshot", "timestamp"])
def test_killed_at_any_step_the_next_start_repairs(
    database: Database, database_url: str, keys: Path, dies: str
) -> None:
    keeper = started(database, keys)
    publish(database, DATES, "1.0.0")
    keeper.update()
    process = multiprocessing.get_context("fork").Process(
        target=_publish_and_die, args=(database_url, keys, "1.1.0", dies)
    )
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert set(listed(keeper, database, DATES)) == {"1.0.0"}
    again = started(database, keys)
    assert set(listed(again, database, DATES)) == {"1.0.0", "1.1.0"}
    consecutive(database)


def test_root_and_targets_keep_themselves_where_their_keys_lie(database: Database, keys: Path) -> None:
    keeper = started(database, keys)
    publish(database, DATES, "1.0.0")
    keeper.update()
    in_a_year = datetime.now(UTC) + timedelta(days=200)
    later = Keeper(
        database, origin=ORIGIN, keys=keys, files={"trusted_root.json": b"{}"}, every=3600, clock=lambda: in_a_year
    )
    later.look(thorough=True)
    assert later.ready() is None
    with database.read() as session:
        states = {state.role: state for state in later._repository(session)[0].states()}
    assert (states["root"].version, states["targets"].version) == (2, 2)
    assert all(states[role].expires > in_a_year + timedelta(days=300) for role in ("root", "targets", "packs"))
    with database.read() as session:
        body = SessionStorage(session, ORIGIN).latest("packs.acme.dates")
    assert body is not None
    assert Metadata[Targets].from_bytes(body).signed.expires > in_a_year + timedelta(days=300)
    later.look()
    with database.read() as session:
        assert later._repository(session)[0].targets().signed.version == 2


def test_without_a_root_versions_wait(database: Database, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    keeper = Keeper(database, origin=ORIGIN, keys=tmp_path / "none", every=3600)
    publish(database, DATES, "1.0.0")
    keeper.look(thorough=True)
    problem = keeper.ready()
    assert problem is not None
    assert problem.code == "index-not-set-up"
    with pytest.raises(IndexNotReady, match=r"docs/keys\.md"):
        keeper.update()


def test_old_metadata_is_forgotten_but_not_roots_and_the_newest(database: Database, keys: Path) -> None:
    keeper = started(database, keys)
    for minor in range(3):
        publish(database, DATES, f"1.{minor}.0")
        keeper.update()
    in_three_days = datetime.now(UTC) + timedelta(days=3)
    Keeper(database, origin=ORIGIN, keys=keys, every=3600, clock=lambda: in_three_days).look(thorough=True)
    with database.read() as session:
        storage = SessionStorage(session, ORIGIN)
        assert storage.read("root", 1) is not None
        assert storage.read("snapshot", 2) is None
        assert storage.latest("packs.acme.dates") is not None
        assert set(Keeper._repository(keeper, session)[0].listings(DATES)) == {
            Version.parse(f"1.{minor}.0") for minor in range(3)
        }


def test_a_key_file_that_cannot_be_read_is_said_and_ends_nothing(database: Database, keys: Path) -> None:
    keeper = started(database, keys)
    publish(database, DATES, "1.0.0")
    (keys / "packs.pem").write_text("no key")
    with pytest.raises(IndexNotReady, match=r"packs\.pem cannot be read as a private key"):
        keeper.update()
    problem = keeper.ready()
    assert problem is not None
    assert problem.code == "index-key-unreadable"
