"""ProcedureReview: what its decisions amount to, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterable

from seglam.operator.context import Context
from seglam.operator.controllers import Controller
from seglam.operator.gather.known import Known
from seglam.operator.gather.standings import standing_of
from seglam.operator.keys import DONE, Key, Result
from seglam.operator.policies.chain import Verdict
from seglam.operator.policies.review import Standing, State
from seglam.operator.seen import Review
from seglam.operator.status import ready
from seglam.resources.conditions import Reason
from seglam.resources.names import PROCEDURE_REVIEW, revision_name

KIND = PROCEDURE_REVIEW.kind
REASONS = {
    State.PENDING: Reason.PENDING,
    State.APPROVED: Reason.APPROVED,
    State.REJECTED: Reason.REJECTED,
    State.QUARANTINED: Reason.QUARANTINED,
}
WARNINGS = frozenset({Reason.QUARANTINED, Reason.NOT_OWNED})


class Reviews:
    """Reconciles reviews."""

    def __init__(self, context: Context, known: Known) -> None:
        self._context = context
        self._known = known

    async def reconcile(self, key: Key) -> Result:
        """Make a review's status what it shall be."""
        review = self._known.review(key.namespace, key.name)
        if review is None or review.meta.deleting:
            self._context.status.forget(PROCEDURE_REVIEW, key.namespace, key.name)
            return DONE
        settings, namespace = self._context.settings.reviews, review.meta.namespace
        stands = standing_of(self._known, settings, namespace, review.procedure, review.digest)
        fields = {"state": stands.state.value, "gates": self._gates(review)}
        await self._context.status.write(
            PROCEDURE_REVIEW, review.meta, review.status, fields, [ready(verdict(review, stands))], warnings=WARNINGS
        )
        return DONE

    def _gates(self, review: Review) -> str | None:
        """How many gates the revision passed; what was said before, where the revision is gone."""
        revision = self._known.revision(review.meta.namespace, review.meta.name)
        if revision is None or revision.digest != review.digest or not revision.gates:
            before = review.status.field("gates")
            return before if isinstance(before, str) else None
        passed: dict[str, bool] = {}
        for gate in revision.gates:
            passed[gate.gate] = passed.get(gate.gate, True) and gate.passed
        return f"{sum(passed.values())}/{len(passed)}"

    async def everything(self) -> Iterable[Key]:
        """All reviews."""
        return [Key(KIND, *review.meta.key) for review in self._known.all_reviews()]


def verdict(review: Review, stands: Standing) -> Verdict:
    """The condition Ready of a review: whether it is decided."""
    if not review.managed or review.meta.name != revision_name(review.procedure, review.digest):
        message = "this review was not opened by the operator, so nothing follows from it; delete it"
        return Verdict(Reason.NOT_OWNED, message)
    return Verdict(REASONS[stands.state], stands.message, ready=stands.state is not State.PENDING)


def controller(reviews: Reviews) -> Controller:
    """The controller of reviews, whose watch marks their keys."""
    return Controller(KIND, reviews.reconcile, (), reviews.everything)
