"""What the console shows of an embedded service: its store, its record of answers, its sandbox."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool as threaded

from seglam.gateway import views
from seglam.gateway.access import Caller
from seglam.gateway.answers.api import traffic_of
from seglam.gateway.answers.curve import Traffic
from seglam.gateway.health.bounds import upper_bound
from seglam.gateway.health.report import worst
from seglam.gateway.pages import board, desk
from seglam.gateway.pages.board import Overview
from seglam.gateway.pages.showing import Choice, Proposal, Standing, proposal
from seglam.gateway.refusals import of_review, of_store
from seglam.gateway.reviewing import decision_of
from seglam.gateway.service import Service
from seglam.gateway.store import Decision, ReviewRefused, StoreError
from seglam.gateway.store.revisions import ALLOWED, SERVING, same_person
from seglam.gateway.trials import attempt
from seglam.gateway.trying import Trial
from seglam.procedures import Request


class EmbeddedDesk:
    """The desk of an embedded service; see `seglam.gateway.pages.desk.Desk`."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def waiting(self, who: Caller, after: str | None) -> Mapping[str, Any]:
        """See `Desk`."""
        return await threaded(views.review_queue, self._service.tenant(who.tenant), desk.SHOWN, after)

    async def proposal(self, who: Caller, digest: str) -> Proposal:
        """See `Desk`."""
        return await threaded(self._proposal, who, digest)

    async def decide(self, who: Caller, digest: str, decision: str, reason: str) -> None:
        """See `Desk`."""
        try:
            wanted = decision_of(decision)
            await threaded(self._service.decide, digest, who.requester, wanted, reason, who.tenant)
        except ReviewRefused as refused:
            raise of_review(refused) from refused
        except StoreError as error:
            raise of_store(error) from error

    async def attempt(self, who: Caller, digest: str, request: Request) -> Trial:
        """See `Desk`."""
        return await threaded(attempt, self._service.tenant(who.tenant), digest, request)

    def _proposal(self, who: Caller, digest: str) -> Proposal:
        tenant = self._service.tenant(who.tenant)
        found = views.revision(tenant, digest)
        replaced = views.revision(tenant, found["replaces"])["document"] if found["replaces"] else None
        return shown(found, replaced, who.requester)


class EmbeddedBoard:
    """The board of an embedded service; see `seglam.gateway.pages.board.Board`."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def traffic(self, who: Caller) -> Traffic:
        """See `Board`."""
        return await threaded(traffic_of, self._service.answers, who.tenant)

    async def overview(self, who: Caller) -> Overview:
        """See `Board`."""
        return await threaded(self._overview, who.tenant)

    async def answer(self, who: Caller, identity: str) -> Mapping[str, Any]:
        """See `Board`."""
        return await threaded(views.trace, self._service, who.tenant, identity)

    def _overview(self, tenant: str) -> Overview:
        part, policy = self._service.tenant(tenant), self._service.policy.health
        return Overview(
            traffic_of(self._service.answers, tenant),
            self._service.savings(tenant),
            views.compilations(part, board.SHOWN),
            views.negatives(part, board.SHOWN),
            len(part.index),
            worst(part.store, policy.allowed, board.SHOWN),
            policy.share,
        )


def shown(revision: Mapping[str, Any], replaced: Mapping[str, Any] | None, reader: str) -> Proposal:
    """A revision of the store as its page shows it.

    Args:
        revision: as the API shows it.
        replaced: the document of the revision that this one replaces.
        reader: who looks; no author may approve.
    """
    own, health = same_person(reader, revision["authors"]), revision["health"]
    since = (
        ("In shadow", _shadow(health["shadow"])),
        ("Hits checked again", _checked(health["checks"])),
        ("Said against it", _listed(health["counterexamples"]) or "nothing"),
    )
    barred = f"{reader} is one of its authors" if own else None
    evidence = (revision["compilation"] or {}).get("evidence", ())
    return proposal(revision, evidence, replaced, Standing(choices_of(revision["state"], own), barred, since))


def choices_of(state: str, own: bool) -> list[Choice]:
    """What may be decided in a state, approval first."""
    possible = [each for each in Decision if state in ALLOWED[each]]
    return [
        Choice(each, _WORDS.get((state, each)) or _WORDS["", each], each in SERVING, own and each in SERVING)
        for each in possible
    ]


_WORDS = {
    ("", Decision.APPROVE): "Approve",
    ("Retired", Decision.APPROVE): "Serve it again",
    ("", Decision.REJECT): "Reject",
    ("", Decision.QUARANTINE): "Quarantine: it gives wrong answers",
    ("", Decision.RETIRE): "Retire",
    ("", Decision.RESTORE): "Restore: it was quarantined wrongly",
}


def _shadow(counts: Mapping[str, int]) -> str:
    """How often it agreed with what is served, for requests that other revisions answered."""
    if not any(counts.values()):
        return "it has not run beside what is active"
    compared = counts["agreed"] + counts["differed"]
    share = f" ({100 * counts['agreed'] / compared:.4g} per cent)" if compared else ""
    return (
        f"agreed with what is active {counts['agreed']} of {compared} times{share}, answered alone {counts['alone']} "
        f"times, gave no answer {counts['failed']} times"
    )


def _checked(counts: Mapping[str, int]) -> str:
    checked = counts["agreed"] + counts["wrong"]
    bound = upper_bound(counts["wrong"], checked)
    if bound is None:
        return "none yet"
    found = f"{checked}, of which {counts['wrong']} wrong"
    return f"{found}; with 95 per cent confidence at most {100 * bound:.3g} per cent are"


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)
