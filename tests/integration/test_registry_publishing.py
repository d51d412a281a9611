"""Publishing: each step on both databases, in the real sandbox, with real signatures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import Session, select

from seglam.packs import oci
from seglam.packs.layout import Packed, tar_bytes
from seglam.packs.trust.predicates import Release
from seglam.registry import audit
from seglam.registry.publishing import Publication, PublishProblem, committing
from seglam.registry.publishing.committing import publish as committed
from seglam.registry.publishing.policy import signers
from seglam.registry.tables import (
    AuditRow,
    BlobRow,
    BundleRow,
    ChangeRow,
    MemberRow,
    NamespaceKeyRow,
    PackRow,
    ProductRow,
    PublicationState,
    ReservationRow,
    ReviewRow,
    TombstoneRow,
    VersionRow,
    VersionState,
    stamp,
)
from tests.registries import ALICE, BOB, ORIGIN, Desk, Person, archive, desk, doubling, good_pack, provenance, review


@pytest.fixture
def working(database_url: str, tmp_path: Path) -> Iterator[Desk]:
    with desk(database_url, tmp_path / "data") as made:
        made.claim(ALICE, BOB)
        made.publishing.start()
        yield made


def published(made: Desk, body: bytes, who: Person = ALICE, key: str | None = None) -> Publication:
    taken = made.publishing.submit(body, who, key=key)
    found = made.publishing.wait(taken.id, 60)
    assert found is not None
    return found


def code_of(publication: Publication) -> str:
    assert publication.state is PublicationState.FAILED, publication
    assert publication.problem is not None
    return str(publication.problem["code"])


def nothing_of(made: Desk, publication: Publication) -> None:
    """A publication that failed has left nothing but its own record."""
    with made.database.read() as session:
        for table in (VersionRow, PackRow, BlobRow, BundleRow, ChangeRow, ReservationRow, ProductRow):
            assert session.exec(select(table)).all() == [], table
        # And an entry of the audit log, which is how somebody who tries what is not theirs is seen.
        told = session.exec(select(AuditRow).where(AuditRow.action == "publication-refused")).all()
        assert [json.loads(each.detail)["code"] for each in told] == [code_of(publication)]
        assert {(each.actor_issuer, each.actor_subject) for each in told} == {(publication.issuer, publication.subject)}
        assert audit.verify(session).whole
    assert publication.final and publication.settled


class TestAPackIsPublished:
    def test_with_everything_that_belongs_to_it(self, working: Desk) -> None:
        pack = good_pack()
        found = published(working, archive(pack, ALICE, BOB.sign(pack, review(pack, "bob@acme.example"))))
        assert found.state is PublicationState.PUBLISHED, found.problem
        assert [step.name for step in found.steps] == [
            "read",
            "name",
            "gate",
            "verify",
            "sign-test-result",
            "sign-release",
            "commit",
        ]
        with working.database.read() as session:
            version = session.get(VersionRow, (str(pack.release.name), "1.0.0"))
            assert version is not None
            assert version.digest == pack.digest == found.digest
            kept = {row.digest: row.content for row in session.exec(select(BlobRow))}
            assert all(oci.digest_of(content) == digest for digest, content in kept.items())
            assert kept[pack.digest] == pack.manifest
            bundles = session.exec(select(BundleRow)).all()
            assert {row.predicate_type.rsplit("/", 2)[-2] for row in bundles} >= {"release", "test-result", "review"}
            assert len(bundles) == 4
            assert {row.referrer for row in bundles} <= set(kept)
            assert [row.reviewer_subject for row in session.exec(select(ReviewRow))] == [BOB.signer.identity]
            assert audit.verify(session).whole
            (change,) = session.exec(select(ChangeRow)).all()
            assert (change.kind, change.version, change.digest) == ("published", "1.0.0", pack.digest)
            assert session.exec(select(ProductRow)).all() == []
            assert session.exec(select(ReservationRow)).all() == []

    def test_and_the_newest_version_is_what_is_shown(self, working: Desk) -> None:
        for version in ("1.0.0", "1.10.0", "1.9.0", "2.0.0-rc.1"):
            assert published(working, archive(good_pack(version))).state is PublicationState.PUBLISHED
        with working.database.read() as session:
            (row,) = session.exec(select(PackRow)).all()
            assert (row.newest, row.versions) == ("2.0.0-rc.1", 4)
            ordered = select(VersionRow.version).order_by(VersionRow.position)
            assert session.exec(ordered).all() == ["1.0.0", "1.9.0", "1.10.0", "2.0.0-rc.1"]


class TestAVersionIsGivenOnce:
    def test_a_second_one_is_refused(self, working: Desk) -> None:
        published(working, archive(good_pack()))
        other = good_pack(documents=[doubling(summary="Another one.")])
        assert code_of(published(working, archive(other))) == "version-exists"

    def test_also_after_a_deletion(self, working: Desk) -> None:
        pack = good_pack()
        published(working, archive(pack))

        def deleted(session) -> None:  # type: ignore[no-untyped-def]
            row = session.get(VersionRow, (str(pack.release.name), "1.0.0"))
            row.state = VersionState.DELETED
            session.add(row)
            session.add(
                TombstoneRow(
                    name=row.name,
                    version=row.version,
                    digest=row.digest,
                    reason="by court order",
                    actor_issuer="",
                    actor_subject="",
                    at=stamp(),
                )
            )

        working.database.transact(deleted)
        refused = published(working, archive(pack))
        assert code_of(refused) == "version-exists"
        assert refused.problem is not None and "never given twice" in refused.problem["detail"]

    def test_of_two_at_once_one_is_published(self, working: Desk) -> None:
        bodies = [archive(good_pack(documents=[doubling(summary=f"Number {n}.")])) for n in range(6)]
        taken = [working.publishing.submit(body, ALICE) for body in bodies]
        ended = [working.publishing.wait(each.id, 60) for each in taken]
        states = sorted(str(each.state) for each in ended if each)
        assert states == ["failed"] * 5 + ["published"]
        codes = {code_of(each) for each in ended if each and each.state is PublicationState.FAILED}
        assert codes <= {"version-busy", "version-exists"}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
class TestWhatIsWrongIsRefused:
    def test_an_archive_that_is_none(self, working: Desk) -> None:
        refused = published(working, b"not a tar file")
        assert refused.problem is not None and refused.problem["status"] == 400
        nothing_of(working, refused)

    def test_another_namespace_than_the_tokens(self, working: Desk) -> None:
        eve = Person("eve@acme.example", namespace="evil")
        refused = published(working, archive(good_pack(), eve), eve)
        assert code_of(refused) == "namespace-foreign"
        nothing_of(working, refused)

    def test_somebody_who_is_no_publisher(self, working: Desk) -> None:
        assert code_of(published(working, archive(good_pack(), BOB), BOB)) == "role"

    def test_a_provenance_signed_by_another_key(self, working: Desk) -> None:
        pack = good_pack()
        refused = published(working, archive(pack, Person("alice@acme.example")))
        assert code_of(refused) == "key"
        nothing_of(working, refused)

    def test_a_provenance_of_another_version(self, working: Desk) -> None:
        other = good_pack("2.0.0")
        pack = good_pack()
        refused = published(working, tar_bytes([Packed(pack, (ALICE.sign(other, provenance(other)),))]))
        assert code_of(refused) in ("version", "subject", "digest")

    def test_no_provenance(self, working: Desk) -> None:
        assert code_of(published(working, tar_bytes([Packed(good_pack())]))) == "predicate-missing"

    def test_a_bundle_that_does_not_count(self, working: Desk) -> None:
        pack = good_pack()
        stranger = Person("mallory@acme.example")
        refused = published(working, archive(pack, ALICE, stranger.sign(pack, provenance(pack))))
        assert code_of(refused) == "bundle-refused"
        nothing_of(working, refused)

    def test_a_release_statement_by_the_publisher(self, working: Desk) -> None:
        pack = good_pack()
        forged = ALICE.sign(pack, Release(purl=pack.release.purl))
        assert code_of(published(working, archive(pack, ALICE, forged))) == "bundle-unwanted"

    def test_a_wrong_answer_with_the_gates_evidence(self, working: Desk) -> None:
        wrong = doubling(code="def solve(n):\n    return 3 * n\n")
        refused = published(working, archive(good_pack(documents=[wrong])))
        assert code_of(refused) == "tests-failed"
        assert refused.problem is not None
        gates = refused.problem["evidence"]["procedures"]["double"]["gates"]
        assert [gate["gate"] for gate in gates if not gate["passed"]] == ["examples"]
        nothing_of(working, refused)

    def test_malicious_code(self, working: Desk) -> None:
        bodies = {
            "network": "import socket\ndef solve(n):\n    return 2 * n\n",
            "process": "import os\ndef solve(n):\n    os.system('id')\n    return 2 * n\n",
            "endless": "def solve(n):\n    while True:\n        pass\n",
            "files": "def solve(n):\n    return 8 if len(open('/etc/passwd').read()) else n\n",
            "memory": "def solve(n):\n    return len([0] * 10 ** 9)\n",
            "chance": "import random\ndef solve(n):\n    return 2 * n\n",
            "builtins": "def solve(n):\n    return 2 * len(str(().__class__.__base__.__subclasses__())) * n\n",
        }
        limits = {"fuel": 50_000_000}
        documents = [doubling(name, code=code, limits=limits) for name, code in bodies.items()]
        refused = published(working, archive(good_pack(documents=[doubling("honest"), *documents])))
        assert code_of(refused) == "tests-failed"
        assert refused.problem is not None
        evidence = refused.problem["evidence"]["procedures"]
        assert {name for name, each in evidence.items() if each["passed"]} == {"honest"}
        nothing_of(working, refused)

    def test_two_procedures_that_take_one_request(self, working: Desk) -> None:
        one, two = doubling("double"), doubling("twice", patterns=("double {n}",), examples=[])
        refused = published(working, archive(good_pack(documents=[one, two])))
        assert code_of(refused) == "tests-failed"
        assert refused.problem is not None and "twice" in refused.problem["detail"]

    def test_a_name_that_looks_like_another(self, working: Desk) -> None:
        published(working, archive(good_pack(name="basics-1")))
        assert code_of(published(working, archive(good_pack(name="basics-l")))) == "name-look-alike"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
class TestReviews:
    @pytest.fixture
    def reviewed(self, database_url: str, tmp_path: Path) -> Iterator[Desk]:
        with desk(database_url, tmp_path / "data") as made:
            made.claim(ALICE, BOB, reviews=1)
            made.publishing.start()
            yield made

    def test_are_required_where_the_namespace_says_so(self, reviewed: Desk) -> None:
        pack = good_pack()
        assert code_of(published(reviewed, archive(pack))) == "predicate-missing"
        good = BOB.sign(pack, review(pack, "bob@acme.example"))
        assert published(reviewed, archive(pack, ALICE, good)).state is PublicationState.PUBLISHED

    def test_by_the_publisher_do_not_count(self, reviewed: Desk) -> None:
        pack = good_pack()
        own = ALICE.sign(pack, review(pack, "bob@acme.example"))
        assert published(reviewed, archive(pack, ALICE, own)).state is PublicationState.FAILED

    def test_that_reject_end_it(self, reviewed: Desk) -> None:
        pack = good_pack()
        no = BOB.sign(pack, review(pack, "bob@acme.example", "reject"))
        assert code_of(published(reviewed, archive(pack, ALICE, no))) == "rejected"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("mode", ["Key", "Keyless"])
@pytest.mark.parametrize(
    ("active_from", "removed", "counts"),
    [(-1, None, True), (1, None, False), (-1, 1, True), (-2, -1, False)],
    ids=["there", "about-to-come", "about-to-leave", "gone"],
)
def test_who_is_about_to_leave_reviews_until_then(
    database_url: str, tmp_path: Path, mode: str, active_from: int, removed: int | None, counts: bool
) -> None:
    def hours(number: int) -> str:
        return stamp(datetime.now(UTC) + timedelta(hours=number))

    with desk(database_url, tmp_path / "data") as made:
        made.claim(ALICE, BOB, mode=mode)

        def change(session: Session) -> None:
            for table in (MemberRow, NamespaceKeyRow):
                row = session.exec(select(table).where(table.subject == BOB.subject)).one()
                row.active_from, row.removed = hours(active_from), None if removed is None else hours(removed)
                session.add(row)

        made.database.transact(change)
        with made.database.read() as session:
            found = signers(session, ORIGIN, "acme", ALICE.issuer, ALICE.subject, stamp())
        assert len(found.reviewers) == counts and len(found.publisher) == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
class TestIdempotency:
    def test_one_key_is_one_publication(self, working: Desk) -> None:
        body = archive(good_pack())
        first = published(working, body, key="k")
        again = published(working, body, key="k")
        assert again.id == first.id and again.state is PublicationState.PUBLISHED

    def test_another_archive_under_the_key_is_refused(self, working: Desk) -> None:
        published(working, archive(good_pack()), key="k")
        with pytest.raises(PublishProblem) as caught:
            working.publishing.submit(archive(good_pack("2.0.0")), ALICE, key="k")
        assert caught.value.code == "idempotency-key-reused"

    def test_keys_of_others_are_others(self, working: Desk) -> None:
        first = published(working, archive(good_pack()), key="k")
        other = working.publishing.submit(archive(good_pack("2.0.0"), BOB), BOB, key="k")
        assert other.id != first.id

    def test_one_that_failed_is_tried_again(self, working: Desk) -> None:
        carol = Person("carol@acme.example")
        body = archive(good_pack(), carol)
        first = published(working, body, carol, key="k")
        assert code_of(first) == "role"
        working.join(carol, "publisher")
        again = published(working, body, carol, key="k")
        assert again.id == first.id and again.state is PublicationState.PUBLISHED


def test_nothing_is_half_written_when_the_last_transaction_fails(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything is written, and then it fails: nothing of it is there; the next attempt completes."""
    failures = [OSError("the disk is gone")]

    def failing(*arguments: object) -> None:
        committed(*arguments)  # type: ignore[arg-type]
        if failures:
            raise failures.pop()

    monkeypatch.setattr(committing, "publish", failing)
    with desk(database_url, tmp_path / "data") as made:
        made.claim(ALICE)
        made.publishing.start()
        found = published(made, archive(good_pack()))
        assert not failures
        assert found.state is PublicationState.PUBLISHED
        assert len(json.dumps(found.as_json())) > 0
