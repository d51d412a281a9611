"""Decisions on revisions, and what is served after them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from seglam import telemetry
from seglam.compiler.assemble import core_digest
from seglam.gateway.catalog import Catalog, span_of
from seglam.gateway.proposals import Proposals
from seglam.gateway.store import (
    Change,
    CounterexampleRow,
    Decision,
    Records,
    ReviewRefused,
    RevisionRow,
    Standing,
    State,
    document_of,
    revision_of,
)
from seglam.gateway.store.revisions import SERVING
from seglam.gateway.wire import load_request, loads
from seglam.lookup import Hit, Index
from seglam.lookup.overlap import Overlap, overlaps
from seglam.procedures import Revision

UNFITTING = frozenset({"overlap", "outdated"})
"""Why a proposal does not fit what is served now, though it passed all gates when it was compiled."""


class Reviews:
    """Takes decisions. One at a time, so that what is checked still holds when it is decided.

    Args:
        auto_approve: name of the reviewer under which every proposal is approved at once, for demonstrations and
            replays; None leaves proposals to people.

    Attributes:
        proposals: the revisions that wait.
    """

    def __init__(
        self, store: Records, catalog: Catalog, *, auto_approve: str | None = None, report: Callable[[str], None]
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._auto = auto_approve
        self._report = report
        self.proposals = Proposals(store, report)

    def decide(self, digest: str, reviewer: str, decision: Decision, reason: str) -> Change:
        """Record a decision, and serve what it says.

        Raises:
            ReviewRefused: it may not be taken; `code` says why.
            StoreError: it could not be kept; nothing has changed.
        """
        change = self._catalog.change(lambda: self._decide(digest, reviewer, decision, reason))
        self.proposals.discard(digest)
        return change

    def settle(
        self, row: CounterexampleRow, who: str, said: str, *, rule_changed: bool = False, quarantines: bool = True
    ) -> Change:
        """Confirm a counterexample, and stop its revision in the same step. No request that begins after this has
        returned is answered by it."""
        with telemetry.review(row.procedure, row.digest, who, Decision.QUARANTINE, compiled=None) as span:
            change = self._catalog.change(
                lambda: self._store.settle_counterexample(
                    row.id, Standing.CONFIRMED, who, said,
                    rule_changed=rule_changed, quarantines=quarantines, span=telemetry.reference(span),
                )
            )  # fmt: skip
        if quarantines:
            self.proposals.discard(row.digest)
        return change

    def approve_after(self, row: RevisionRow, who: str, reason: str) -> None:
        """Approve a proposal without a person; one that does not fit waits for people."""
        try:
            self.decide(row.digest, who, Decision.APPROVE, f"approved without a person: {reason}")
        except ReviewRefused as refused:
            self._report(f"{row.name} is not approved without a person: {refused}")

    def rollback(self, name: str, target: str | None, reviewer: str, reason: str) -> tuple[RevisionRow, Change]:
        """Serve an older revision of a procedure again: one that was approved, and was retired since.

        Args:
            target: its digest; by default the one that was retired last.

        Returns:
            The revision that is served now, and what changed.

        Raises:
            ReviewRefused: `unknown-procedure`, or as `decide`.
        """
        retired = [row for row in self._store.revisions(State.RETIRED, name) if target in (None, row.digest)]
        if not retired:
            which = f"revision {target} of {name}" if target else f"revision of {name}"
            raise ReviewRefused("unknown-procedure", f"there is no retired {which} to go back to")
        chosen = max(retired, key=lambda row: row.changed)
        return chosen, self.decide(chosen.digest, reviewer, Decision.APPROVE, reason)

    def promote(self, name: str, target: Reviews, promoter: str) -> RevisionRow:
        """Propose to another tenant what is served here under a name. Its origin and its authors stay, and whoever
        promotes it is one of them from then on: somebody else approves it there.

        Returns:
            The revision there, in the state that it has there.

        Raises:
            ReviewRefused: `unknown-procedure` or `same-tenant`.
        """
        if target is self:
            raise ReviewRefused("same-tenant", f"{name} is already the tenant's own; name another one")
        served = self._catalog.named(name)
        row = None
        if served is not None:
            row = self._store.promote(served.digest, target.tenant, promoter)
        if row is None:
            raise ReviewRefused(
                "unknown-procedure", f"there is no procedure {name!r} that is served; see /v1/procedures"
            )
        if row.state == State.PROPOSED:
            target.proposals.add(row)
        return row

    @property
    def tenant(self) -> str:
        """Whose reviews these are."""
        return self._store.tenant

    def _decide(self, digest: str, reviewer: str, decision: Decision, reason: str) -> Change:
        row = self._store.revision(digest)
        if row is not None and decision in SERVING:
            revision = revision_of(row)
            self._check(row, revision)
            if decision is Decision.APPROVE:
                self._check_known(row, revision)
        name, compiled = (row.name, span_of(row)) if row else ("", None)
        with telemetry.review(name, digest, reviewer, decision, compiled=compiled) as span:
            return self._store.decide(digest, reviewer, decision, reason, telemetry.reference(span))

    def proposed(self, row: RevisionRow) -> None:
        """A revision was proposed. Approves it if proposals are approved without a person; one that does not fit what
        is served meanwhile is rejected, so that its type is compiled anew."""
        self.proposals.add(row)
        if self._auto is None:
            return
        try:
            self.decide(row.digest, self._auto, Decision.APPROVE, "approved without a person: it passed all gates")
        except ReviewRefused as refused:
            self._report(f"{row.name} is not approved without a person: {refused}")
            if refused.code in UNFITTING:
                self.decide(row.digest, self._auto, Decision.REJECT, f"rejected without a person: {refused}")

    def _check(self, row: RevisionRow, revision: Revision) -> None:
        """What a pack brought needs the gate's word now as it did then. No request may match two active revisions;
        the gates have seen only what was active then."""
        if why := self._catalog.refused(row):
            raise ReviewRefused("pack-refused", f"{row.name} may not be served: {why}")
        gone = {row.replaces, row.digest}
        elders = [each for each in self._catalog.index if each.digest not in gone and each.name != row.name]
        found = overlaps(revision, elders)
        if found:
            raise ReviewRefused("overlap", f"{row.name} overlaps with {_shown(found[0])}; reject one of the two")

    def _check_known(self, row: RevisionRow, revision: Revision) -> None:
        """Code that gave a wrong answer is not served again under another digest, with more or fewer patterns."""
        for known in self._store.counterexamples(Standing.CONFIRMED):
            other = self._store.revision(known.digest)
            if other is not None and other.digest != row.digest and _known_wrong(revision, known, other):
                words = f"this revision's code gives the wrong answer of counterexample {known.id}"
                raise ReviewRefused("counterexample", f"{words}; choose another one, or dismiss it by a restore")


def _known_wrong(revision: Revision, row: CounterexampleRow, found: RevisionRow) -> bool:
    """Whether a counterexample of another revision is one of this, since it binds it alike and runs the same code."""
    if core_digest(revision.spec) != core_digest(document_of(found).spec):
        return False
    alone = Index(explains=False)
    alone.add(revision)
    hit = alone.find(load_request(row.request))
    return isinstance(hit, Hit) and dict(hit.binding.arguments) == loads(row.arguments)


def _shown(overlap: Overlap) -> str:
    witness = f" on {overlap.witness!r}" if overlap.witness else ""
    return f"{overlap.elder.name}, which is active{witness}"


def decision_of(text: str) -> Decision:
    """The decision that a text names; `ReviewRefused` if none."""
    try:
        return Decision(text)
    except ValueError:
        known = ", ".join(decision.value for decision in Decision)
        raise ReviewRefused("unknown-decision", f"{text[:40]!r} is no decision; use one of {known}") from None


def review_as_json(row: Any) -> Mapping[str, Any]:
    """A decision as it is sent."""
    return {
        "reviewer": row.reviewer,
        "decision": row.decision,
        "reason": row.reason,
        "at": row.at,
        "traceId": row.trace_id,
    }
