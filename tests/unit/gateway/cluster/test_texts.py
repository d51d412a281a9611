"""The store of texts: bounded in size, time and by tenant, and a budget of tokens for each attempt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from seglam.gateway.cluster.texts import OVERHEAD, SHARE, Kept, StoreFull, Texts


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        self.now += 0.001  # no two texts are of one moment
        return self.now


def kept(name: str, tenant: str = "team", *, size: int = 100, attempt: int = 1) -> Kept:
    return Kept(name, attempt, tenant, "f" * 32, "alice", "x" * size, "{}")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def texts(tmp_path: Path, clock: Clock) -> Iterator[Texts]:
    made = Texts(tmp_path / "data" / "texts.sqlite3", ttl_s=60, limit=SHARE * 10 * (OVERHEAD + 102), clock=clock)
    yield made
    made.close()


def test_a_text_is_kept_until_it_expires_and_then_is_gone_from_the_file(
    texts: Texts, clock: Clock, tmp_path: Path
) -> None:
    secret = Kept("rpc-1", 1, "team", "f" * 32, "alice", '{"text":"the needle in the file"}', "{}")
    texts.keep(secret)
    assert texts.get("rpc-1") == secret
    clock.now += 61
    assert texts.get("rpc-1") is None
    texts.prune()
    texts.close()
    for file in (tmp_path / "data").iterdir():
        assert b"needle" not in file.read_bytes(), file.name
    assert oct((tmp_path / "data" / "texts.sqlite3").stat().st_mode & 0o777) == "0o600"


def test_another_attempt_takes_the_place_of_the_one_before_with_a_budget_of_its_own(texts: Texts) -> None:
    texts.keep(kept("rpc-1"))
    assert texts.spend("rpc-1", 90, 100)
    texts.keep(kept("rpc-1", attempt=2))
    found = texts.get("rpc-1")
    assert found is not None and found.attempt == 2
    assert texts.spent("rpc-1") == 0


def test_a_budget_is_never_overdrawn_and_what_was_not_used_comes_back(texts: Texts) -> None:
    texts.keep(kept("rpc-1"))
    assert texts.spend("rpc-1", 60, 100)
    assert not texts.spend("rpc-1", 41, 100)
    assert texts.spent("rpc-1") == 60
    assert texts.spend("rpc-1", -20, 100)
    assert texts.spend("rpc-1", 60, 100)
    assert texts.spent("rpc-1") == 100
    assert not texts.spend("rpc-2", 1, 100), "there is no such compilation"


def test_a_tenant_that_fills_its_share_loses_its_own_oldest_only(texts: Texts) -> None:
    texts.keep(kept("theirs", "another"))
    for number in range(12):
        texts.keep(kept(f"rpc-{number}"))
    assert [number for number in range(12) if texts.get(f"rpc-{number}")] == list(range(2, 12))
    assert texts.get("theirs") is not None
    with pytest.raises(StoreFull, match="a tenant may keep"):
        texts.keep(kept("large", size=100_000))
    assert texts.get("rpc-11") is not None


def test_a_full_store_refuses_rather_than_forgets_what_others_wait_for(texts: Texts, clock: Clock) -> None:
    for tenant in range(SHARE):
        for number in range(10):
            texts.keep(kept(f"{tenant}-{number}", f"team-{tenant}"))
    with pytest.raises(StoreFull, match="wait for their compilations already"):
        texts.keep(kept("late", "newcomer"))
    assert texts.get("0-0") is not None
    clock.now += 61
    texts.keep(kept("late", "newcomer"))
    assert texts.get("late") is not None


def test_texts_survive_a_restart_of_the_container(tmp_path: Path) -> None:
    for attempt in range(2):
        texts = Texts(tmp_path / "texts.sqlite3", ttl_s=60, limit=1 << 20)
        if attempt == 0:
            texts.keep(kept("rpc-1"))
            texts.spend("rpc-1", 5, 100)
        assert texts.get("rpc-1") is not None
        assert texts.spent("rpc-1") == 5
        texts.close()


def test_what_has_ended_is_forgotten_but_not_the_attempt_after_it(texts: Texts) -> None:
    texts.keep(kept("rpc-1"))
    texts.keep(kept("rpc-2", attempt=2))
    texts.forget({"rpc-1": 1, "rpc-2": 1, "rpc-3": 7})
    assert texts.get("rpc-1") is None
    assert texts.get("rpc-2") is not None
