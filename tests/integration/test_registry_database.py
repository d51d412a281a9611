"""The database itself: migrations, transactions, leases, and each thing that can be wrong with it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlmodel import Session, select

from seglam.registry import migrations
from seglam.registry.app import Registry
from seglam.registry.database import Database, Turns
from seglam.registry.faults import DatabaseError, DatabaseFault
from seglam.registry.leases import Leases
from seglam.registry.settings import Settings
from seglam.registry.tables import METADATA, HeadRow, LeaseRow, PackRow, TombstoneRow


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    made = Database(database_url)
    migrations.upgrade(made)
    yield made
    made.close()


def tombstone(version: str) -> TombstoneRow:
    return TombstoneRow(name="n", version=version, digest="", reason="", actor_issuer="", actor_subject="", at="")


def pack(name: str) -> PackRow:
    words = {"name": name, "origin": "o", "namespace": "n", "pack": name, "skeleton": name}
    empty = dict.fromkeys(("description", "licence", "newest", "created", "changed"), "")
    return PackRow.model_validate({**words, **empty})


class TestMigrations:
    def test_lead_from_nothing_to_what_the_models_say(self, database_url: str) -> None:
        database = Database(database_url)
        assert migrations.current(database) is None
        assert migrations.upgrade(database) == migrations.newest() == migrations.current(database)
        with database.engine.connect() as connection:
            options = {"compare_type": True, "compare_server_default": True}
            assert compare_metadata(MigrationContext.configure(connection, opts=options), METADATA) == []
        database.close()

    def test_are_done_once_by_replicas_that_start_together(self, database_url: str) -> None:
        databases = [Database(database_url) for _ in range(4)]
        with ThreadPoolExecutor(4) as crowd:
            assert set(crowd.map(migrations.upgrade, databases)) == {migrations.newest()}
        for database in databases:
            database.close()

    def test_of_a_later_release_are_refused(self, database: Database) -> None:
        with database.write() as session:
            session.connection().execute(text("UPDATE alembic_version SET version_num = '9999'"))
        with pytest.raises(DatabaseError, match="has schema 9999, this release knows") as caught:
            migrations.upgrade(database)
        assert caught.value.fault is DatabaseFault.NEWER

    def test_are_missed_by_their_name(self, database_url: str) -> None:
        database = Database(database_url)
        with pytest.raises(DatabaseError, match="never migrated"), database.read() as session:
            session.exec(select(HeadRow)).all()
        database.close()


class TestTransactions:
    def test_are_kept_whole_or_not_at_all(self, database: Database) -> None:
        def fails(session: Session) -> None:
            session.add(tombstone("1"))
            session.flush()
            raise RuntimeError("in the middle")

        with pytest.raises(RuntimeError):
            database.transact(fails)
        with database.read() as session:
            assert session.exec(select(TombstoneRow)).all() == []

    def test_that_read_cannot_write(self, database: Database) -> None:
        with pytest.raises((DatabaseError, OperationalError)), database.read() as session:
            session.add(tombstone("1"))
            session.flush()

    def test_that_read_see_one_state(self, database: Database) -> None:
        with database.read() as session:
            assert session.exec(select(TombstoneRow)).all() == []
            database.transact(lambda other: other.add(tombstone("1")))
            session.expire_all()
            assert session.exec(select(TombstoneRow)).all() == []

    def test_tell_that_a_name_is_taken(self, database: Database) -> None:
        database.transact(lambda session: session.add(tombstone("1")))
        with pytest.raises(IntegrityError):
            database.transact(lambda session: session.add(tombstone("1")))

    def test_that_lock_each_other_are_done_again(self, database: Database) -> None:
        """Two that take two rows in opposite order: on PostgreSQL one of them is a deadlock's victim."""
        database.transact(lambda session: session.add_all([HeadRow(sequence=name, seq=0) for name in "ab"]))
        both = threading.Barrier(2)
        met = threading.local()

        def counted(order: str) -> None:
            def work(session: Session) -> None:
                for number, name in enumerate(order):
                    row = session.exec(select(HeadRow).where(HeadRow.sequence == name).with_for_update()).one()
                    row.seq += 1
                    session.add(row)
                    session.flush()
                    if number == 0 and not database.sqlite and not getattr(met, "once", False):
                        met.once = True
                        both.wait(10)

            database.transact(work)

        with ThreadPoolExecutor(2) as crowd:
            list(crowd.map(counted, ["ab", "ba"]))
        with database.read() as session:
            assert [row.seq for row in session.exec(select(HeadRow))] == [2, 2]

    def test_many_writers_lose_nothing(self, database: Database) -> None:
        database.transact(lambda session: session.add(HeadRow(sequence="x", seq=0)))

        def add(_: int) -> None:
            def work(session: Session) -> None:
                row = session.exec(select(HeadRow).where(HeadRow.sequence == "x").with_for_update()).one()
                row.seq += 1
                session.add(row)

            database.transact(work)

        with ThreadPoolExecutor(16) as crowd:
            list(crowd.map(add, range(100)))
        with database.read() as session:
            assert session.exec(select(HeadRow)).one().seq == 100

    def test_writers_of_one_file_take_turns_in_the_order_in_which_they_came(self) -> None:
        turns, order = Turns(), []

        def take(number: int) -> None:
            with turns:
                order.append(number)

        threads = [threading.Thread(target=take, args=(number,)) for number in range(20)]
        with turns:
            for number, thread in enumerate(threads, 1):
                thread.start()
                while len(turns) < number:
                    pass
        for thread in threads:
            thread.join()
        assert order == list(range(20)) and len(turns) == 0

    def test_texts_sort_by_their_bytes(self, database: Database) -> None:
        names = ["ab", "a-b", "B", "a", "a~", "é", "z"]
        database.transact(lambda session: session.add_all([pack(name) for name in names]))
        with database.read() as session:
            found = session.exec(select(PackRow.name).order_by(PackRow.name)).all()
        assert found == sorted(names, key=str.encode)


class TestLeases:
    def test_are_held_by_one_and_end(self, database: Database) -> None:
        ours, theirs = Leases(database, "a", 30), Leases(database, "b", 30)
        fence = ours.take("work")
        assert fence is not None and theirs.take("work") is None
        ours.done("work", fence, well=True)
        assert theirs.take("work", every=3600) is None, "it was done a moment ago"
        assert theirs.take("work") == fence + 1

    def test_of_the_dead_are_taken_over(self, database: Database) -> None:
        dead, other = Leases(database, "a", 0.01), Leases(database, "b", 30)
        old = dead.take("work")
        assert old is not None
        threading.Event().wait(0.05)
        new = other.take("work")
        assert new == old + 1
        dead.done("work", old, well=True)
        with database.read() as session:
            row = session.get(LeaseRow, "work")
        assert row is not None and (row.owner, row.done) == ("b", None)


class TestSqlite:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        return tmp_path / "registry.sqlite3"

    @pytest.fixture
    def made(self, file: Path) -> Iterator[Database]:
        database = Database(f"sqlite:///{file}", busy_ms=50)
        migrations.upgrade(database)
        yield database
        database.close()

    def test_locked_by_another_program(self, file: Path, made: Database) -> None:
        with sqlite3.connect(file, isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(DatabaseError, match="another program holds") as caught:
                made.transact(lambda session: session.add(tombstone("1")))
            other.execute("ROLLBACK")
        assert caught.value.fault is DatabaseFault.LOCKED and caught.value.fault.passing
        made.transact(lambda session: session.add(tombstone("1")))

    def test_a_file_that_is_no_database(self, file: Path) -> None:
        file.write_bytes(b"no database at all, but long enough to be one" * 100)
        with pytest.raises(DatabaseError) as caught:
            migrations.upgrade(Database(f"sqlite:///{file}"))
        assert caught.value.fault is DatabaseFault.CORRUPT

    def test_a_damaged_page(self, file: Path, made: Database) -> None:
        made.transact(lambda session: session.add_all([tombstone(str(n) * 50) for n in range(500)]))
        made.close()
        with sqlite3.connect(file) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        content = bytearray(file.read_bytes())
        for page in range(4096 * 3, len(content), 4096):
            content[page : page + 64] = os.urandom(64)
        file.write_bytes(content)
        with pytest.raises(DatabaseError) as caught:
            migrations.upgrade(Database(f"sqlite:///{file}"))
        assert caught.value.fault is DatabaseFault.CORRUPT

    def test_a_database_of_another_program(self, file: Path) -> None:
        with sqlite3.connect(file) as connection:
            connection.execute("CREATE TABLE photographs (id INTEGER)")
        with pytest.raises(DatabaseError, match="its header is not ours"):
            migrations.upgrade(Database(f"sqlite:///{file}"))

    def test_a_directory_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(DatabaseError) as caught:
            Database(f"sqlite:///{tmp_path}/file/registry.sqlite3")
        assert caught.value.fault is DatabaseFault.DENIED

    def test_a_second_registry_on_one_file(self, tmp_path: Path) -> None:
        settings = Settings(data=tmp_path)
        first = Registry(settings)
        try:
            with pytest.raises(DatabaseError, match="another registry works on"):
                Registry(settings)
        finally:
            first.close()
        Registry(settings).close()


class TestPostgres:
    def test_that_nobody_serves(self) -> None:
        database = Database("postgresql://nobody@127.0.0.1:1/nothing")
        with pytest.raises(DatabaseError, match="cannot be reached") as caught:
            migrations.upgrade(database)
        assert caught.value.fault is DatabaseFault.UNAVAILABLE and caught.value.fault.passing

    def test_without_such_a_database(self, postgres: object) -> None:
        url = postgres.url("nothing")  # type: ignore[attr-defined]
        with pytest.raises(DatabaseError) as caught:
            migrations.upgrade(Database(url))
        assert caught.value.fault in (DatabaseFault.DENIED, DatabaseFault.UNAVAILABLE)

    def test_never_shows_its_password(self) -> None:
        database = Database("postgresql://somebody:secret@127.0.0.1:1/nothing")
        with pytest.raises(DatabaseError) as caught:
            migrations.upgrade(database)
        assert "secret" not in str(caught.value) and "secret" not in database.place


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://host/name", "sqlite://", "sqlite:///:memory:"])
def test_an_address_that_cannot_be_used(url: str) -> None:
    with pytest.raises(DatabaseError, match="give sqlite:"):
        Database(url)


def test_the_command_migrates_and_says_what_is_wrong(tmp_path: Path) -> None:
    def run(**environ: str) -> subprocess.CompletedProcess[str]:
        given = {**os.environ, "SEGLAM_REGISTRY_DATA": str(tmp_path), **environ}
        command = [sys.executable, "-m", "seglam.registry", "migrate"]
        return subprocess.run(command, env=given, capture_output=True, text=True, check=False)

    done = run()
    assert done.returncode == 0 and f"schema {migrations.newest()}" in done.stdout
    wrong = run(SEGLAM_REGISTRY_DATABASE="nonsense")
    assert wrong.returncode == 1
    assert wrong.stderr.startswith("seglam registry: ") and "Traceback" not in wrong.stderr
