"""Publications under way in the database: taking them in, who works on one, and keeping what a step made.

A worker holds a lease on a publication. It is renewed while the worker lives; a worker that was killed leaves it to run
out. Each holder has a higher fence than the one before, and nothing of a step is kept under an older fence, so two
never both complete one.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, or_, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from seglam.registry import audit
from seglam.registry.database import Database
from seglam.registry.leases import clock
from seglam.registry.publishing.publication import Publication, PublishProblem, Stated
from seglam.registry.tables import ProductRow, PublicationRow, PublicationState, ReservationRow, stamp

ARCHIVE = "archive"
OPEN_EACH = 64
"""Publications under way that one namespace may have."""
LONGEST_PAUSE_S = 60.0


class LeaseLost(Exception):
    """Another worker has taken the publication over; what this one made is not kept."""


@dataclass(frozen=True, slots=True)
class Work:
    """A publication that this worker holds, as it was when it took it or last kept a step.

    Attributes:
        products: what earlier steps made, without the archive.
    """

    publication: Publication
    fence: int
    attempts: int
    products: Mapping[str, bytes]
    trace: str | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What a step made, kept in one transaction.

    Attributes:
        state: where the publication stands then.
        stated: what was done, in order.
        products: to be kept for later steps.
        release: name, version and digest, from the step that reads them.
        also: what else is written in the same transaction.
        ends: whether nothing more is to do.
    """

    state: PublicationState
    stated: Sequence[Stated] = ()
    products: Mapping[str, bytes] = field(default_factory=dict)
    release: tuple[str, str, str] | None = None
    also: Callable[[Session], None] | None = None
    ends: bool = False


class Queue:
    """The publications of a database, for one process.

    Args:
        owner: name of this process.
        lease_s: seconds that a lease lasts without being renewed.
        give_up_s: seconds after which a publication that cannot be completed fails.
    """

    def __init__(self, database: Database, owner: str, *, lease_s: float, give_up_s: float) -> None:
        self.database = database
        self.owner = owner
        self._lease = timedelta(seconds=lease_s)
        self._give_up = timedelta(seconds=give_up_s)

    def submit(self, row: PublicationRow, archive: bytes) -> Publication:
        """Take a publication in, or find the one that it repeats. See `Publishing.submit`."""

        def taken(session: Session) -> Publication:
            now = stamp(clock(session))
            if row.key is not None and (known := _of_key(session, row)) is not None:
                return self._again(session, known, row, archive, now)
            _room(session, row)
            fresh = PublicationRow(**{**row.model_dump(), "id": secrets.token_hex(16), "due": now})
            fresh.created = fresh.changed = now
            session.add(fresh)
            session.flush()
            session.add(ProductRow(publication=fresh.id, kind=ARCHIVE, content=archive))
            return Publication.of(fresh)

        try:
            return self.database.transact(taken)
        except IntegrityError:
            # Another request of the same key came first, a moment ago.
            return self.database.transact(taken)

    def find(self, number: str) -> Publication | None:
        """A publication as it is now."""
        with self.database.read() as session:
            row = session.get(PublicationRow, number)
            return Publication.of(row) if row is not None else None

    def take(self, held: Collection[str] = ()) -> Work | None:
        """Take the publication that is due longest; None if none is due.

        Args:
            held: publications that this process works on. They are not taken, however late their leases are renewed:
                two workers of one process would take each from the other and neither would ever keep a step.
        """

        def taken(session: Session) -> Work | None:
            now = clock(session)
            row = session.exec(
                select(PublicationRow)
                .where(PublicationRow.open, col(PublicationRow.due) <= stamp(now), _free(stamp(now)))
                .where(col(PublicationRow.id).not_in(list(held)))
                .order_by(col(PublicationRow.due))
                .limit(1)
                .with_for_update(skip_locked=True)
            ).first()
            if row is None:
                return None
            row.owner, row.fence, row.until = self.owner, row.fence + 1, stamp(now + self._lease)
            session.add(row)
            kept = session.exec(
                select(ProductRow).where(ProductRow.publication == row.id, ProductRow.kind != ARCHIVE)
            ).all()
            products = {product.kind: product.content for product in kept}
            return Work(Publication.of(row), row.fence, row.attempts, products, row.trace)

        return self.database.transact(taken)

    def archive(self, work: Work) -> bytes:
        """The archive of a publication that is under way."""
        with self.database.read() as session:
            product = session.get(ProductRow, (work.publication.id, ARCHIVE))
            if product is None:
                raise LeaseLost
            return product.content

    def renew(self, held: Mapping[str, int]) -> None:
        """Renew the leases that this process holds, by the number of the publication and its fence."""

        def renewed(session: Session) -> None:
            until = stamp(clock(session) + self._lease)
            for number, fence in sorted(held.items()):
                session.connection().execute(
                    update(PublicationRow)
                    .where(col(PublicationRow.id) == number, col(PublicationRow.fence) == fence)
                    .where(col(PublicationRow.until).is_not(None))
                    .values(until=until)
                )

        if held:
            self.database.transact(renewed)

    def keep(self, work: Work, done: Done) -> Work:
        """Keep what a step made. `LeaseLost` if another has taken over."""

        def kept(session: Session) -> Work:
            row = self._held(session, work)
            now = clock(session)
            if done.also is not None:
                done.also(session)
            for kind, content in done.products.items():
                session.merge(ProductRow(publication=row.id, kind=kind, content=content))
            if done.release is not None:
                row.name, row.version, row.digest = done.release
            row.state, row.problem, row.attempts = done.state, None, 0
            _state(row, done.stated)
            row.changed, row.until = stamp(now), stamp(now + self._lease)
            if done.ends:
                _end(session, row)
            session.add(row)
            products = {**work.products, **done.products}
            return Work(Publication.of(row), work.fence, 0, products, work.trace)

        return self.database.transact(kept)

    def stop(self, work: Work, problem: PublishProblem) -> Publication:
        """Keep why a publication does not go on: it fails, or is due again after a pause that doubles.

        That one was refused is an entry of the audit log.
        """

        def stopped(session: Session) -> Publication:
            row = self._held(session, work)
            now = clock(session)
            row.problem = json.dumps(problem.document())
            row.changed = stamp(now)
            row.attempts += 1
            published = row.state == PublicationState.PUBLISHED
            old = datetime.fromisoformat(row.created) + self._give_up < now
            if published or (problem.retriable and not old):
                pause = min(LONGEST_PAUSE_S, 0.25 * 2 ** min(row.attempts, 16))
                row.due, row.until, row.owner = stamp(now + timedelta(seconds=pause)), None, None
            else:
                row.state = PublicationState.FAILED
                _end(session, row)
                _told(session, row, problem)
            session.add(row)
            return Publication.of(row)

        return self.database.transact(stopped)

    def let_go(self, work: Work) -> None:
        """Leave a publication to whoever is next, at once."""

        def left(session: Session) -> None:
            row = self._held(session, work)
            row.until = row.owner = None
            session.add(row)

        self.database.transact(left)

    def reclaim(self) -> int:
        """Let go of all leases: for a database that only this process works on, after it was killed."""

        def freed(session: Session) -> int:
            result = session.connection().execute(
                update(PublicationRow).where(col(PublicationRow.open)).values(until=None, owner=None, due=stamp())
            )
            return result.rowcount

        return self.database.transact(freed)

    def _again(
        self, session: Session, known: PublicationRow, row: PublicationRow, archive: bytes, now: str
    ) -> Publication:
        same = (known.request_hash, known.origin, known.namespace) == (row.request_hash, row.origin, row.namespace)
        if not same:
            raise PublishProblem(
                "idempotency-key-reused",
                f"the Idempotency-Key was used for publication {known.id} of other content; take another key",
            )
        if known.state == PublicationState.FAILED:
            # It changed nothing, so the same request may find things otherwise now.
            _room(session, row)
            known.state, known.problem, known.steps, known.open = PublicationState.RECEIVED, None, "[]", True
            known.attempts, known.created, known.changed = 0, now, now
            session.add(ProductRow(publication=known.id, kind=ARCHIVE, content=archive))
        if known.open:
            known.due = now
            session.add(known)
        return Publication.of(known, replayed=True)

    def _held(self, session: Session, work: Work) -> PublicationRow:
        asked = select(PublicationRow).where(PublicationRow.id == work.publication.id).with_for_update()
        row = session.exec(asked).one()
        if row.fence != work.fence or not row.open or row.owner != self.owner:
            raise LeaseLost
        return row


def _of_key(session: Session, row: PublicationRow) -> PublicationRow | None:
    asked = select(PublicationRow).where(
        PublicationRow.issuer == row.issuer, PublicationRow.subject == row.subject, PublicationRow.key == row.key
    )
    return session.exec(asked.with_for_update()).first()


def _room(session: Session, row: PublicationRow) -> None:
    counted = select(func.count()).where(
        PublicationRow.open, PublicationRow.origin == row.origin, PublicationRow.namespace == row.namespace
    )
    if session.exec(counted.select_from(PublicationRow)).one() >= OPEN_EACH:
        raise PublishProblem(
            "too-many-publications",
            f"namespace {row.namespace} has {OPEN_EACH} publications under way; wait until some are done",
            status=429,
            retriable=True,
        )


def _free(now: str) -> ColumnElement[bool]:
    return or_(col(PublicationRow.until).is_(None), col(PublicationRow.until) < now)


def _state(row: PublicationRow, stated: Sequence[Stated]) -> None:
    """A step that was done again, after a kill, stands once in the list."""
    again = {step.name for step in stated}
    before = [step for step in json.loads(row.steps) if step["name"] not in again]
    row.steps = json.dumps(before + [step.document() for step in stated])


def _told(session: Session, row: PublicationRow, problem: PublishProblem) -> None:
    """The audit log's entry of a refusal: the code, since words may quote what the publisher wrote."""
    named = f"{row.name}@{row.version}" if row.name and row.version else f"{row.origin}/{row.namespace}"
    digest = {"digest": row.digest} if row.digest else {}
    audit.append(
        session,
        actor_issuer=row.issuer,
        actor_subject=row.subject,
        action="publication-refused",
        subject=named,
        detail={"publication": row.id, "code": problem.code, "archive": row.request_hash, **digest},
    )


def _end(session: Session, row: PublicationRow) -> None:
    row.open, row.until, row.owner = False, None, None
    connection = session.connection()
    connection.execute(delete(ReservationRow).where(col(ReservationRow.publication) == row.id))
    connection.execute(delete(ProductRow).where(col(ProductRow.publication) == row.id))
