"""Files that older releases wrote are brought up to date, as a whole or not at all."""

from __future__ import annotations

import gzip
import sqlite3
from pathlib import Path

import pytest

from seglam.gateway.store import Decision, Progress, State, Store, StoreError, authors_of
from seglam.gateway.store import migrations as steps
from seglam.gateway.store.tables import SCHEMA_VERSION
from tests.documents import document

STORES = Path(__file__).parents[1] / "stores"
PRINT = "fp1-" + "0" * 24


@pytest.fixture(params=[1, 2, 4])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[int, Path]:
    """A file of an older version, as that release left it."""
    path = tmp_path / "seglam.sqlite3"
    path.write_bytes(gzip.decompress((STORES / f"schema-{request.param}.sqlite3.gz").read_bytes()))
    return request.param, path


def version(path: Path) -> int:
    with sqlite3.connect(path) as file:
        return int(file.execute("PRAGMA user_version").fetchone()[0])


def shape(path: Path) -> set[tuple[str, str, str]]:
    """Tables with their columns, and indexes with what they are on."""
    with sqlite3.connect(path) as file:
        tables = [name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = set()
        for table in tables:
            for row in file.execute(f"SELECT name, type, pk FROM pragma_table_info('{table}')"):
                found.add((table, str(row[0]), f"{row[1]} {row[2]}"))
            for row in file.execute(f"SELECT name, \"unique\", partial FROM pragma_index_list('{table}')"):
                on = [each[0] for each in file.execute(f"SELECT name FROM pragma_index_info('{row[0]}')")]
                found.add((table, f"index on {', '.join(on)}", f"{row[1]} {row[2]}"))
    return found


def test_everything_old_is_the_default_tenants(old: tuple[int, Path]) -> None:
    number, path = old
    assert version(path) == number
    store = Store(path)
    try:
        assert version(path) == SCHEMA_VERSION
        assert store.tenants() == ["default"]
        assert sorted(row.name for row in store.active()) == ["double", "half"]
        (retired,) = store.revisions(State.RETIRED)
        (active,) = (row for row in store.active() if row.name == "double")
        assert active.replaces == retired.digest and authors_of(active) == ["ben", "model:m1"]
        assert [(each.reviewer, each.reason, each.trace_id) for each in store.reviews(retired.digest)] == [
            ("eve", "checked by hand", "3" * 32)
        ]
        waiting = ["third", "triple"] if number >= 2 else ["triple"]
        assert sorted(row.name for row in store.revisions(State.PROPOSED)) == waiting
        assert [each.reason for each in store.negatives()] == ["no code can know"]
        assert [row.id for row in store.interrupted] == ["c5"] and store.interrupted_of(PRINT) is not None
        assert [each.id for each in store.waiting("c5")] == ["r9"]
        assert [each.gate for each in store.evidence("c1")] == ["static"]
        assert {key[1:]: value for key, value in store.counters.totals().items()} == {
            ("double", "hits"): 7,
            ("double", "request_characters"): 70,
            ("", "misses"): 2,
        }
        assert [each.release for each in store.imported()] == (
            ["example.org/maths/halves@1.0.0"] if number >= 2 else []
        )
        assert store.files() == {"/srv/procedures/half.yaml"}
    finally:
        store.close()


def test_what_is_migrated_goes_on(old: tuple[int, Path]) -> None:
    _, path = old
    with_new = path.with_name("new.sqlite3")
    Store(with_new).close()
    store = Store(path)
    (waits,) = (row for row in store.revisions(State.PROPOSED) if row.name == "triple")
    assert store.decide(waits.digest, "eve", Decision.APPROVE, "fine").added is not None
    other = store.of("team-a")
    assert other.revisions() == [] and other.negatives() == [] and other.compilation("c1") is None
    assert other.evidence("c1") == [] and other.counters.totals() == {}
    (double,) = store.revisions(State.ACTIVE, "double")
    promoted = store.promote(double.digest, "team-a", "zoe")
    assert promoted is not None and authors_of(promoted) == ["ben", "model:m1", "zoe"]
    other.decide(double.digest, "eve", Decision.APPROVE, "fine here too")
    store.counters.add({"hits": 1}, "double")
    store.close()

    again = Store(path)
    assert [row.name for row in again.of("team-a").active()] == ["double"], "the same digest, once for each tenant"
    assert sum(value for key, value in again.counters.totals().items() if key[1:] == ("double", "hits")) == 8
    assert again.interrupted == [] or {row.progress for row in again.interrupted} == {Progress.INTERRUPTED}
    again.close()
    assert shape(path) == shape(with_new), "a migrated file has the tables of a new one"


def test_a_migration_that_fails_leaves_the_old_file(old: tuple[int, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    number, path = old
    before = shape(path)

    def fail(_: object) -> None:
        raise sqlite3.DatabaseError("the power is gone")

    monkeypatch.setattr(steps, "_add_columns", fail)
    with pytest.raises(StoreError):
        Store(path)
    assert (version(path), shape(path)) == (number, before)
    monkeypatch.undo()
    store = Store(path)
    assert len(store.active()) == 2
    store.place("/srv/procedures/other.yaml", document())
    store.close()
