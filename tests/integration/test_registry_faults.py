"""Publishing when things go wrong: processes killed, signing services down, slow or lying, replicas side by side."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from sqlalchemy import event
from sqlmodel import func, select

from seglam.packs.trust.roots import TrustRoot, TrustRootSpec
from seglam.packs.trust.signing import SigningFailed
from seglam.packs.trust.signing.key import KeySigner
from seglam.registry import audit
from seglam.registry.faults import DatabaseError, DatabaseFault
from seglam.registry.publishing.queue import LeaseLost, Queue, Work
from seglam.registry.publishing.steps import Steps
from seglam.registry.signing import ROOT, Signing
from seglam.registry.tables import (
    BlobRow,
    BundleRow,
    ChangeRow,
    ProductRow,
    PublicationRow,
    PublicationState,
    ReservationRow,
    VersionRow,
)
from tests.registries import ALICE, Desk, archive, desk, good_pack


def once_and_whole(made: Desk, count: int = 1) -> None:
    """So many versions are published, each with everything and once, and nothing is left of the way there."""
    with made.database.read() as session:
        assert session.exec(select(func.count()).select_from(VersionRow)).one() == count
        assert session.exec(select(func.count()).select_from(ChangeRow)).one() == count
        assert session.exec(select(func.count()).select_from(BundleRow)).one() == 3 * count
        assert audit.verify(session).whole
        assert session.exec(select(ProductRow)).all() == []
        assert session.exec(select(ReservationRow)).all() == []


def nothing_published(made: Desk) -> None:
    with made.database.read() as session:
        for table in (VersionRow, BlobRow, BundleRow, ChangeRow):
            assert session.exec(select(table)).all() == [], table


class Counting:
    """A signer that counts, and fails where it is told to."""

    @property
    def mode(self) -> Literal["Key"]:
        return "Key"

    def __init__(self, fails: Callable[[int], Exception | None] = lambda _: None) -> None:
        self.own = KeySigner.generate()
        self.identity = self.own.identity
        self.calls = 0
        self._fails = fails
        self._lock = threading.Lock()

    def sign(self, statement: bytes) -> bytes:
        with self._lock:
            self.calls += 1
            number = self.calls
        if (failure := self._fails(number)) is not None:
            raise failure
        return self.own.sign(statement)


def signing_by(signer: Counting) -> Signing:
    """The registry's signature by a signer with a key."""
    root = TrustRoot(ROOT, TrustRootSpec(keys=[signer.own.public]))
    return Signing(signer, root, lambda: signer.identity)


@contextmanager
def limited(made: Desk) -> Iterator[None]:
    """The database cannot grow within the block."""

    def limit(connection: Any, *_: object) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")

    engine = made.database.engine
    event.listen(engine, "checkout", limit)
    try:
        yield
    finally:
        event.remove(engine, "checkout", limit)
        engine.dispose()


def test_a_signature_that_fails_is_made_again_and_no_other(database_url: str, tmp_path: Path) -> None:
    """The second signature fails twice; the first is not made again, since it is kept."""

    def fails(number: int) -> Exception | None:
        down = SigningFailed("log-down", "the log does not answer", retriable=True)
        return down if number in (2, 3) else None

    signer = Counting(fails)
    with desk(database_url, tmp_path / "data", signing=signing_by(signer)) as made:
        made.claim(ALICE)
        made.publishing.start()
        taken = made.publishing.submit(archive(good_pack()), ALICE)
        found = made.publishing.wait(taken.id, 60)
        assert found is not None and found.state is PublicationState.PUBLISHED
        assert signer.calls == 4
        once_and_whole(made)


def test_what_cannot_be_signed_in_time_is_given_up_and_frees_its_version(database_url: str, tmp_path: Path) -> None:
    down = SigningFailed("authority-down", "nobody answers", retriable=True)
    repaired = threading.Event()
    signer = Counting(lambda _: None if repaired.is_set() else down)
    body = archive(good_pack())
    with desk(database_url, tmp_path / "data", signing=signing_by(signer), give_up_s=0.2) as made:
        made.claim(ALICE)
        made.publishing.start()
        taken = made.publishing.submit(body, ALICE, key="once")
        found = made.publishing.wait(taken.id, 60)
        assert found is not None and found.state is PublicationState.FAILED
        assert found.problem is not None and found.problem["code"] == "signing-authority-down"
        nothing_published(made)
        repaired.set()
        again = made.publishing.submit(body, ALICE, key="once")
        assert again.id == taken.id
        found = made.publishing.wait(taken.id, 60)
        assert found is not None and found.state is PublicationState.PUBLISHED
        once_and_whole(made)


def test_who_lost_the_lease_keeps_nothing(database_url: str, tmp_path: Path) -> None:
    with desk(database_url, tmp_path / "data", lease_s=0.05) as made:
        made.claim(ALICE)
        taken = made.publishing.submit(archive(good_pack()), ALICE)
        slow = made.queue.take()
        assert slow is not None and slow.publication.id == taken.id
        threading.Event().wait(0.1)
        other = made.queue.take()
        assert other is not None and other.fence > slow.fence
        with pytest.raises(LeaseLost):
            Steps(made.tools, made.queue).step(slow)
        steps = Steps(made.tools, made.queue)
        while not other.publication.settled:
            other = steps.step(other)
        once_and_whole(made)


class Slow(Steps):
    """Takes several times as long for its second step as a lease lasts."""

    def step(self, work: Work) -> Work:
        if work.publication.state is PublicationState.VERIFIED:
            threading.Event().wait(1.5)
        return super().step(work)


def test_who_is_slow_and_alive_keeps_the_lease(database_url: str, tmp_path: Path) -> None:
    signer = Counting()
    with ExitStack() as opened:
        desks = [
            opened.enter_context(
                desk(database_url, tmp_path / "data", signing=signing_by(signer), steps=Slow, workers=1, lease_s=0.6)
            )
            for _ in range(2)
        ]
        desks[0].claim(ALICE)
        for each in desks:
            each.publishing.start()
        taken = desks[0].publishing.submit(archive(good_pack()), ALICE)
        found = desks[1].publishing.wait(taken.id, 60)
        assert found is not None and found.state is PublicationState.PUBLISHED
        assert signer.calls == 2
        with desks[0].database.read() as session:
            assert [row.fence for row in session.exec(select(PublicationRow))] == [1]
        once_and_whole(desks[0])


def test_workers_of_one_process_take_nothing_from_each_other(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a busy machine lets no lease be renewed in time, and each step takes longer than a lease."""
    monkeypatch.setattr(Queue, "renew", lambda *_: None)
    signer = Counting()
    with desk(database_url, tmp_path / "data", signing=signing_by(signer), steps=Slow, workers=3, lease_s=0.1) as made:
        made.claim(ALICE)
        made.publishing.start()
        taken = made.publishing.submit(archive(good_pack()), ALICE)
        found = made.publishing.wait(taken.id, 60)
        assert found is not None and found.state is PublicationState.PUBLISHED
        with made.database.read() as session:
            assert [row.fence for row in session.exec(select(PublicationRow))] == [1]
        assert signer.calls == 2


@pytest.mark.parametrize("replicas", [1, 3])
def test_32_publishers_at_once_lose_nothing(request: pytest.FixtureRequest, tmp_path: Path, replicas: int) -> None:
    """On SQLite in one process, on PostgreSQL with three replicas; nothing is signed twice."""
    if replicas == 1:
        url = f"sqlite:///{tmp_path / 'registry.sqlite3'}"
    else:
        url = request.getfixturevalue("postgres").create()
    signer = Counting()
    with ExitStack() as opened:
        desks = [
            opened.enter_context(desk(url, tmp_path / "data", signing=signing_by(signer), workers=2))
            for _ in range(replicas)
        ]
        desks[0].claim(ALICE)
        for each in desks:
            each.publishing.start()
        bodies = [archive(good_pack(f"1.{number}.0")) for number in range(32)]

        def published(number: int) -> PublicationState:
            # A publisher asks another replica how far it is than the one that took its archive.
            taken = desks[number % replicas].publishing.submit(bodies[number], ALICE, key=str(number))
            found = desks[(number + 1) % replicas].publishing.wait(taken.id, 120)
            assert found is not None
            return found.state

        with ThreadPoolExecutor(32) as crowd:
            states = list(crowd.map(published, range(32)))
        assert states == [PublicationState.PUBLISHED] * 32
        once_and_whole(desks[0], 32)
        assert signer.calls == 64
        with desks[0].database.read() as session:
            versions = {row.version for row in session.exec(select(ChangeRow))}
            assert versions == {f"1.{number}.0" for number in range(32)}


def test_a_database_that_is_full_keeps_the_publication_waiting(tmp_path: Path) -> None:
    """SQLite's own limit of pages stands for a disk without room."""
    with desk(f"sqlite:///{tmp_path / 'registry.sqlite3'}", tmp_path / "data") as made:
        made.claim(ALICE)
        taken = made.publishing.submit(archive(good_pack()), ALICE)
        with limited(made), pytest.raises(DatabaseError) as caught:
            work = made.queue.take()
            assert work is not None
            steps = Steps(made.tools, made.queue)
            while not work.publication.settled:
                work = steps.step(work)
        assert caught.value.fault is DatabaseFault.FULL
        nothing_published(made)
        made.queue.reclaim()
        made.publishing.start()
        found = made.publishing.wait(taken.id, 60)
        assert found is not None and found.state is PublicationState.PUBLISHED
        once_and_whole(made)
