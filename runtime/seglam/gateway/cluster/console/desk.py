"""Reviews of a cluster on pages: read and decided in the name of who looks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from seglam.cluster import Client, Forbidden, NotFound, Selection
from seglam.gateway.cluster import reviews
from seglam.gateway.cluster.console.asking import AGENT, Asking, Person
from seglam.gateway.cluster.reviews import VERDICTS, Proposed, Reviews, may_approve, waits
from seglam.gateway.pages import desk
from seglam.gateway.pages.showing import Choice, Proposal, Standing, proposal
from seglam.gateway.trying import Trial
from seglam.gateway.web import Blocking
from seglam.procedures import Request, Revision, Spec
from seglam.procedures import digest as digest_of
from seglam.resources import ProcedureCounterexample
from seglam.resources.names import (
    ANNOTATION_TRACEPARENT,
    LABEL_COMPILATION,
    LABEL_PACK_IMPORT,
    PROCEDURE_COUNTEREXAMPLE,
    PROCEDURE_REVIEW,
    REASONING_PROCEDURE,
)
from seglam.resources.review import ProcedureReview
from seglam.telemetry import SpanReference
from seglam.web import Problem

NAME = re.compile(r"[a-z0-9][-.a-z0-9]{0,252}")
WRITE = "approve-and-write"
"""The decision to approve an extension and to write it into its procedure, as `review approve --apply` does."""
UNASKED = (
    "Not kept: the text of a request never enters a cluster's resources, and waits in the gateway only until its "
    "compilation has ended."
)

Try = Callable[[str, Revision, Request], Trial]
"""Asks a revision alone, and what a tenant is served; blocks."""
Serves = Callable[[str], Mapping[str, str]]
"""Digests of what a tenant is served, by procedure."""


class ReviewDesk:
    """The desk of a cluster; see `seglam.gateway.pages.desk.Desk`.

    Args:
        attempt: tries a revision.
        serves: what the gateway serves.
        blocking: runs trials.
    """

    def __init__(self, asking: Asking, attempt: Try, serves: Serves, blocking: Blocking) -> None:
        self._asking = asking
        self._attempt = attempt
        self._serves = serves
        self._blocking = blocking

    async def waiting(self, who: Person, after: str | None) -> Mapping[str, Any]:
        """See `Desk`."""
        async with self._asking.by(who.token) as client:
            opened = Reviews(client, who.tenant, AGENT)
            queue = [each for each in await opened.all() if waits(each)]
            first = 0
            if after is not None:
                known = [each.metadata.name for each in queue]
                if after not in known:
                    raise Problem(400, "bad-request", "after is no review that waits; begin without it")
                first = known.index(after) + 1
            chosen = queue[first : first + desk.SHOWN]
            said, served = await opened.found_by(chosen), self._serves(who.tenant)
            more = first + len(chosen) < len(queue)
            return {
                "reviews": [_in_queue(each, said.get(each.metadata.name), served) for each in chosen],
                "waiting": len(queue),
                "next": chosen[-1].metadata.name if more else None,
            }

    async def proposal(self, who: Person, digest: str) -> Proposal:
        """See `Desk`. A review is also meant by its name, which its page has, since one text may be of two
        procedures."""
        async with self._asking.by(who.token) as client:
            found = await self._proposed(client, who, digest)
            return _shown(found, await _against(client, who, found.review), who.requester)

    async def decide(self, who: Person, digest: str, decision: str, reason: str) -> None:
        """See `Desk`."""
        wanted = VERDICTS.get("approve" if decision == WRITE else decision)
        if wanted is None:
            raise Problem(400, "unknown-decision", f"{decision[:100]!r} is no decision that can be taken in a cluster")
        async with self._asking.by(who.token) as client:
            opened = Reviews(client, who.tenant, AGENT)
            review = await _review(opened, client, who, digest)
            await opened.decide(review, who.requester, wanted, reason)
            if decision == WRITE:
                await opened.write(review)

    async def attempt(self, who: Person, digest: str, request: Request) -> Trial:
        """See `Desk`. It runs code that nobody has approved, so only who may approve it may ask it."""
        async with self._asking.by(who.token) as client:
            found = await self._proposed(client, who, digest)
            name = found.review.spec.procedure
            if not await may_approve(client, who.tenant, name):
                words = f"to try a revision of {name} you need the verb approve on {REASONING_PROCEDURE.plural}"
                raise Problem(403, "forbidden", f"{words}; ask for a binding of ClusterRole seglam-approver")
        trial: Trial = await self._blocking(self._attempt, who.tenant, _revision(found), request)
        return trial

    async def _proposed(self, client: Client, who: Person, digest: str) -> Proposed:
        opened = Reviews(client, who.tenant, AGENT)
        found = await opened.proposed(await _review(opened, client, who, digest))
        if digest_of(found.revision.spec.document) != found.review.spec.digest:
            raise Problem(409, "changed-meanwhile", "the revision's text is not the one that its digest names")
        return found


async def _review(opened: Reviews, client: Client, who: Person, wanted: str) -> ProcedureReview:
    """The review of a name or of a digest."""
    if not wanted.startswith("sha256:"):
        if not NAME.fullmatch(wanted):
            raise _unknown(wanted)
        try:
            return ProcedureReview.model_validate(await client.get(PROCEDURE_REVIEW, wanted, who.tenant))
        except NotFound as error:
            if error.reason != "NotFound":
                raise
            raise _unknown(wanted) from None
    found = [each for each in await opened.all() if each.spec.digest == wanted]
    if len(found) > 1:
        words = f"procedures {', '.join(each.spec.procedure for each in found)} have this text; open one of the queue"
        raise Problem(409, "ambiguous", words)
    if not found:
        raise _unknown(wanted)
    return found[0]


def _unknown(wanted: str) -> Problem:
    return Problem(404, "unknown-revision", f"there is no review of {wanted[:100]} in your namespace")


def _in_queue(review: ProcedureReview, said: Mapping[str, Any] | None, served: Mapping[str, str]) -> Mapping[str, Any]:
    active = served.get(review.spec.procedure)
    replaces = active if active != review.spec.digest else None
    gone = {"summary": "Its revision is not there any more.", "evidence": ()}
    return {**reviews.brief(review), "replaces": replaces, **(gone if said is None else said)}


async def _against(client: Client, who: Person, review: ProcedureReview) -> str:
    """How many counterexamples are stated against a revision, in words."""
    try:
        found = await client.list(PROCEDURE_COUNTEREXAMPLE, Selection(who.tenant))
    except Forbidden:
        return "you may not read counterexamples"
    read = [ProcedureCounterexample.model_validate(each) for each in found.items]
    about = (review.spec.procedure, review.spec.digest)
    own = [each for each in read if (each.spec.procedure, each.spec.digest) == about]
    standing = Counter((each.status.state or "Open").lower() for each in own)
    return ", ".join(f"{count} {state}" for state, count in sorted(standing.items())) or "nothing"


def _shown(found: Proposed, against: str, reader: str) -> Proposal:
    shown, revision = reviews.shown(found), found.revision
    span = SpanReference.parse(revision.metadata.annotations.get(ANNOTATION_TRACEPARENT))
    about = {
        **shown,
        "origin": _origin(found),
        "traceId": span.trace_id if span else None,
        "compilation": None,
        "reviews": [{"at": "", "reason": None, **each} for each in shown["reviews"]],
    }
    evidence = [{**each, "detail": {"run by": f"the {each['by']}", **each["detail"]}} for each in shown["evidence"]]
    own = reader in found.review.spec.authors
    gates = found.review.status.gates or "none yet"
    since = (
        ("Gates that it passed", gates),
        ("Its procedure", _procedure(found)),
        ("Said against it", against),
        ("Hits checked again", "not in a cluster; nothing runs in shadow either"),
    )
    barred = f"{reader} is one of its authors" if own else None
    return proposal(about, evidence, shown["previous"], Standing(_choices(found, own), barred, since, UNASKED))


def _choices(found: Proposed, own: bool) -> list[Choice]:
    """What may be decided as things stand; the API server has the last word."""
    state, extends = found.review.status.state or "Pending", found.extends
    offered = []
    if state == "Pending":
        offered.append(Choice("approve", "Approve", True, own))
    if extends and state in ("Pending", "Approved"):
        offered.append(Choice(WRITE, "Approve, and write it into its procedure", True, own))
    if state == "Pending":
        offered.append(Choice("reject", "Reject", False, False))
    if state != "Quarantined":
        offered.append(Choice("quarantine", "Quarantine: it gives wrong answers", False, False))
    return offered


def _revision(found: Proposed) -> Revision:
    content = found.revision.spec.document.model_dump(mode="json", by_alias=True, exclude_none=True)
    return Revision(found.review.spec.procedure, Spec.model_validate(content), found.review.spec.digest)


def _origin(found: Proposed) -> str:
    if LABEL_COMPILATION in found.revision.metadata.labels:
        return "a compilation"
    imported = found.procedure is not None and LABEL_PACK_IMPORT in found.procedure.metadata.labels
    return "a pack" if imported else "a manifest"


def _procedure(found: Proposed) -> str:
    if found.procedure is None:
        return "is not there any more"
    return "has another text; this one is served once it is written there" if found.extends else "has this text"
