"""Decisions on revisions, and what is served after them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from seglam import telemetry
from seglam.gateway.catalog import Catalog, span_of
from seglam.gateway.proposals import Proposals
from seglam.gateway.store import Change, Decision, Records, ReviewRefused, RevisionRow, State, revision_of
from seglam.lookup.overlap import Overlap, overlaps

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
        if row is not None and decision is Decision.APPROVE:
            self._check(row)
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

    def _check(self, row: RevisionRow) -> None:
        """What a pack brought needs the gate's word now as it did then. No request may match two active revisions;
        the gates have seen only what was active then."""
        if why := self._catalog.refused(row):
            raise ReviewRefused("pack-refused", f"{row.name} may not be served: {why}")
        gone = {row.replaces, row.digest}
        elders = [each for each in self._catalog.index if each.digest not in gone and each.name != row.name]
        found = overlaps(revision_of(row), elders)
        if found:
            raise ReviewRefused("overlap", f"{row.name} overlaps with {_shown(found[0])}; reject one of the two")


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
