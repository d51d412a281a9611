"""Revisions and decisions in a cluster, as a `Desk`: with the caller's own credentials, and nobody's else.

Who may decide is the API server's to say. What it refuses is told in its words, with what to do.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from seglam.cli.choosing import chosen
from seglam.cli.exits import CliError, Exit

if TYPE_CHECKING:
    from seglam.cluster import Client, ClusterError, Connection
    from seglam.resources.procedure import ReasoningProcedure
    from seglam.resources.review import ProcedureReview
    from seglam.resources.revision import ProcedureRevision

Json = dict[str, Any]
T = TypeVar("T")

PLUGIN = "kubectl-seglam"
"""The name under which kubectl calls this command; its reviews are those of the cluster."""

MANAGER = "kubectl-seglam"
SETTLED_SECONDS = 3.0
"""For which the operator's word on a decision is waited for."""

ATTEMPTS = 5
_DENIED = re.compile(r"denied request: (.*)$", re.DOTALL)

Kubeconfig = Annotated[
    Path | None,
    typer.Option(help="Ask the cluster of this kubeconfig (default: KUBECONFIG, or ~/.kube/config).",
                 metavar="FILE", show_default=False),
]  # fmt: skip
Context = Annotated[
    str | None, typer.Option(help="Ask the cluster of this context of the kubeconfig.", show_default=False)
]
Namespace = Annotated[
    str | None,
    typer.Option("--namespace", "-n", help="Ask the cluster about this namespace.", show_default=False),
]


@dataclass(frozen=True, slots=True)
class Place:
    """Which cluster and namespace; what is None is as kubectl would have it. `everywhere` means all namespaces."""

    kubeconfig: Path | None = None
    context: str | None = None
    namespace: str | None = None
    everywhere: bool = False

    @property
    def meant(self) -> bool:
        """Whether the command line asks for a cluster."""
        return self != Place() or is_plugin()

    def connection(self) -> Connection:
        """The connection; `CliError` if none is configured."""
        from seglam.cluster import ConfigurationError, from_kubeconfig, load

        try:
            return from_kubeconfig(self.kubeconfig, self.context) if self.kubeconfig else load(self.context)
        except ConfigurationError as error:
            raise CliError(str(error), "name a kubeconfig with --kubeconfig or KUBECONFIG", Exit.MISSING) from error


def is_plugin() -> bool:
    """Whether kubectl called this command."""
    return Path(sys.argv[0]).name.startswith(PLUGIN)


class ClusterDesk:
    """The reviews of one namespace."""

    def __init__(self, place: Place) -> None:
        self._connection = place.connection()
        self._namespace = None if place.everywhere else place.namespace or self._connection.namespace

    def revisions(self, everything: bool) -> list[Json]:
        """See `Desk`."""
        return self._run(lambda client: self._revisions(client, everything))

    def revision(self, digest: str) -> Json:
        """See `Desk`."""
        return self._run(lambda client: self._shown(client, digest))

    def decide(self, digest: str, reviewer: str | None, decision: str, reason: str) -> Json:
        """See `Desk`. `reviewer` is the caller, whoever is named."""
        return self._run(lambda client: self._decide(client, digest, reviewer, decision.capitalize(), reason))

    def apply(self, digest: str) -> Json:
        """Write a revision's document into its procedure's spec; the fields that say how it is deployed stay.

        Raises:
            CliError: the spec is not that of the revision that is served, or the API server refuses.
        """
        return self._run(lambda client: self._apply(client, digest))

    def _run(self, call: Callable[[Client], Awaitable[T]]) -> T:
        return asked(self._connection, call)

    # Reading

    async def _revisions(self, client: Client, everything: bool) -> list[Json]:
        reviews = await self._reviews(client)
        summaries = {each.spec.digest: each.spec.document.summary for each in await self._documents(client)}
        wanted = [each for each in reviews if everything or (each.status.state or "Pending") == "Pending"]
        wanted.sort(key=lambda each: each.metadata.creation_timestamp or "")
        return [{**_brief(each), "summary": summaries.get(each.spec.digest, "")} for each in wanted]

    async def _reviews(self, client: Client) -> list[ProcedureReview]:
        from seglam.cluster import Selection
        from seglam.resources.names import PROCEDURE_REVIEW
        from seglam.resources.review import ProcedureReview

        found = await client.list(PROCEDURE_REVIEW, Selection(self._namespace))
        return [ProcedureReview.model_validate(each) for each in found.items]

    async def _documents(self, client: Client) -> list[ProcedureRevision]:
        from seglam.cluster import Selection
        from seglam.resources.names import PROCEDURE_REVISION
        from seglam.resources.revision import ProcedureRevision

        found = await client.list(PROCEDURE_REVISION, Selection(self._namespace))
        return [ProcedureRevision.model_validate(each) for each in found.items]

    async def _review(self, client: Client, wanted: str) -> ProcedureReview:
        """The review that is meant by a digest, its beginning, the review's own name, or its procedure's name: of a
        procedure the newest that waits, else the newest.
        """
        reviews = await self._reviews(client)
        reviews.sort(key=lambda each: (each.status.state in (None, "Pending"), each.metadata.creation_timestamp or ""))
        named = [each for each in reviews if each.metadata.name == wanted]
        if not named:
            digest = chosen(wanted, {each.spec.digest: each.spec.procedure for each in reviews})
            named = [each for each in reviews if each.spec.digest == digest]
        if len(named) > 1:
            these = ", ".join(sorted(f"{each.metadata.name} (namespace {each.metadata.namespace})" for each in named))
            raise CliError(f"several reviews are meant: {these}", "name one of them", where=wanted)
        return named[0]

    async def _revision(self, client: Client, review: ProcedureReview) -> ProcedureRevision:
        from seglam.resources.names import PROCEDURE_REVISION
        from seglam.resources.revision import ProcedureRevision

        found = await client.find(PROCEDURE_REVISION, review.metadata.name, review.metadata.namespace)
        revision = ProcedureRevision.model_validate(found) if found else None
        if revision is None or revision.spec.digest != review.spec.digest:
            what = "its revision is not there any more" if revision is None else "its revision has another digest"
            raise CliError(what, "it is made again once its procedure has that text again", where=review.metadata.name)
        return revision

    async def _procedure(self, client: Client, review: ProcedureReview) -> ReasoningProcedure | None:
        from seglam.resources.names import REASONING_PROCEDURE
        from seglam.resources.procedure import ReasoningProcedure

        found = await client.find(REASONING_PROCEDURE, review.spec.procedure, review.metadata.namespace)
        return ReasoningProcedure.model_validate(found) if found else None

    async def _shown(self, client: Client, wanted: str) -> Json:
        review = await self._review(client, wanted)
        revision, procedure = await self._revision(client, review), await self._procedure(client, review)
        active = procedure.status.active_digest if procedure else None
        old = None
        if active is not None and active != review.spec.digest:
            old = next((each for each in await self._documents(client) if each.spec.digest == active), None)
        decisions = [each.model_dump(mode="json", exclude_none=True) for each in review.spec.decisions or ()]
        return {
            **_brief(review),
            "replaces": active if old is not None else None,
            "document": document_of(review.spec.procedure, revision),
            "evidence": [_evidence(each) for each in revision.status.evidence or ()],
            "engines": list(revision.status.engines or ()),
            "conditions": [each.model_dump(mode="json", by_alias=True) for each in revision.status.conditions or ()],
            "reviews": decisions,
            "previous": document_of(review.spec.procedure, old) if old is not None else None,
        }

    # Deciding

    async def _decide(self, client: Client, wanted: str, named: str | None, decision: str, reason: str) -> Json:
        from seglam.cluster import Conflict
        from seglam.resources.names import PROCEDURE_REVIEW

        me = await _whoami(client)
        if named is not None and named != me:
            raise CliError(
                f"you are {me}", "leave --as out: a decision in a cluster is your own", Exit.USAGE, where=named
            )
        for attempt in range(ATTEMPTS):
            review = await self._review(client, wanted)
            made = review.spec.decisions or ()
            if any(each.reviewer == me and each.decision == decision for each in made):
                break
            entry = {"reviewer": me, "decision": decision, "reason": reason}
            version = {"op": "test", "path": "/metadata/resourceVersion", "value": review.metadata.resource_version}
            path, value = ("/spec/decisions/-", entry) if made else ("/spec/decisions", [entry])
            change = [version, {"op": "add", "path": path, "value": value}]
            try:
                await client.patch(
                    PROCEDURE_REVIEW, review.metadata.name, change, review.metadata.namespace,
                    type="json", manager=MANAGER,
                )  # fmt: skip
                break
            except Conflict:  # somebody decided meanwhile
                if attempt == ATTEMPTS - 1:
                    raise
        return {**_brief(await self._settled(client, review)), "reviewer": me}

    async def _settled(self, client: Client, review: ProcedureReview) -> ProcedureReview:
        """The review once the operator has seen it, or as it is when the wait is over."""
        from seglam.resources.names import PROCEDURE_REVIEW
        from seglam.resources.review import ProcedureReview

        until = monotonic() + SETTLED_SECONDS
        while True:
            body = await client.get(PROCEDURE_REVIEW, review.metadata.name, review.metadata.namespace)
            found = ProcedureReview.model_validate(body)
            if (found.status.observed_generation or 0) >= (found.metadata.generation or 0) or monotonic() > until:
                return found
            await asyncio.sleep(0.2)

    async def _apply(self, client: Client, wanted: str) -> Json:
        from seglam.procedures import digest as digest_of
        from seglam.procedures.document import DEPLOYMENT_FIELDS
        from seglam.resources.names import REASONING_PROCEDURE

        review = await self._review(client, wanted)
        revision, procedure = await self._revision(client, review), await self._procedure(client, review)
        where = review.spec.procedure
        if procedure is None:
            raise CliError("the procedure is not there", "apply the manifest: `review show --manifest`", where=where)
        current, active = digest_of(procedure.spec), procedure.status.active_digest
        if current == review.spec.digest:
            return _brief(review)
        if active is not None and current != active:
            what = "its spec is neither this revision nor the one that is served: somebody edits it"
            raise CliError(what, "merge by hand: `review show --manifest`", Exit.NEGATIVE, where=where)
        content = revision.spec.document.model_dump(mode="json", by_alias=True, exclude_none=True)
        kept = procedure.spec.model_dump(mode="json", by_alias=True, exclude_none=True, include=set(DEPLOYMENT_FIELDS))
        body = await client.get(REASONING_PROCEDURE, where, review.metadata.namespace)
        if body["metadata"]["resourceVersion"] != procedure.metadata.resource_version:
            raise CliError("it changed meanwhile", "look again: `review show`", Exit.NEGATIVE, where=where)
        body["spec"] = {**content, **kept}
        await client.replace(REASONING_PROCEDURE, body, manager=MANAGER)
        return _brief(review)


def asked(connection: Connection, call: Callable[[Client], Awaitable[T]]) -> T:
    """What a call of the API server gives; `CliError` in its words if that fails."""
    from seglam.cluster import Client, ClusterError, ConfigurationError

    async def run() -> T:
        async with Client(connection, agent=MANAGER) as client:
            return await call(client)

    try:
        return asyncio.run(run())
    except ClusterError as error:
        raise refused(error) from error
    except ConfigurationError as error:
        raise CliError(str(error), "see `kubectl config view`", Exit.MISSING) from error


async def _whoami(client: Client) -> str:
    from seglam.cluster.kinds import SELF_SUBJECT_REVIEW

    body = {"apiVersion": SELF_SUBJECT_REVIEW.api_version, "kind": SELF_SUBJECT_REVIEW.kind, "metadata": {}}
    found = await client.create(SELF_SUBJECT_REVIEW, body)
    return str(found["status"]["userInfo"]["username"])


def refused(error: ClusterError) -> CliError:
    """What the API server refused, in its own words, and what to do about it."""
    from seglam.cluster import Conflict, Forbidden, Invalid, NotFound, Unauthorized

    said = _DENIED.search(error.message)
    message = " ".join((said[1] if said else error.message).split())
    match error:
        case Forbidden() if "author cannot approve" in message:
            return CliError(message, "ask somebody who is no author", Exit.NEGATIVE)
        case Forbidden() if "needs the verb approve" in message:
            return CliError(message, "ask for a binding of it in this namespace", Exit.NEGATIVE)
        case Forbidden() if said:
            return CliError(message, "see the ValidatingAdmissionPolicies of SEGLAM", Exit.NEGATIVE)
        case Forbidden():
            return CliError(
                message, "ask for a binding of ClusterRole seglam-approver in this namespace", Exit.NEGATIVE
            )
        case NotFound() if error.reason != "NotFound" or "could not find" in message:
            return CliError(
                "the cluster does not know SEGLAM's kinds", "install the chart `charts/seglam`", Exit.MISSING
            )
        case NotFound():
            return CliError(message, "see `kubectl get rpr`", Exit.DATA)
        case Conflict():
            return CliError(message, "somebody else is writing it; try again", Exit.NEGATIVE)
        case Invalid():
            return CliError(message, "correct it", Exit.NEGATIVE)
        case Unauthorized():
            return CliError("the cluster does not accept your credentials", "log in again", Exit.MISSING)
    return CliError(f"the API server cannot be asked: {message}", "see `kubectl cluster-info`", Exit.MISSING)


def _brief(review: ProcedureReview) -> Json:
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


def document_of(name: str, revision: ProcedureRevision) -> Json:
    """A revision's text as the procedure's document."""
    spec = revision.spec.document.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {
        "apiVersion": "seglam.dev/v1alpha1",
        "kind": "ReasoningProcedure",
        "metadata": {"name": name, "namespace": revision.metadata.namespace},
        "spec": spec,
    }


def _evidence(found: Any) -> Json:
    plain: Json = found.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {**plain, "detail": json.loads(plain.get("detail") or "{}")}
