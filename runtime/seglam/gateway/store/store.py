"""What SEGLAM keeps on one machine: one SQLite file, read and changed through these methods only.

`Records` are those of one tenant; nothing in them shows or changes another's. `Store` is the file, and itself the
records of the default tenant, to whom watched directories and imported packs belong.

All methods block; none is called on an event loop or on the path of a hit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, func, tuple_
from sqlmodel import Session, col, select

from seglam.compiler import Compilation, Missed, Negative
from seglam.gateway.ledger import Account, Keeping, Ledger
from seglam.gateway.store import compilations, health, imports, revisions
from seglam.gateway.store.database import BUSY_MS, Database
from seglam.gateway.store.revisions import Change, Decision
from seglam.gateway.store.tables import (
    DEFAULT_TENANT,
    CallRow,
    CompilationRow,
    CounterexampleRow,
    EvidenceRow,
    HealthRow,
    ImportRow,
    Progress,
    ReviewRow,
    RevisionRow,
    SourceRow,
    Standing,
    State,
    WaitingRow,
)
from seglam.procedures import ReasoningProcedure


class Records:
    """What is kept of one tenant. `StoreError` from any method says what is wrong and what to do; then nothing was
    changed.

    Attributes:
        counters: the tenant's account in the ledger.
    """

    def __init__(self, database: Database, counters: Account) -> None:
        self._database = database
        self.counters = counters

    @property
    def tenant(self) -> str:
        """Whose records these are."""
        return self.counters.tenant

    # Revisions

    def active(self) -> list[RevisionRow]:
        """The revisions that are served."""
        return self.revisions(State.ACTIVE)

    def revisions(self, state: State | None = None, name: str | None = None) -> list[RevisionRow]:
        """Revisions of a state and a name, oldest first."""
        chosen = select(RevisionRow).where(RevisionRow.tenant == self.tenant)
        chosen = chosen.order_by(col(RevisionRow.created), col(RevisionRow.digest))
        if state is not None:
            chosen = chosen.where(RevisionRow.state == state)
        if name is not None:
            chosen = chosen.where(RevisionRow.name == name)
        with self._database.read() as session:
            return list(session.exec(chosen).all())

    def proposed(self, limit: int, after: str | None = None) -> list[RevisionRow]:
        """The revisions that wait for a decision, oldest first.

        Args:
            after: digest of the last that is known already, which need not wait any more; `LookupError` if it is of no
                revision of the tenant.
        """
        order = (col(RevisionRow.created), col(RevisionRow.digest))
        chosen = select(RevisionRow).where(RevisionRow.tenant == self.tenant, RevisionRow.state == State.PROPOSED)
        with self._database.read() as session:
            if after is not None:
                known = session.get(RevisionRow, (self.tenant, after))
                if known is None:
                    raise LookupError(after)
                chosen = chosen.where(tuple_(*order) > (known.created, known.digest))
            return list(session.exec(chosen.order_by(*order).limit(limit)).all())

    def count_proposed(self) -> int:
        """How many revisions wait for a decision."""
        waits = (RevisionRow.tenant == self.tenant, RevisionRow.state == State.PROPOSED)
        with self._database.read() as session:
            return session.exec(select(func.count()).select_from(RevisionRow).where(*waits)).one()

    def revision(self, digest: str) -> RevisionRow | None:
        """One revision."""
        with self._database.read() as session:
            return session.get(RevisionRow, (self.tenant, digest))

    def reviews(self, digest: str) -> list[ReviewRow]:
        """The decisions on a revision, oldest first."""
        with self._database.read() as session:
            chosen = select(ReviewRow).where(ReviewRow.tenant == self.tenant, ReviewRow.digest == digest)
            return list(session.exec(chosen.order_by(col(ReviewRow.id))).all())

    def approval(self, digest: str) -> ReviewRow | None:
        """The last approval of a revision. A revision that is gone back to often has many."""
        chosen = select(ReviewRow).where(
            ReviewRow.tenant == self.tenant, ReviewRow.digest == digest, ReviewRow.decision == Decision.APPROVE
        )
        with self._database.read() as session:
            return session.exec(chosen.order_by(col(ReviewRow.id).desc()).limit(1)).first()

    def decide(
        self, digest: str, reviewer: str, decision: Decision, reason: str, span: tuple[str, str] | None = None
    ) -> Change:
        """Record a decision; see `revisions.decide`. What was confirmed against a revision that is restored is
        overruled by that."""

        def work(session: Session) -> Change:
            change = revisions.decide(session, self.tenant, digest, reviewer, decision, reason, span)
            if decision is Decision.RESTORE:
                health.overrule(session, self.tenant, digest, reviewer, reason)
            return change

        return self._database.write(work)

    def promote(self, digest: str, tenant: str, promoter: str) -> RevisionRow | None:
        """Propose a revision to another tenant; see `revisions.promote`. None if there is none of that digest."""

        def work(session: Session) -> RevisionRow | None:
            source = session.get(RevisionRow, (self.tenant, digest))
            return None if source is None else revisions.promote(session, source, tenant, promoter)

        return self._database.write(work)

    def brought(self, digest: str) -> ImportRow | None:
        """The import that brought a revision last; packs are the default tenant's."""
        if self.tenant != DEFAULT_TENANT:
            return None
        with self._database.read() as session:
            return imports.brought(session, digest)

    # Life after admission

    def note_counterexample(self, row: CounterexampleRow) -> CounterexampleRow:
        """Keep a counterexample, or find the one that says the same."""
        return self._database.write(lambda session: health.note(session, row))

    def settle_counterexample(
        self, identity: str, standing: Standing, decided_by: str, said: str, **more: Any
    ) -> Change:
        """Decide on a counterexample; see `health.settle`."""
        return self._database.write(
            lambda session: health.settle(session, self.tenant, identity, standing, decided_by, said, **more)
        )

    def change_counterexample(self, identity: str, **changes: str | None) -> CounterexampleRow:
        """More is known of a counterexample; the row as it is then."""
        return self._database.write(lambda session: health.change(session, self.tenant, identity, changes))

    def counterexample(self, identity: str) -> CounterexampleRow | None:
        """One counterexample."""
        with self._database.read() as session:
            row = session.get(CounterexampleRow, identity)
            return row if row is not None and row.tenant == self.tenant else None

    def counterexamples(
        self, standing: Standing | None = None, digest: str | None = None, limit: int = 1_000
    ) -> list[CounterexampleRow]:
        """Counterexamples, newest first."""
        chosen = select(CounterexampleRow).where(CounterexampleRow.tenant == self.tenant)
        if standing is not None:
            chosen = chosen.where(CounterexampleRow.standing == standing)
        if digest is not None:
            chosen = chosen.where(CounterexampleRow.digest == digest)
        with self._database.read() as session:
            return list(session.exec(chosen.order_by(col(CounterexampleRow.created).desc()).limit(limit)).all())

    def count_health(self, digest: str, counts: Mapping[str, int]) -> HealthRow:
        """Add to a revision's counts of checks; the counts as they are then."""
        return self._database.write(lambda session: health.count(session, self.tenant, digest, counts))

    def count_healths(self, counted: Mapping[str, Mapping[str, int]]) -> None:
        """Add to the counts of several revisions, by digest, in one transaction."""

        def add(session: Session) -> None:
            for digest, counts in counted.items():
                health.count(session, self.tenant, digest, counts)

        self._database.write(add)

    def health(self, digest: str) -> HealthRow:
        """A revision's counts of checks."""
        with self._database.read() as session:
            row = session.get(HealthRow, (self.tenant, digest))
            return row or HealthRow(tenant=self.tenant, digest=digest, changed="")

    def healths(self) -> list[HealthRow]:
        """The counts of every revision that was checked or run in shadow."""
        with self._database.read() as session:
            return list(session.exec(select(HealthRow).where(HealthRow.tenant == self.tenant)).all())

    def checked(self, limit: int) -> list[tuple[str, str, HealthRow]]:
        """Name, state and counts of revisions; first those that were found wrong or differed in shadow, then those
        that were checked last."""
        with self._database.read() as session:
            return health.worst(session, self.tenant, limit)

    def standings(self, digest: str | None = None) -> dict[tuple[str, str], int]:
        """How many counterexamples there are, by revision and standing."""
        with self._database.read() as session:
            return health.standings(session, self.tenant, digest)

    # Compilations

    def open_compilation(self, identity: str, fingerprint: str, missed: Missed, requester: str) -> CompilationRow:
        """Note that a compilation waits for its turn."""
        return self._database.write(
            lambda session: compilations.open_(session, identity, fingerprint, missed, requester)
        )

    def wait(self, identity: str, compilation: str, missed: Missed, requester: str) -> None:
        """Note that a request waits for a compilation."""
        self._database.write(lambda session: compilations.wait(session, identity, compilation, missed, requester))

    def step(self, identity: str, message: str) -> None:
        """Note what a compilation is at."""
        self._database.write(lambda session: compilations.step(session, identity, message))

    def close_compilation(self, made: Compilation, authors: Sequence[str]) -> RevisionRow | None:
        """Keep a compilation with all that it found, and its revision as proposed."""
        return self._database.write(lambda session: compilations.close(session, made, authors))

    def end_compilation(self, identity: str, outcome: str, message: str) -> None:
        """A compilation ended without a result."""
        self._database.write(lambda session: compilations.end(session, identity, outcome, message))

    def interrupted_of(self, fingerprint: str) -> CompilationRow | None:
        """A compilation of this type that was interrupted."""
        with self._database.read() as session:
            return compilations.interrupted(session, self.tenant, fingerprint)

    def compilation(self, identity: str) -> CompilationRow | None:
        """One compilation."""
        with self._database.read() as session:
            row = session.get(CompilationRow, identity)
            return row if row is not None and row.tenant == self.tenant else None

    def compilations(self, limit: int = 100, *, at_work: bool = False) -> list[CompilationRow]:
        """Compilations, newest first; those alone that have not ended, or all."""
        with self._database.read() as session:
            chosen = select(CompilationRow).where(CompilationRow.tenant == self.tenant)
            if at_work:  # found by progress, since few have not ended
                chosen = select(CompilationRow).where(_unindexed(CompilationRow.tenant) == self.tenant)
                chosen = chosen.where(col(CompilationRow.progress).in_(set(Progress) - {Progress.FINISHED}))
            return list(session.exec(chosen.order_by(col(CompilationRow.created).desc()).limit(limit)).all())

    def evidence(self, compilation: str) -> list[EvidenceRow]:
        """What the gates found, in their order."""
        with self._database.read() as session:
            chosen = select(EvidenceRow).where(EvidenceRow.compilation == compilation, self._ours(compilation))
            return list(session.exec(chosen.order_by(col(EvidenceRow.number))).all())

    def gates(self, compilations: Collection[str]) -> dict[str, list[tuple[str, bool, str]]]:
        """Gate, whether it passed, and its summary, in their order, of several compilations."""
        chosen = (
            select(EvidenceRow.compilation, EvidenceRow.gate, EvidenceRow.passed, EvidenceRow.summary)
            .join(CompilationRow, col(CompilationRow.id) == col(EvidenceRow.compilation))
            .where(col(EvidenceRow.compilation).in_(compilations), _unindexed(CompilationRow.tenant) == self.tenant)
            .order_by(col(EvidenceRow.number))
        )
        found: dict[str, list[tuple[str, bool, str]]] = {}
        with self._database.read() as session:
            for compilation, gate, passed, summary in session.exec(chosen).all():
                found.setdefault(compilation, []).append((gate, passed, summary))
        return found

    def calls(self, compilation: str) -> list[CallRow]:
        """The calls of models, in their order."""
        with self._database.read() as session:
            chosen = select(CallRow).where(CallRow.compilation == compilation, self._ours(compilation))
            return list(session.exec(chosen.order_by(col(CallRow.number))).all())

    def waiting(self, compilation: str) -> list[WaitingRow]:
        """The requests that wait for a compilation."""
        with self._database.read() as session:
            chosen = select(WaitingRow).where(WaitingRow.compilation == compilation, self._ours(compilation))
            return list(session.exec(chosen).all())

    def negatives(self) -> list[Negative]:
        """The negative entries that have not expired."""
        with self._database.read() as session:
            return compilations.negatives(session, self.tenant)

    def _ours(self, compilation: str) -> ColumnElement[bool]:
        """Whether a compilation is the tenant's."""
        known = select(CompilationRow.id).where(CompilationRow.id == compilation, CompilationRow.tenant == self.tenant)
        return known.exists()


class Store(Records):
    """The store, and the records of the default tenant.

    Args:
        path: the file; made if missing.
        report: called with messages about what goes wrong in the background.
        busy_ms: how long to wait for another program's lock.
        keeping: where the ledger is kept, if not in this file; the store does not close it.

    Attributes:
        interrupted: compilations of all tenants that were at work when the last process ended.
        ledger: of all tenants.
        keeping: where ledger and keys are kept.
    """

    def __init__(
        self,
        path: Path,
        *,
        report: Callable[[str], None] = lambda _: None,
        busy_ms: int = BUSY_MS,
        keeping: Keeping | None = None,
    ) -> None:
        database = Database(path, busy_ms=busy_ms)
        try:
            self.interrupted: list[CompilationRow] = database.write(compilations.interrupt)
        except BaseException:
            database.close()
            raise
        self.path = path
        self.keeping: Keeping = keeping or database
        self.ledger = Ledger(self.keeping, report=report)
        self._closed = False
        super().__init__(database, self.ledger.of(DEFAULT_TENANT))

    def of(self, tenant: str) -> Records:
        """The records of a tenant."""
        return self if tenant == DEFAULT_TENANT else Records(self._database, self.ledger.of(tenant))

    def tenants(self) -> list[str]:
        """The tenants that have revisions."""
        with self._database.read() as session:
            return sorted(session.exec(select(RevisionRow.tenant).distinct()).all())

    def close(self) -> None:
        """Write what waits and let go of the file, also if the last counts cannot be written."""
        if self._closed:
            return
        self._closed = True
        try:
            self.ledger.close()
        finally:
            self._database.close()

    # Watched directories and packs: the default tenant's

    def place(self, file: str, document: ReasoningProcedure) -> Change:
        """A watched file holds a document; see `revisions.place`."""
        return self._database.write(lambda session: revisions.place(session, file, document))

    def withdraw(self, file: str, kept: Iterable[str] = ()) -> Change:
        """A watched file no longer holds other documents; see `revisions.withdraw`."""
        names = tuple(kept)
        return self._database.write(lambda session: revisions.withdraw(session, file, names))

    def files(self) -> set[str]:
        """The watched files that held a document when they were last read."""
        with self._database.read() as session:
            return set(session.exec(select(SourceRow.file)).all())

    def imported(self, name: str | None = None) -> list[ImportRow]:
        """The imported releases, of one pack or of all, oldest first."""
        chosen = select(ImportRow).order_by(col(ImportRow.at), col(ImportRow.release))
        if name is not None:
            chosen = chosen.where(ImportRow.name == name)
        with self._database.read() as session:
            return list(session.exec(chosen).all())

    def refuse_downgrade(self, row: ImportRow) -> None:
        """Refuse early what `admit` would refuse for its version; see `imports.refuse_downgrade`."""
        with self._database.read() as session:
            imports.refuse_downgrade(session, row)

    def admit(
        self,
        row: ImportRow,
        documents: Sequence[ReasoningProcedure],
        traces: Mapping[str, str],
        approval: imports.Approval | None,
    ) -> imports.Admitted:
        """Keep an import and its procedures; see `imports.admit`."""
        return self._database.write(lambda session: imports.admit(session, row, documents, traces, approval))


def _unindexed(column: str) -> ColumnElement[str]:
    """A column by whose index rows are not to be sought, since most of them have its value."""
    return col(column) + ""
