"""The steps of a publication, each from what the one before committed. A step that was interrupted is done again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from sqlmodel import Session

from seglam.compiler import Bench
from seglam.packs.trust.predicates import Kind
from seglam.registry.database import Database
from seglam.registry.publishing import admission, committing, sealing
from seglam.registry.publishing.publication import PublishProblem, Stated
from seglam.registry.publishing.queue import Done, Queue, Work
from seglam.registry.publishing.reading import Received, read
from seglam.registry.publishing.testing import test
from seglam.registry.signing import Signing
from seglam.registry.tables import PublicationState, stamp

FACTS = "facts"
ENGINES = "engines"
STATEMENT = "statement:test-result"
SEALS: tuple[Kind, ...] = ("test-result", "release")


class Index(Protocol):
    """What keeps the index; see `seglam.registry.indexing`."""

    def update(self) -> object:
        """Let the index say what the database says."""


@dataclass(frozen=True)
class Tools:
    """What the steps need.

    Attributes:
        bench: two engine builds; loads them at its first call.
        index: None where no index is kept.
    """

    origin: str
    database: Database
    signing: Signing
    bench: Callable[[], Bench]
    index: Index | None = None


class Steps:
    """Does the steps of one publication."""

    def __init__(self, tools: Tools, queue: Queue) -> None:
        self._tools = tools
        self._queue = queue
        self._received: Received | None = None

    def step(self, work: Work) -> Work:
        """Do the next step and keep it.

        Raises:
            PublishProblem: it cannot be done, or not now.
            DatabaseError: it could not be kept.
            LeaseLost: somebody else does it.
        """
        steps = {
            PublicationState.RECEIVED: self._admit,
            PublicationState.VERIFIED: self._test,
            PublicationState.TESTED: self._seal,
            PublicationState.SIGNED: self._commit,
            PublicationState.PUBLISHED: self._list,
        }
        return steps[work.publication.state](work)

    def _admit(self, work: Work) -> Work:
        received = self._read(work)
        release = received.pack.release
        named = (str(release.name), str(release.version), received.pack.digest)
        read_ = _stated(
            "read",
            f"{release} with {len(received.bundles)} bundles",
            {"digest": received.pack.digest, "procedures": len(received.facts.procedures)},
        )

        def reserved(session: Session) -> None:
            admission.reserve(session, work.publication, received, self._tools.origin)

        taken = _stated("name", f"{work.publication.subject} may publish it, and the version was never used", {})
        work = self._queue.keep(work, Done(PublicationState.RECEIVED, (read_, taken), release=named, also=reserved))
        with self._tools.database.read() as session:
            decision = admission.decide(session, work.publication, received, self._tools.signing.keyless)
        passed = _stated("gate", decision.words, {"decision": decision.document()})
        facts = {FACTS: admission.bundle_facts(decision.verified)}
        return self._queue.keep(work, Done(PublicationState.VERIFIED, (passed,), facts))

    def _test(self, work: Work) -> Work:
        tested = test(self._read(work).pack, self._tools.bench)
        words = f"{len(tested.evidence)} procedures pass the gates on {len(tested.engines)} engine builds"
        passed = _stated("verify", words, {"engines": list(tested.engines), "procedures": tested.evidence})
        products = {STATEMENT: tested.statement, ENGINES: json.dumps(tested.engines).encode()}
        return self._queue.keep(work, Done(PublicationState.TESTED, (passed,), products))

    def _seal(self, work: Work) -> Work:
        received = self._read(work)
        signing = self._tools.signing
        statements = {
            "test-result": work.products[STATEMENT],
            "release": sealing.release_statement(received, work.publication.id),
        }
        for kind in SEALS:
            if f"bundle:{kind}" in work.products:
                continue
            bundle = sealing.signed(signing, statements[kind])
            sealing.check(signing, received, [bundle], kind)
            said = _stated(f"sign-{kind}", f"the registry signed its {kind} statement", {})
            work = self._queue.keep(work, Done(PublicationState.TESTED, (said,), {f"bundle:{kind}": bundle}))
        own = [work.products[f"bundle:{kind}"] for kind in SEALS]
        verified = sealing.check(signing, received, own, *SEALS)
        facts = {**json.loads(work.products[FACTS]), **json.loads(admission.bundle_facts(verified))}
        return self._queue.keep(work, Done(PublicationState.SIGNED, (), {FACTS: json.dumps(facts).encode()}))

    def _commit(self, work: Work) -> Work:
        received = self._read(work)
        bundles = [*received.bundles, *(work.products[f"bundle:{kind}"] for kind in SEALS)]
        facts, engines = json.loads(work.products[FACTS]), json.loads(work.products[ENGINES])

        def written(session: Session) -> None:
            committing.publish(session, work.publication, received.pack, bundles, facts, engines)

        said = _stated("commit", f"{received.pack.release} is published", {"digest": received.pack.digest})
        ends = self._tools.index is None
        return self._queue.keep(work, Done(PublicationState.PUBLISHED, (said,), also=written, ends=ends))

    def _list(self, work: Work) -> Work:
        assert self._tools.index is not None
        try:
            self._tools.index.update()
        except Exception as error:  # of any kind: the version is published, and the index follows
            words = f"the version is published, but the index does not list it yet: {error}"
            raise PublishProblem("index-behind", words, status=503, retriable=True) from error
        said = _stated("index", "the index lists it", {})
        return self._queue.keep(work, Done(PublicationState.PUBLISHED, (said,), ends=True))

    def _read(self, work: Work) -> Received:
        if self._received is None:
            self._received = read(self._queue.archive(work))
        return self._received


def _stated(name: str, words: str, detail: dict[str, Any]) -> Stated:
    return Stated(name, stamp(), words, detail)
