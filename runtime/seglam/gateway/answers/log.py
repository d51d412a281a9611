"""Recording answers: gathered in memory, written in batches by a thread of its own, so that a hit never waits.

A process that is killed loses what it gathered in the last second. One that answers more in a second than may wait, or
whose database takes no rows, does not record the others and counts them.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Collection, Sequence
from time import time_ns
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Select, create_engine, delete, event, inspect, null, select, text
from sqlalchemy.exc import SQLAlchemyError

from seglam.gateway.answers.records import MAX_REASON, Recorded, answers, metadata, stamp
from seglam.gateway.answers.settings import AnswerSettings
from seglam.gateway.ledger.database import in_turn, postgresql
from seglam.gateway.outcomes import Answer

T = TypeVar("T")

FLUSH_S = 1.0
CONNECTIONS = 4
PRUNE_ROWS = 10_000
"""After how many new rows old ones are looked for, which reads as many as are kept."""
AT_ONE_TIME = 100
"""Rows of one statement. After each the driver waits for its turn to run Python again, which holds up the hits."""
DAY_US = 86_400_000_000

_log = logging.getLogger("seglam.gateway.answers")
_Maybe = str | None
_Row = tuple[str, str, int, str, str, _Maybe, _Maybe, _Maybe, _Maybe, _Maybe, _Maybe, _Maybe]
_COLUMNS = ("id", "tenant", "at", "source", "outcome", "reason", "procedure", "revision", "compilation", "trace_id",
            "span_id", "near")  # fmt: skip


class AnswerLog:
    """Records answers. Thread-safe; `add` never waits, the other methods block.

    Args:
        report: called with a message when rows cannot be written.

    Attributes:
        dropped: about how many answers were not recorded, since too many waited.
    """

    def __init__(self, settings: AnswerSettings, report: Callable[[str], None] = _log.warning) -> None:
        self.settings = settings
        self.dropped = 0
        self._report = report
        self._engine = _engine(settings.url)
        self._made = False
        self._room = settings.rate if settings.keep else 0
        self._waiting: deque[_Row] = deque()
        self._writing = threading.Lock()  # held while rows are neither in memory nor in the table
        self._since_prune = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="seglam-answers", daemon=True)
        if settings.keep:
            self._thread.start()

    def add(self, answer: Answer, tenant: str, *, source: str = "native", trace: tuple[str, str] | None = None) -> None:
        """Record an answer.

        Args:
            source: which API was asked: native, openai or mcp.
            trace: trace and span id of the request's span.
        """
        if len(self._waiting) >= self._room:
            self.dropped += 1
            return
        trace_id, span_id = trace or (None, None)
        self._waiting.append(
            (
                answer.id, tenant, time_ns() // 1000, source, answer.outcome, answer.reason, answer.procedure,
                answer.revision, answer.compilation, trace_id, span_id, answer.near,
            )
        )  # fmt: skip

    def get(self, identity: str, tenant: str) -> Recorded | None:
        """An answer of a tenant, also one that is not written yet. `SQLAlchemyError` if it cannot be read."""
        with self._writing:
            for row in reversed(self._waiting.copy()):
                if row[0] == identity:
                    return _recorded(row) if row[1] == tenant else None
            self._make()
            with self._engine.connect() as connection:
                return find(connection, identity, tenant)

    def read(self, ask: Callable[[Connection], T]) -> T:
        """What a question finds among all answers. `SQLAlchemyError` if they cannot be read."""
        self.flush()
        self._make()
        with self._engine.connect() as connection:
            return ask(connection)

    def flush(self) -> None:
        """Write what waits. `SQLAlchemyError` if that fails; then nothing is lost."""
        with self._writing:
            taken = [self._waiting.popleft() for _ in range(len(self._waiting))]
            if not taken:
                return
            try:
                self._make()
                with self._engine.begin() as connection:
                    _write(connection, taken)
                    self._prune(connection, taken)
            except BaseException:
                self._waiting.extendleft(reversed(taken))
                raise

    def close(self) -> None:
        """Write what waits and stop."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        try:
            self.flush()
        except SQLAlchemyError as error:
            self._report(f"{len(self._waiting)} answers are not recorded: {_words(error)}")
        self._engine.dispose()

    def _run(self) -> None:
        reported = False
        while not self._stop.wait(FLUSH_S):
            try:
                self.flush()
                reported = False
            except SQLAlchemyError as error:
                if not reported:
                    self._report(f"answers wait in memory, since they cannot be recorded: {_words(error)}")
                reported = True

    def _make(self) -> None:
        if self._made:
            return
        with self._engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                in_turn(connection)
            metadata.create_all(connection)
            _add_columns(connection)
        self._made = True

    def _prune(self, connection: Connection, written: Sequence[_Row]) -> None:
        """Delete what is too old, and of each tenant just written what is too much: one never displaces another's."""
        self._since_prune += len(written)
        if self._since_prune < min(PRUNE_ROWS, self.settings.keep):
            return
        self._since_prune = 0
        oldest = time_ns() // 1000 - self.settings.days * DAY_US
        fresh = select(answers.c.number).where(answers.c.at >= oldest).order_by(answers.c.number).limit(1)
        connection.execute(delete(answers).where(answers.c.number < fresh.scalar_subquery()))
        for tenant in {row[1] for row in written}:
            newest_first = select(answers.c.number).where(answers.c.tenant == tenant).order_by(answers.c.number.desc())
            last = connection.execute(newest_first.offset(self.settings.keep).limit(1)).scalar()
            if last is not None:
                connection.execute(delete(answers).where(answers.c.tenant == tenant, answers.c.number <= last))


def _add_columns(connection: Connection) -> None:
    """Columns that came to the table later; they may be empty."""
    known = columns_of(connection)
    for column in answers.columns:
        if column.name not in known:
            kind = column.type.compile(connection.dialect)
            connection.execute(text(f"ALTER TABLE {answers.name} ADD COLUMN {column.name} {kind}"))


def columns_of(connection: Connection) -> Collection[str]:
    """The columns that the table has in a database, which an older release may have made; none if there is no table."""
    seen = inspect(connection)
    return [each["name"] for each in seen.get_columns(answers.name)] if seen.has_table(answers.name) else ()


def find(
    connection: Connection, identity: str, tenant: str | None = None, known: Collection[str] = _COLUMNS
) -> Recorded | None:
    """An answer by its id, of a tenant or of any.

    Args:
        known: the columns that there are.
    """
    chosen = _chosen(known).where(answers.c.id == identity)
    if tenant is not None:
        chosen = chosen.where(answers.c.tenant == tenant)
    row = connection.execute(chosen).first()
    return None if row is None else _recorded(tuple(row))


def of_revision(connection: Connection, digest: str, limit: int, known: Collection[str] = _COLUMNS) -> list[Recorded]:
    """The last answers of a revision, newest first; `known` as in `find`."""
    chosen = _chosen(known).where(answers.c.revision == digest)
    rows = connection.execute(chosen.order_by(answers.c.number.desc()).limit(limit)).all()
    return [_recorded(tuple(row)) for row in rows]


def _chosen(known: Collection[str]) -> Select[Any]:
    return select(*(answers.c[name] if name in known else null().label(name) for name in _COLUMNS))


def _write(connection: Connection, rows: Sequence[_Row]) -> None:
    """Insert rows; a batch that is written again after a lost reply counts once.

    The driver takes them as they are: what SQLAlchemy does for each of its own would cost ten times as much.
    """
    mark = "%s" if connection.dialect.name == "postgresql" else "?"
    places = f"({', '.join([mark] * len(_COLUMNS))})"
    for begin in range(0, len(rows), AT_ONE_TIME):
        some = rows[begin : begin + AT_ONE_TIME]
        connection.exec_driver_sql(
            f"INSERT INTO answers ({', '.join(_COLUMNS)}) VALUES {', '.join([places] * len(some))} "
            "ON CONFLICT (id) DO NOTHING",
            tuple(
                value
                for row in some
                for value in (*row[:4], str(row[4]), None if row[5] is None else str(row[5])[:MAX_REASON], *row[6:])
            ),
        )


def _recorded(row: Sequence[Any]) -> Recorded:
    identity, tenant, at, *rest = row
    return Recorded(identity, tenant, stamp(at), *rest)


def _words(error: SQLAlchemyError) -> str:
    """What a database says, without the statement and its values."""
    return str(getattr(error, "orig", None) or type(error).__name__)


def _engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return postgresql(url, CONNECTIONS)
    # A connection is kept: the last one that is closed would write everything to its place and remove the journal.
    engine = create_engine(url, connect_args={"timeout": 5.0}, pool_size=1, max_overflow=-1)

    @event.listens_for(engine, "connect")
    def connected(connection: object, _: object) -> None:
        cursor = connection.cursor()  # type: ignore[attr-defined]
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = NORMAL")
        cursor.close()

    return engine
