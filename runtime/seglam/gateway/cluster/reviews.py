"""Reviews in a cluster, with the credentials of whoever looks or decides, and nobody else's.

Who may see and decide what is the API server's to say: by its rules of access, and by the admission policies, which
hold a decision to its reviewer's name and keep authors from approving. Both `kubectl seglam review` and the console
look and decide here.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from time import monotonic
from typing import Any

from seglam.cluster import (
    Client,
    ClusterError,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Selection,
    Unauthorized,
)
from seglam.cluster.kinds import SELF_SUBJECT_ACCESS_REVIEW, SELF_SUBJECT_REVIEW
from seglam.procedures import digest as digest_of
from seglam.procedures.document import DEPLOYMENT_FIELDS
from seglam.resources.names import (
    API_VERSION,
    GROUP,
    LABEL_PROCEDURE,
    PROCEDURE_REVIEW,
    PROCEDURE_REVISION,
    REASONING_PROCEDURE,
    revision_name,
)
from seglam.resources.procedure import ReasoningProcedure
from seglam.resources.review import ProcedureReview, Verdict
from seglam.resources.revision import ProcedureRevision

Json = dict[str, Any]

SETTLED_SECONDS = 3.0
"""For which the operator's word on a decision is waited for."""
ATTEMPTS = 5
VERDICTS: Mapping[str, Verdict] = {"approve": "Approve", "reject": "Reject", "quarantine": "Quarantine"}
"""Decisions by the names that commands and forms have for them."""
_DENIED = re.compile(r"denied request: (.*)$", re.DOTALL)


class Why(StrEnum):
    """Why something was refused."""

    REFUSED = "refused"  # the API server says no
    MEANWHILE = "meanwhile"  # what was looked at has changed
    WRONG = "wrong"  # what was sent is not right
    UNKNOWN = "unknown"  # there is no such object
    STRANGER = "stranger"  # the credentials are not accepted
    MISSING = "missing"  # no cluster, or no SEGLAM in it


class Refused(Exception):
    """What cannot be done; `remedy` says what to do, `where` what it is about."""

    def __init__(self, message: str, remedy: str, why: Why, where: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy
        self.why = why
        self.where = where


@dataclass(frozen=True, slots=True)
class Proposed:
    """A revision with its review.

    Attributes:
        procedure: None if it is not there any more.
        served: the revision that is served, if it is another one; None if there is none, or it is not kept.
    """

    review: ProcedureReview
    revision: ProcedureRevision
    procedure: ReasoningProcedure | None
    served: ProcedureRevision | None

    @property
    def extends(self) -> bool:
        """Whether its procedure has another text, which this one would replace."""
        return self.procedure is not None and digest_of(self.procedure.spec) != self.review.spec.digest


class Reviews:
    """The reviews of one namespace, or of all, as one caller sees them. Methods raise `ClusterError` where the API
    server refuses; see `refused`.

    Args:
        client: with the caller's credentials.
        manager: who is said to have written what is written.
    """

    def __init__(self, client: Client, namespace: str | None, manager: str) -> None:
        self._client = client
        self._namespace = namespace
        self._manager = manager

    # Reading

    async def all(self) -> list[ProcedureReview]:
        """All reviews, oldest first."""
        found = await self._client.list(PROCEDURE_REVIEW, Selection(self._namespace))
        read = [ProcedureReview.model_validate(each) for each in found.items]
        return sorted(read, key=lambda each: (each.metadata.creation_timestamp or "", each.metadata.name))

    async def revision(self, review: ProcedureReview) -> ProcedureRevision:
        """What a review is about. `Refused` if that is not there."""
        name = review.metadata.name
        found = await self._found(name, review.metadata.namespace)
        if found is None or found.spec.digest != review.spec.digest:
            what = "its revision is not there any more" if found is None else "its revision has another digest"
            raise Refused(what, "it is made again once its procedure has that text again", Why.UNKNOWN, name)
        return found

    async def found_by(self, reviews: Sequence[ProcedureReview]) -> dict[str, Json]:
        """What revisions of reviews in one namespace say of themselves, by name, in one call: their `summary`, and
        what the gates found as `evidence`, without its detail. A revision that is not there any more is left out.
        """
        known = {each.metadata.name: each.spec.digest for each in reviews}
        labels = sorted({each.spec.procedure for each in reviews})
        if not labels:
            return {}
        found = await self._client.list(
            PROCEDURE_REVISION, Selection(self._namespace, labels=f"{LABEL_PROCEDURE} in ({','.join(labels)})")
        )
        return {
            each["metadata"]["name"]: _said(each)
            for each in found.items
            if known.get(each["metadata"]["name"]) == each["spec"]["digest"]
        }

    async def proposed(self, review: ProcedureReview) -> Proposed:
        """A review with all that its reader compares. `Refused` if its revision is not there."""
        revision, procedure = await asyncio.gather(self.revision(review), self._procedure(review))
        active = procedure.status.active_digest if procedure is not None else None
        old = None
        if active is not None and active != review.spec.digest:
            old = await self._found(revision_name(review.spec.procedure, active), review.metadata.namespace)
        served = old if old is not None and old.spec.digest == active else None
        return Proposed(review, revision, procedure, served)

    async def _procedure(self, review: ProcedureReview) -> ReasoningProcedure | None:
        found = await self._client.find(REASONING_PROCEDURE, review.spec.procedure, review.metadata.namespace)
        return ReasoningProcedure.model_validate(found) if found else None

    async def _found(self, name: str, namespace: str | None) -> ProcedureRevision | None:
        found = await self._client.find(PROCEDURE_REVISION, name, namespace)
        return ProcedureRevision.model_validate(found) if found else None

    # Deciding

    async def decide(self, review: ProcedureReview, reviewer: str, decision: Verdict, reason: str) -> ProcedureReview:
        """Add a decision, unless the reviewer has taken it already; the review once the operator has seen it, or as it
        is when the wait is over.

        Args:
            reviewer: the caller's own name; the API server takes no other.
        """
        for attempt in range(ATTEMPTS):
            made = review.spec.decisions or ()
            if any(each.reviewer == reviewer and each.decision == decision for each in made):
                break
            entry = {"reviewer": reviewer, "decision": decision, "reason": reason}
            version = {"op": "test", "path": "/metadata/resourceVersion", "value": review.metadata.resource_version}
            path, value = ("/spec/decisions/-", entry) if made else ("/spec/decisions", [entry])
            change = [version, {"op": "add", "path": path, "value": value}]
            where = review.metadata.name, review.metadata.namespace
            try:
                await self._client.patch(
                    PROCEDURE_REVIEW, where[0], change, where[1], type="json", manager=self._manager
                )
                break
            except Conflict:  # somebody decided meanwhile
                if attempt == ATTEMPTS - 1:
                    raise
            review = await self._again(review)
        return await self._settled(review)

    async def write(self, review: ProcedureReview) -> None:
        """Write a revision's document into its procedure's spec; the fields that say how it is deployed stay.

        Raises:
            Refused: the spec is not that of the revision that is served.
        """
        revision, procedure = await self.revision(review), await self._procedure(review)
        where = review.spec.procedure
        by_hand = "`kubectl seglam review show --manifest` prints it"
        if procedure is None:
            raise Refused("the procedure is not there", f"apply the manifest: {by_hand}", Why.UNKNOWN, where)
        current, active = digest_of(procedure.spec), procedure.status.active_digest
        if current == review.spec.digest:
            return
        if active is not None and current != active:
            what = "its spec is neither this revision nor the one that is served: somebody edits it"
            raise Refused(what, f"merge by hand: {by_hand}", Why.MEANWHILE, where)
        content = revision.spec.document.model_dump(mode="json", by_alias=True, exclude_none=True)
        kept = procedure.spec.model_dump(mode="json", by_alias=True, exclude_none=True, include=set(DEPLOYMENT_FIELDS))
        body = await self._client.get(REASONING_PROCEDURE, where, review.metadata.namespace)
        if body["metadata"]["resourceVersion"] != procedure.metadata.resource_version:
            raise Refused("it changed meanwhile", "look at it again", Why.MEANWHILE, where)
        body["spec"] = {**content, **kept}
        await self._client.replace(REASONING_PROCEDURE, body, manager=self._manager)

    async def _again(self, review: ProcedureReview) -> ProcedureReview:
        body = await self._client.get(PROCEDURE_REVIEW, review.metadata.name, review.metadata.namespace)
        return ProcedureReview.model_validate(body)

    async def _settled(self, review: ProcedureReview) -> ProcedureReview:
        until = monotonic() + SETTLED_SECONDS
        while True:
            found = await self._again(review)
            if (found.status.observed_generation or 0) >= (found.metadata.generation or 0) or monotonic() > until:
                return found
            await asyncio.sleep(0.2)


async def whoami(client: Client) -> str:
    """The caller's name, as the API server has it."""
    body = {"apiVersion": SELF_SUBJECT_REVIEW.api_version, "kind": SELF_SUBJECT_REVIEW.kind, "metadata": {}}
    found = await client.create(SELF_SUBJECT_REVIEW, body)
    return str(found["status"]["userInfo"]["username"])


async def may_approve(client: Client, namespace: str, procedure: str) -> bool:
    """Whether the caller has the verb `approve` on a procedure, as its approval needs."""
    asked = {"namespace": namespace, "verb": "approve", "group": GROUP, "resource": REASONING_PROCEDURE.plural,
             "name": procedure}  # fmt: skip
    kind = SELF_SUBJECT_ACCESS_REVIEW
    body = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {}, "spec": {"resourceAttributes": asked}}
    found = await client.create(kind, body)
    return bool(found["status"]["allowed"])


def refused(error: ClusterError) -> Refused:
    """What the API server refused, in its own words, and what to do about it."""
    said = _DENIED.search(error.message)
    message = " ".join((said[1] if said else error.message).split())
    match error:
        case Forbidden() if "author cannot approve" in message:
            return Refused(message, "ask somebody who is no author", Why.REFUSED)
        case Forbidden() if "needs the verb approve" in message:
            return Refused(message, "ask for a binding of it in this namespace", Why.REFUSED)
        case Forbidden() if said:
            return Refused(message, "see the ValidatingAdmissionPolicies of SEGLAM", Why.REFUSED)
        case Forbidden():
            return Refused(message, "ask for a binding of ClusterRole seglam-approver in this namespace", Why.REFUSED)
        case NotFound() if error.reason != "NotFound" or "could not find" in message:
            return Refused("the cluster does not know SEGLAM's kinds", "install the chart `charts/seglam`", Why.MISSING)
        case NotFound():
            return Refused(message, "see `kubectl get rpr`", Why.UNKNOWN)
        case Conflict():
            return Refused(message, "somebody else is writing it; try again", Why.MEANWHILE)
        case Invalid():
            return Refused(message, "correct it", Why.WRONG)
        case Unauthorized():
            return Refused("the cluster does not accept your credentials", "log in again", Why.STRANGER)
    return Refused(f"the API server cannot be asked: {message}", "see `kubectl cluster-info`", Why.MISSING)


def _said(revision: Json) -> Json:
    evidence = (revision.get("status") or {}).get("evidence") or ()
    return {
        "summary": revision["spec"]["document"]["summary"],
        "evidence": [{name: each[name] for name in ("gate", "passed", "summary")} for each in evidence],
    }


def waits(review: ProcedureReview) -> bool:
    """Whether nobody has decided yet."""
    return (review.status.state or "Pending") == "Pending"


def brief(review: ProcedureReview) -> Json:
    """A review in a list."""
    return {
        "digest": review.spec.digest,
        "name": review.spec.procedure,
        "state": review.status.state or "Pending",
        "authors": list(review.spec.authors),
        "created": str(review.metadata.creation_timestamp or ""),
        "namespace": review.metadata.namespace,
        "review": review.metadata.name,
        "gates": review.status.gates,
    }


def shown(found: Proposed) -> Json:
    """A revision as it is shown."""
    review, revision, name = found.review, found.revision, found.review.spec.procedure
    return {
        **brief(review),
        "replaces": found.served.spec.digest if found.served is not None else None,
        "document": document_of(name, revision),
        "evidence": evidence_of(revision),
        "engines": list(revision.status.engines or ()),
        "conditions": [each.model_dump(mode="json", by_alias=True) for each in revision.status.conditions or ()],
        "reviews": [each.model_dump(mode="json", exclude_none=True) for each in review.spec.decisions or ()],
        "previous": document_of(name, found.served) if found.served is not None else None,
    }


def document_of(name: str, revision: ProcedureRevision) -> Json:
    """A revision's text as the procedure's document."""
    spec = revision.spec.document.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {
        "apiVersion": API_VERSION,
        "kind": "ReasoningProcedure",
        "metadata": {"name": name, "namespace": revision.metadata.namespace},
        "spec": spec,
    }


def evidence_of(revision: ProcedureRevision) -> Sequence[Json]:
    """What the gates found, with details as JSON."""
    found = (each.model_dump(mode="json", by_alias=True, exclude_none=True) for each in revision.status.evidence or ())
    return [{**each, "detail": json.loads(each.get("detail") or "{}")} for each in found]
