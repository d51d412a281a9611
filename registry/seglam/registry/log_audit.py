"""The registry's own look at its logs, from time to time: what nobody reads is tampered with unseen.

Two logs: its audit log, whose entries, head and signed heads must agree; and the transparency logs in which its
bundles stand, which must not have shown two trees of one size. Both need nothing but the database. Whoever does not
trust the registry audits both from outside (docs/registry.md, docs/trust.md).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from sqlmodel import col, select

from seglam.packs.trust.logs import compare
from seglam.registry import audit
from seglam.registry.database import Database
from seglam.registry.tables import BlobRow, BundleRow

PAGE = 50_000
"""Entries of the audit log that are read in one transaction."""
BUNDLES = 2_000
"""Bundles, the newest, whose checkpoints are compared."""
_log = logging.getLogger("seglam.registry.log_audit")


class LogsDiffer(Exception):
    """What was found in the logs that an honest one does not have."""


class LogAudit:
    """Audits the logs, and remembers what it found.

    Args:
        root: the sigstore trusted root (JSON) whose logs bundles are in; None where nothing is keyless.

    Attributes:
        findings: of the last audit, in words.
        ended: when it ended, seconds since 1970; 0 before the first.
    """

    def __init__(self, database: Database, root: str | None) -> None:
        self._database = database
        self._root = root
        self.findings: tuple[str, ...] = ()
        self.ended = 0.0

    def look(self) -> None:
        """One audit. `LogsDiffer` with what was found; that is also logged, and said by `well` until a later one."""
        found = (*self._own(), *self._transparency())
        self.findings, self.ended = found, time.time()
        for words in found:
            _log.error("the logs do not hold: %s", words)
        if found:
            raise LogsDiffer(found[0])

    def well(self) -> bool:
        """Whether the last audit found nothing."""
        return not self.findings

    def _own(self) -> Sequence[str]:
        since = 0
        while True:
            with self._database.read() as session:
                verdict = audit.verify(session, since=since, limit=PAGE)
            if not verdict.whole:
                return [f"audit log, entry {each.seq}: {each.words} ({each.code})" for each in verdict.findings]
            if verdict.checked < PAGE:
                return []
            since = verdict.last[0]

    def _transparency(self) -> Sequence[str]:
        if self._root is None:
            return []
        newest = select(BundleRow.digest).where(BundleRow.mode == "Keyless").order_by(col(BundleRow.at).desc())
        asked = select(BlobRow.content).where(col(BlobRow.digest).in_(newest.limit(BUNDLES)))
        with self._database.read() as session:
            bundles = session.exec(asked).all()
        return [f"transparency log: {each.words} ({each.code})" for each in compare(bundles, self._root)]
