"""The savings ledger: exact over replicas, restarts, lost acknowledgements and kills, on both databases."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session

from seglam.gateway.faults import StoreError, StoreFault, unreachable
from seglam.gateway.ledger import Keeping, Ledger, LedgerAddressInvalid, Ledgerbase
from seglam.gateway.store import Store
from tests.postgres import Postgres

ROOT = Path(__file__).parents[2]


@pytest.fixture
def url(postgres: Postgres) -> str:
    return postgres.create()


@pytest.fixture(params=["sqlite", "postgresql"])
def keeping(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Keeping]:
    """The ledger's tables in a store's file, or in PostgreSQL."""
    if request.param == "sqlite":
        store = Store(tmp_path / "seglam.sqlite3")
        yield store.keeping
        store.close()
    else:
        base = Ledgerbase(request.getfixturevalue("url"))
        yield base
        base.close()


class Flaky:
    """A database whose answers get lost: before anything is written, or after."""

    def __init__(self, keeping: Keeping) -> None:
        self._keeping = keeping
        self.lose: str | None = None

    def write(self, work: Callable[[Session], Any]) -> Any:
        if self.lose == "before":
            raise unreachable("here", "test")
        result = self._keeping.write(work)
        if self.lose == "after":
            raise unreachable("here", "test")
        return result

    def read(self) -> AbstractContextManager[Session]:
        return self._keeping.read()


def sums(ledger: Ledger, tenant: str | None = None) -> dict[tuple[str, str, str], int]:
    return {(row[0], row[2], row[3]): value for row, value in ledger.totals(tenant).items()}


def test_replicas_and_tenants_are_told_apart_and_add_up(keeping: Keeping) -> None:
    first, second = Ledger(keeping, flush_s=None), Ledger(keeping, flush_s=None)
    first.of("a").add({"hits": 2}, "double")
    second.of("a").add({"hits": 3}, "double")
    second.of("b").add({"hits": 5}, "double")
    first.flush()
    second.flush()
    first.of("a").add({"hits": 7}, "double")  # not written yet: only its own replica knows
    assert sums(second) == {("a", "double", "hits"): 5, ("b", "double", "hits"): 5}
    assert sums(first, "a") == {("a", "double", "hits"): 12}
    assert list(first.of("b").totals().values()) == [5]
    assert first.of("b").totals(since="9999-01-01") == {} == first.of("a").totals(until="2000-01-01")
    first.close()
    second.close()
    again = Ledger(keeping, flush_s=None)
    assert sums(again, "a") == {("a", "double", "hits"): 12}


@pytest.mark.parametrize("lose", ["before", "after"])
def test_a_batch_whose_answer_was_lost_counts_once(keeping: Keeping, lose: str) -> None:
    flaky = Flaky(keeping)
    ledger = Ledger(flaky, flush_s=None)
    ledger.add("a", {"hits": 1})
    ledger.flush()
    flaky.lose = lose
    for count in (10, 100):
        ledger.add("a", {"hits": count})
        for _ in range(2):
            with pytest.raises(StoreError):
                ledger.flush()
    assert sums(ledger) == {("a", "", "hits"): 111}, "also while it is not known what was kept"
    flaky.lose = None
    ledger.flush()
    ledger.flush()
    assert sums(ledger) == {("a", "", "hits"): 111} == sums(Ledger(keeping, flush_s=None))


def test_past_days_of_all_replicas_become_one_row(keeping: Keeping) -> None:
    for _ in range(3):
        ledger = Ledger(keeping, flush_s=None)
        ledger.add("a", {"hits": 4}, "double")
        ledger.close()
    later = datetime.now(UTC) + timedelta(days=40)
    ledger.fold()
    with keeping.read() as session:
        assert len(session.connection().exec_driver_sql("SELECT * FROM ledger_counts").all()) == 3, "today stays"
    ledger.fold(later)
    ledger.fold(later)
    with keeping.read() as session:
        assert len(session.connection().exec_driver_sql("SELECT * FROM ledger_counts").all()) == 1
        assert session.connection().exec_driver_sql("SELECT * FROM ledger_batches").all() == []
    assert sums(ledger) == {("a", "double", "hits"): 12}


def test_replicas_that_are_killed_lose_no_more_than_their_last_batch(url: str) -> None:
    command = [sys.executable, "-m", "tests.ledger_replica", url]
    killed = [subprocess.Popen([*command, "0"], stdout=subprocess.PIPE, text=True, cwd=ROOT) for _ in range(2)]
    others = [subprocess.Popen([*command, "20"], stdout=subprocess.PIPE, text=True, cwd=ROOT)]
    said = [
        [each.stdout.readline() for _ in range(2 + 6 * number)] for number, each in enumerate(killed) if each.stdout
    ]
    for each in killed:
        each.kill()
    last: list[dict[str, int]] = []
    for each, lines in zip(killed, said, strict=True):
        rest, _ = each.communicate()
        last.append({"kept": 0, **{word: int(n) for word, n in map(str.split, [*lines, *rest.splitlines()])}})
    for each in others:
        each.communicate()
        assert each.returncode == 0
    base = Ledgerbase(url)
    found = sums(Ledger(base, flush_s=None))
    hits = found[("team-a", "double", "hits")]
    kept = 20 * 50 + sum(each["kept"] for each in last)
    assert kept <= hits <= 20 * 50 + sum(each["counted"] for each in last)
    assert all(0 <= each["counted"] - each["kept"] <= 50 for each in last) and all(each["kept"] for each in last)
    assert hits % 50 == 0, "a batch is kept as a whole or not at all"
    assert found[("team-b", "double", "hits")] == hits
    assert found[("team-a", "double", "answer_characters")] == 3 * hits
    base.close()


def test_replicas_that_start_together_make_the_tables_once(url: str) -> None:
    bases = [Ledgerbase(url) for _ in range(8)]
    ledgers = [Ledger(base, flush_s=None) for base in bases]
    for ledger in ledgers:
        ledger.add("a", {"hits": 1})
    with ThreadPoolExecutor(8) as together:
        list(together.map(Ledger.flush, ledgers))
    assert sums(ledgers[0]) == {("a", "", "hits"): 8}
    for base in bases:
        base.close()


def test_a_database_that_does_not_answer_is_named_without_its_password() -> None:
    base = Ledgerbase("postgresql://seglam:secret@127.0.0.1:1/ledger")
    ledger = Ledger(base, flush_s=None)
    ledger.add("a", {"hits": 1})
    with pytest.raises(StoreError, match=r"127\.0\.0\.1:1/ledger does not answer") as failed:
        ledger.flush()
    assert failed.value.fault is StoreFault.UNREACHABLE and "secret" not in str(failed.value)
    base.close()


@pytest.mark.parametrize("address", ["", "nothing", "sqlite:///x", "mysql://u:secret@h/d", "postgresql://h"])
def test_addresses_that_cannot_be_used(address: str) -> None:
    with pytest.raises(LedgerAddressInvalid, match="SEGLAM_LEDGER_URL") as failed:
        Ledgerbase(address)
    assert "secret" not in str(failed.value)
