"""Revisions and decisions in a cluster, as a `Desk`: with the caller's own credentials, and nobody's else.

Who may decide is the API server's to say. What it refuses is told in its words, with what to do.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from seglam.cli.choosing import chosen
from seglam.cli.exits import CliError, Exit

if TYPE_CHECKING:
    from seglam.cluster import Client, ClusterError, Connection
    from seglam.gateway.cluster.reviews import Refused, Reviews
    from seglam.resources.review import ProcedureReview

Json = dict[str, Any]
T = TypeVar("T")

PLUGIN = "kubectl-seglam"
"""The name under which kubectl calls this command; its reviews are those of the cluster."""

MANAGER = "kubectl-seglam"

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
        return asked(self._connection, lambda client: self._revisions(client, everything))

    def revision(self, digest: str) -> Json:
        """See `Desk`."""
        return asked(self._connection, lambda client: self._shown(client, digest))

    def decide(self, digest: str, reviewer: str | None, decision: str, reason: str) -> Json:
        """See `Desk`. `reviewer` is the caller, whoever is named."""
        return asked(self._connection, lambda client: self._decide(client, digest, reviewer, decision, reason))

    def apply(self, digest: str) -> Json:
        """Write a revision's document into its procedure's spec; the fields that say how it is deployed stay.

        Raises:
            CliError: the spec is not that of the revision that is served, or the API server refuses.
        """
        return asked(self._connection, lambda client: self._apply(client, digest))

    async def _revisions(self, client: Client, everything: bool) -> list[Json]:
        from seglam.cluster import Selection
        from seglam.gateway.cluster.reviews import brief, waits
        from seglam.resources.names import PROCEDURE_REVISION
        from seglam.resources.revision import ProcedureRevision

        reviews = await self._reviews(client).all()
        found = await client.list(PROCEDURE_REVISION, Selection(self._namespace))
        documents = [ProcedureRevision.model_validate(each) for each in found.items]
        summaries = {each.spec.digest: each.spec.document.summary for each in documents}
        wanted = [each for each in reviews if everything or waits(each)]
        return [{**brief(each), "summary": summaries.get(each.spec.digest, "")} for each in wanted]

    async def _shown(self, client: Client, wanted: str) -> Json:
        from seglam.gateway.cluster.reviews import shown

        reviews = self._reviews(client)
        return shown(await reviews.proposed(await self._review(reviews, wanted)))

    async def _decide(self, client: Client, wanted: str, named: str | None, decision: str, reason: str) -> Json:
        from seglam.gateway.cluster.reviews import VERDICTS, brief, whoami

        me, reviews = await whoami(client), self._reviews(client)
        if named is not None and named != me:
            raise CliError(
                f"you are {me}", "leave --as out: a decision in a cluster is your own", Exit.USAGE, where=named
            )
        decided = await reviews.decide(await self._review(reviews, wanted), me, VERDICTS[decision], reason)
        return {**brief(decided), "reviewer": me}

    async def _apply(self, client: Client, wanted: str) -> Json:
        from seglam.gateway.cluster.reviews import brief

        reviews = self._reviews(client)
        review = await self._review(reviews, wanted)
        await reviews.write(review)
        return brief(review)

    def _reviews(self, client: Client) -> Reviews:
        from seglam.gateway.cluster.reviews import Reviews

        return Reviews(client, self._namespace, MANAGER)

    async def _review(self, reviews: Reviews, wanted: str) -> ProcedureReview:
        """The review that is meant by a digest, its beginning, the review's own name, or its procedure's name: of a
        procedure the newest that waits, else the newest.
        """
        from seglam.gateway.cluster.reviews import waits

        known = sorted(await reviews.all(), key=waits)
        named = [each for each in known if each.metadata.name == wanted]
        if not named:
            digest = chosen(wanted, {each.spec.digest: each.spec.procedure for each in known})
            named = [each for each in known if each.spec.digest == digest]
        if len(named) > 1:
            these = ", ".join(sorted(f"{each.metadata.name} (namespace {each.metadata.namespace})" for each in named))
            raise CliError(f"several reviews are meant: {these}", "name one of them", where=wanted)
        return named[0]


def asked(connection: Connection, call: Callable[[Client], Awaitable[T]]) -> T:
    """What a call of the API server gives; `CliError` in its words if that fails."""
    from seglam.cluster import Client, ClusterError, ConfigurationError
    from seglam.gateway.cluster.reviews import Refused

    async def run() -> T:
        async with Client(connection, agent=MANAGER) as client:
            return await call(client)

    try:
        return asyncio.run(run())
    except ClusterError as error:
        raise refused(error) from error
    except Refused as problem:
        raise _ended(problem) from problem
    except ConfigurationError as error:
        raise CliError(str(error), "see `kubectl config view`", Exit.MISSING) from error


def refused(error: ClusterError) -> CliError:
    """What the API server refused, in its own words, and what to do about it."""
    from seglam.gateway.cluster import reviews

    return _ended(reviews.refused(error))


def _ended(problem: Refused) -> CliError:
    from seglam.gateway.cluster.reviews import Why

    codes = {Why.UNKNOWN: Exit.DATA, Why.MISSING: Exit.MISSING, Why.STRANGER: Exit.MISSING}
    code = codes.get(problem.why, Exit.NEGATIVE)
    return CliError(str(problem), problem.remedy, code, where=problem.where or None)
