"""Where a revision comes from, as an embedded store keeps it: read only, beside whoever holds the store.

Nothing of what users sent is read: neither requests nor arguments nor answers.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seglam.gateway.faults import clear
from seglam.gateway.store.tables import DEFAULT_TENANT

Row = dict[str, Any]

_REVISION = "SELECT digest, name, document, state, origin, authors, compilation, replaces, trace_id, span_id, created"
_COMPILATION = (
    "SELECT id, fingerprint, requester, reason, progress, outcome, digest, trace_id, span_id, created, finished"
)


@dataclass(frozen=True, slots=True)
class History:
    """What a store knows of a revision. Each part is a row of its table, JSON columns read.

    Attributes:
        revision: None if it is not here any more.
        compilation: what made it, or what the request started; with `calls` (role, purpose, model, prompt_digest) and
            `gates` (gate, passed).
        reviews: the decisions on it, oldest first.
        imports: the packs that brought it, oldest first.
    """

    revision: Row | None = None
    compilation: Row | None = None
    reviews: tuple[Row, ...] = ()
    imports: tuple[Row, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The history without the document, for whoever asks over HTTP."""
        revision = None if self.revision is None else {k: v for k, v in self.revision.items() if k != "document"}
        shown = ("release", "digest", "importer", "policy", "approval", "summary", "at", "trace_id", "span_id")
        return {
            "revision": revision,
            "compilation": self.compilation,
            "reviews": list(self.reviews),
            "imports": [{name: each[name] for name in shown} for each in self.imports],
        }


@dataclass(slots=True)
class _Reader:
    connection: sqlite3.Connection
    tenant: str

    def rows(self, words: str, *values: object) -> list[Row]:
        return [dict(row) for row in self.connection.execute(words, values).fetchall()]

    def revision(self, digest: str) -> Row | None:
        found = self.rows(f"{_REVISION} FROM revisions WHERE tenant = ? AND digest = ?", self.tenant, digest)
        for row in found:
            row["authors"] = json.loads(row["authors"])
        return found[0] if found else None

    def compilation(self, identity: str) -> Row | None:
        found = self.rows(f"{_COMPILATION} FROM compilations WHERE id = ? AND tenant = ?", identity, self.tenant)
        if not found:
            return None
        calls = "SELECT role, purpose, model, prompt_digest, recording, error FROM calls WHERE compilation = ?"
        gates = "SELECT gate, passed FROM evidence WHERE compilation = ?"
        found[0]["calls"] = self.rows(calls + " ORDER BY number", identity)
        found[0]["gates"] = [
            {**each, "passed": bool(each["passed"])} for each in self.rows(gates + " ORDER BY number", identity)
        ]
        return found[0]

    def reviews(self, digest: str) -> list[Row]:
        words = "SELECT reviewer, decision, reason, at, trace_id, span_id FROM reviews WHERE tenant = ? AND digest = ?"
        return self.rows(words + " ORDER BY id", self.tenant, digest)

    def imports(self, digest: str) -> list[Row]:
        if self.tenant != DEFAULT_TENANT:
            return []
        found = self.rows("SELECT * FROM imports ORDER BY at, release")
        for row in found:
            row["procedures"] = json.loads(row["procedures"])
        return [row for row in found if any(each["digest"] == digest for each in row["procedures"])]


def history(store: Path, tenant: str, digest: str | None, compilation: str | None = None) -> History:
    """What the store's file knows of a revision, and of the compilation that made it or, without one, of another.

    Raises:
        StoreError: the file cannot be read.
    """
    with clear(store), closing(sqlite3.connect(f"{store.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        reader = _Reader(connection, tenant)
        revision = reader.revision(digest) if digest else None
        made_by = revision["compilation"] if revision else compilation
        return History(
            revision,
            reader.compilation(made_by) if made_by else None,
            tuple(reader.reviews(digest)) if digest else (),
            tuple(reader.imports(digest)) if digest else (),
        )
