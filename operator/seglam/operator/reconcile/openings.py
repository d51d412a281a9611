"""The current spec of a procedure: its immutable revision and the review that decides about it."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from seglam.cluster import AlreadyExists
from seglam.operator.context import Context
from seglam.operator.controllers import Object
from seglam.operator.desired import revision as desired
from seglam.operator.gather.documents import Documents, Parsed
from seglam.operator.gather.known import Known, review_for
from seglam.operator.policies.authorship import MAX_AUTHORS, authors_of_revision
from seglam.operator.seen import Procedure, Revision
from seglam.procedures import ReasoningProcedure
from seglam.resources.names import (
    MANAGED_LABELS,
    OPERATOR,
    PROCEDURE_REVIEW,
    PROCEDURE_REVISION,
    Kind,
    revision_name,
)

log = logging.getLogger(__name__)


class _Foreign(Exception):
    """An object of a name that is needed belongs to somebody else."""


class OnItsWay(Exception):
    """An object of a name that is needed is about to go."""


@dataclass(frozen=True, slots=True)
class Current:
    """What is known of the current spec."""

    digest: str | None
    authors: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    foreign: str | None = None


class Openings:
    """Makes revisions and opens reviews. What exists is left as it is, and what is somebody else's to its owner."""

    def __init__(self, context: Context, known: Known, documents: Documents) -> None:
        self._context = context
        self._known = known
        self._documents = documents

    async def current(self, procedure: Procedure) -> Current | None:
        """The current spec's revision and review, made where they are missing; None if the procedure is another by now.

        Raises:
            OnItsWay: something has to go first.
        """
        known = self._of_digest(procedure, procedure.digest)
        if known is not None:
            return known
        parsed = await self._documents.procedure(procedure.meta.namespace, procedure.meta.name)
        if parsed is None or parsed.generation != procedure.meta.generation:
            return None
        if parsed.digest is None or parsed.document is None:
            return Current(None, problems=parsed.problems)
        return self._of_digest(procedure, parsed.digest) or await self._make(procedure, parsed, parsed.document)

    def _of_digest(self, procedure: Procedure, digest: str | None) -> Current | None:
        """What is known of a digest whose revision and review exist."""
        if digest is None:
            return None
        meta = procedure.meta
        revision = self._known.revision(meta.namespace, revision_name(meta.name, digest))
        review = review_for(self._known, meta.namespace, meta.name, digest)
        if revision is None or review is None or not ours(revision, procedure, digest) or not review.managed:
            return None
        return Current(digest, review.authors)

    async def _make(self, procedure: Procedure, parsed: Parsed, document: ReasoningProcedure) -> Current:
        digest, meta = parsed.digest or "", procedure.meta
        review = self._known.review(meta.namespace, revision_name(meta.name, digest))
        mine = review is not None and review.managed and (review.procedure, review.digest) == (meta.name, digest)
        if review is not None and not mine:
            return Current(digest, procedure.authors, foreign=_named(PROCEDURE_REVIEW, review.meta.name))
        revision = self._known.revision(meta.namespace, revision_name(meta.name, digest))
        known = revision.authors if revision and ours(revision, procedure, digest) else None
        authors = authors_of_revision(procedure.authors, review.authors if review else known)
        if not 0 < len(authors) <= MAX_AUTHORS:
            return Current(digest, authors)
        labels = desired.compilation_label(procedure.compilation)
        # What a compilation wrote is what it wrote until somebody edits it.
        own = procedure.meta.generation == 1 or procedure.compilation is None
        try:
            await self._ensure(
                PROCEDURE_REVISION,
                desired.revision(
                    meta.namespace,
                    meta.name,
                    meta.uid,
                    digest,
                    authors,
                    document.spec,
                    procedure.pool,
                    labels=labels,
                    traceparent=procedure.traceparent if own else None,
                ),
                procedure,
            )
            if review is None:
                await self._ensure(
                    PROCEDURE_REVIEW, desired.review(meta.namespace, meta.name, digest, authors), procedure
                )
        except _Foreign as foreign:
            return Current(digest, authors, foreign=str(foreign))
        return Current(digest, authors)

    async def _ensure(self, kind: Kind, body: Object, procedure: Procedure) -> None:
        """Make an object. One that exists already is taken for ours only where everything says so.

        Raises:
            _Foreign, OnItsWay.
        """
        try:
            await self._context.client.create(kind, body, manager=OPERATOR)
        except AlreadyExists:
            await self._check(kind, body, procedure)
            return
        self._context.metrics.writes.labels(kind.kind, "create").inc()
        log.info("made %s %s/%s", kind.kind, procedure.meta.namespace, body["metadata"]["name"])

    async def _check(self, kind: Kind, body: Object, procedure: Procedure) -> None:
        name, spec = body["metadata"]["name"], body["spec"]
        found = await self._context.client.find(kind, name, procedure.meta.namespace)
        if found is None or found["metadata"].get("deletionTimestamp"):
            raise OnItsWay
        owners = [owner["uid"] for owner in found["metadata"].get("ownerReferences", []) if owner.get("controller")]
        labels = found["metadata"].get("labels", {})
        stated = found.get("spec", {})
        managed = all(labels.get(label) == value for label, value in MANAGED_LABELS.items())
        same = all(stated.get(field) == spec[field] for field in ("procedure", "digest"))
        if not managed or not same:
            raise _Foreign(_named(kind, name))
        if kind is not PROCEDURE_REVISION or owners == [procedure.meta.uid]:
            return
        if owners:
            raise OnItsWay  # of a procedure of this name that was deleted: garbage collection takes it
        # Left behind by a deletion that orphans: the same digest of the same name, and made here.
        patch = {"metadata": {"uid": found["metadata"]["uid"], "ownerReferences": body["metadata"]["ownerReferences"]}}
        await self._context.client.patch(kind, name, patch, procedure.meta.namespace, manager=OPERATOR)
        self._context.metrics.writes.labels(kind.kind, "patch").inc()


def ours(revision: Revision, procedure: Procedure, digest: str) -> bool:
    """Whether a revision is this procedure's own and says what its name stands for."""
    return (
        revision.managed
        and revision.owner == procedure.meta.uid
        and revision.procedure == procedure.meta.name
        and revision.digest == digest
        and revision.meta.name == revision_name(procedure.meta.name, digest)
    )


def _named(kind: Kind, name: str) -> str:
    return f"the {kind.kind} {name}"
