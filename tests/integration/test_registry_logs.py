"""The audit log and the feed of changes: nothing is altered or lost unseen, on both databases."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import rfc8785
from sqlalchemy import text
from sqlmodel import Session

from seglam.packs.trust.bundles import opened
from seglam.packs.trust.decision import Refused
from seglam.packs.trust.examination import authentic
from seglam.packs.trust.roots import TrustRoot, TrustRootSpec
from seglam.packs.trust.signing.key import KeySigner
from seglam.registry import audit, changes, migrations
from seglam.registry.api.edge import Metrics
from seglam.registry.database import Database
from seglam.registry.log_audit import LogAudit, LogsDiffer
from seglam.registry.tables import AuditRow, AuditSignatureRow, HeadRow
from tests.registry_http import ADMIN, API, Site, serving

WRITERS, EACH = 8, 6


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    made = Database(database_url)
    migrations.upgrade(made)
    yield made
    made.close()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("site")
    url = f"sqlite:///{directory / 'registry.sqlite3'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres").create()
    with serving(url, directory) as made:
        yield made


def written(session: Session, number: int) -> None:
    """An entry and a change."""
    audit.append(
        session,
        actor_issuer="https://issuer.example",
        actor_subject="alice",
        action="did",
        subject=f"thing {number} “é”\n\x7f",
        detail={"number": number, "words": ["ä", "\u2028", '"\\/']},
    )
    changes.append(session, kind="published", name=f"a/b/c{number}")


ENTRIES = 9
TAMPERING = [
    ("UPDATE audit SET subject = 'another' WHERE seq = 4", {"altered"}),
    ("UPDATE audit SET detail = '{}' WHERE seq = 4", {"altered"}),
    ("UPDATE audit SET time = '2020-01-01T00:00:00.000000Z' WHERE seq = 9", {"altered"}),
    ("UPDATE audit SET actor_subject = 'bob' WHERE seq = 1", {"altered"}),
    ("UPDATE audit SET previous = hash WHERE seq = 5", {"chain", "altered"}),
    ("DELETE FROM audit WHERE seq = 4", {"gap"}),
    ("DELETE FROM audit WHERE seq = 1", {"gap"}),
    ("DELETE FROM audit WHERE seq = 9", {"end"}),
    ("DELETE FROM audit", {"end"}),
]


def tampered(session: Session, statement: str) -> None:
    session.connection().execute(text(statement))


class Undo(Exception):
    """Ends a transaction that is not to be kept."""


class TestTheAuditLogTellsOfTampering:
    @pytest.fixture
    def log(self, database: Database) -> Database:
        for number in range(ENTRIES):
            database.transact(partial(written, number=number))
        return database

    def found(self, log: Database, tamper: Callable[[Session], None]) -> set[str]:
        """What is found after somebody who can write the database did something."""
        with pytest.raises(Undo), log.write() as session:
            tamper(session)
            session.flush()
            session.expire_all()
            verdict = audit.verify(session)
            raise Undo
        return {finding.code for finding in verdict.findings}

    def test_an_entry_that_is_altered_or_removed_is_found(self, log: Database) -> None:
        for statement, expected in TAMPERING:
            assert self.found(log, partial(tampered, statement=statement)) == expected
        with log.read() as session:
            verdict = audit.verify(session)
            assert verdict.whole and verdict.checked == ENTRIES, "and one that nobody touched is whole"

    def test_a_log_that_was_written_anew_is_found_by_a_signed_head(self, log: Database) -> None:
        """Whoever can write the database can make all hashes fit, and the head, but not the registry's signature."""

        def forge(session: Session) -> None:
            last = session.get_one(AuditRow, ENTRIES)
            session.add(AuditSignatureRow(seq=ENTRIES, hash=last.hash, time="t", bundle=b"{}"))
            previous = audit.FIRST
            for seq in range(1, ENTRIES + 1):
                row = session.get_one(AuditRow, seq)
                row.previous = previous
                row.actor_subject = "mallory" if seq == 2 else row.actor_subject
                row.hash = previous = audit.Entry.of(row).computed()
                session.add(row)
            head = session.get_one(HeadRow, "audit")
            head.hash = previous
            session.add(head)

        assert self.found(log, forge) == {"head"}

    def test_the_registry_finds_it_itself_and_says_so_until_it_is_mended(self, log: Database) -> None:
        looking = LogAudit(log, None)
        looking.look()
        assert looking.well() and looking.ended
        metrics = Metrics()
        metrics.watch(looking)

        def author(name: str) -> None:
            def write(session: Session) -> None:
                row = session.get_one(AuditRow, 2)
                row.actor_subject = name
                session.add(row)

            log.transact(write)

        author("mallory")
        with pytest.raises(LogsDiffer, match="entry 2"):
            looking.look()
        assert not looking.well()
        assert b"seglam_registry_log_audit_findings 1.0" in metrics.text()
        author("alice")
        looking.look()
        assert looking.well() and b"seglam_registry_log_audit_findings 0.0" in metrics.text()

    def test_a_part_is_checked_alone_by_hashes_over_rfc_8785(self, log: Database) -> None:
        with log.read() as session:
            part = audit.verify(session, since=3, limit=2)
            assert part.whole and (part.checked, part.last[0]) == (2, 5)
            assert [each.code for each in audit.verify(session, since=99).findings] == ["gap"]
            for entry in audit.entries(session, 0, 100):
                document = entry.document()
                previous, stated = document.pop("previous"), document.pop("hash")
                assert hashlib.sha256(previous.encode() + rfc8785.dumps(document)).hexdigest() == stated


class TestAnExportIsCheckedWithoutTheRegistry:
    @pytest.fixture
    def lines(self, site: Site) -> list[str]:
        site.exchange("somebody", "some-place")
        given = site.client.post(f"{API}/audit/heads", headers=site.token(ADMIN, "some-place", ["administer"]))
        assert given.status_code == 201, given.text
        site.exchange("somebody", "some-place")
        return site.client.get(f"{API}/audit/export").text.splitlines()

    def test_as_it_is(self, site: Site, lines: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        file = tmp_path / "audit.ndjson"
        file.write_text("\n".join(lines))
        assert audit.main([str(file)]) == 0
        assert f"{len([line for line in lines if 'entry' in json.loads(line)])} entries" in capsys.readouterr().out
        heads = [json.loads(line)["head"] for line in lines if "head" in json.loads(line)]
        assert heads
        for head in heads:
            envelope = opened(json.dumps(head["bundle"]).encode())
            authentic(envelope, site.registry.signing.root)
            said = json.loads(envelope.payload)
            assert said["subject"][0]["digest"]["sha256"] == head["hash"] == said["predicate"]["hash"]
            assert said["predicate"]["seq"] == head["seq"]

    @pytest.mark.parametrize(
        "change",
        [
            lambda lines: lines[1:],
            lambda lines: [*lines[:1], *lines[2:]],
            lambda lines: [lines[0].replace("token-issued", "token-refused"), *lines[1:]],
            lambda lines: [lines[1], lines[0], *lines[2:]],
            lambda lines: [*lines[:1], "{", *lines[1:]],
            lambda lines: [line for line in lines if "head" in json.loads(line)],
        ],
        ids=["first", "middle", "altered", "swapped", "broken", "heads-alone"],
    )
    def test_what_was_changed_in_it_is_found(
        self, lines: list[str], change: Callable[[list[str]], list[str]], tmp_path: Path
    ) -> None:
        file = tmp_path / "audit.ndjson"
        file.write_text("\n".join(change(lines)))
        assert audit.main([str(file)]) == 1

    def test_a_signature_of_another_registry_is_none(self, lines: list[str]) -> None:
        head = next(json.loads(line)["head"] for line in lines if "head" in json.loads(line))
        other = TrustRoot("other", TrustRootSpec(keys=[KeySigner.generate().public]))
        with pytest.raises(Refused):
            authentic(opened(json.dumps(head["bundle"]).encode()), other)

    def test_the_api_says_the_same(self, site: Site, lines: list[str]) -> None:
        verdict = site.client.get(f"{API}/audit/verify").json()
        assert verdict["whole"] and verdict["checked"] == sum("entry" in json.loads(line) for line in lines)
        page = site.client.get(f"{API}/audit", params={"limit": 2})
        assert page.json()["next"] == 2 and 'rel="next"' in page.headers["link"]
        assert page.json()["head"]["seq"] <= verdict["last"]
        following = site.client.get(page.links["next"]["url"]).json()
        assert [each["seq"] for each in following["items"]] == [3, 4]

    def test_only_an_administrator_signs_it(self, site: Site) -> None:
        refused = site.client.post(f"{API}/audit/heads", headers=site.token("somebody", "some-place"))
        assert refused.status_code == 403


def test_changes_have_no_gap_and_appear_in_order_while_many_write(database: Database) -> None:
    """A reader that goes on from the last serial which it saw has seen every change, whoever committed first."""
    seen: list[int] = []
    over = threading.Event()

    def write(writer: int) -> None:
        for number in range(EACH):
            database.transact(partial(written, number=writer * EACH + number))

    def follow() -> None:
        while True:
            last = over.is_set()
            with database.read() as session:
                found = [row.serial for row in changes.since(session, seen[-1] if seen else 0, 7)]
            seen.extend(found)
            if last and not found:
                return

    follower = threading.Thread(target=follow)
    writers = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    for thread in (follower, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    over.set()
    follower.join()
    assert seen == list(range(1, WRITERS * EACH + 1))
    with database.read() as session:
        assert audit.verify(session).whole
        assert changes.last(session) == WRITERS * EACH


def test_a_transaction_that_fails_leaves_no_gap(database: Database) -> None:
    database.transact(lambda session: written(session, 1))

    def fails(session: Session) -> None:
        written(session, 2)
        raise KeyError

    with pytest.raises(KeyError):
        database.transact(fails)
    database.transact(lambda session: written(session, 3))
    with database.read() as session:
        assert [row.serial for row in changes.since(session, 0, 10)] == [1, 2]
        assert audit.verify(session).checked == 2
