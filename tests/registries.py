"""What tests of publishing need: publishers with keys, archives as they send them, and the pipeline over a database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from sqlmodel import Session

from seglam.compiler import Bench
from seglam.packs.chain import exemplars
from seglam.packs.layout import Packed, tar_bytes
from seglam.packs.pack import Pack
from seglam.packs.trust.predicates import Predicate, ProcedureOrigin, Provenance, Review, ReviewedProcedure
from seglam.packs.trust.signing import Signer
from seglam.packs.trust.signing.key import KeySigner
from seglam.packs.trust.statements import Statement
from seglam.procedures import ReasoningProcedure, Revision
from seglam.registry import migrations, names
from seglam.registry.database import Database
from seglam.registry.leases import owner_name
from seglam.registry.publishing import Publishing
from seglam.registry.publishing.queue import Queue
from seglam.registry.publishing.steps import Index, Steps, Tools
from seglam.registry.settings import Settings
from seglam.registry.signing import Signing, open_signing
from seglam.registry.tables import MemberRow, NamespaceKeyRow, NamespaceRow, stamp
from seglam.sandbox import Engine, Sandbox
from tests import packs
from tests.documents import document

ORIGIN = "registry.acme.example"
ISSUER = "https://issuer.example"


@dataclass(frozen=True)
class Person:
    """Somebody who is authenticated as `subject`, and signs with a key or whatever is given."""

    subject: str
    namespace: str = "acme"
    issuer: str = ISSUER
    signer: Signer = field(default_factory=KeySigner.generate)

    def sign(self, pack: Pack, predicate: Predicate) -> bytes:
        """A bundle of a statement about a pack."""
        return self.signer.sign(Statement(pack.release.purl, pack.digest, predicate).to_bytes())


ALICE = Person("alice@acme.example")
BOB = Person("bob@acme.example")


def provenance(pack: Pack, *authors: str) -> Provenance:
    """How the procedures of a pack came to be: somebody wrote them."""
    examples = {Revision.of(document).digest: exemplars(document) for document in pack.procedures()}
    origins = [
        ProcedureOrigin(
            name=each.name,
            digest=each.digest,
            origin="written",
            exemplars=examples[each.digest],
            authors=list(authors) or ["alice@acme.example"],
        )
        for each in pack.manifest_model.procedures
    ]
    return Provenance.of(origins, builder="https://acme.example/builder")


def review(pack: Pack, reviewer: str, decision: Any = "approve", *, author: str = "alice@acme.example") -> Review:
    """A reviewer's decision on all procedures of a pack."""
    about = [ReviewedProcedure(name=each.name, digest=each.digest) for each in pack.manifest_model.procedures]
    time = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Review(procedures=about, decision=decision, reviewer=reviewer, authors=[author], time=time)


def archive(pack: Pack, publisher: Person = ALICE, *more: bytes) -> bytes:
    """What a publisher sends: the pack, its provenance signed by them, and further bundles."""
    return tar_bytes([Packed(pack, (publisher.sign(pack, provenance(pack)), *more))])


def doubling(name: str = "double", **parts: Any) -> ReasoningProcedure:
    """A procedure that passes the gates."""
    word = name.replace("-", " ")
    example = {"request": f"{word} 4", "arguments": [{"name": "n", "value": "4"}], "answer": "8"}
    given = {"patterns": (f"{word} {{n}}",), "returns": "integer", "code": "def solve(n):\n    return 2 * n\n"}
    return document(name, **{**given, "examples": [example], **parts})


def good_pack(
    version: str = "1.0.0", *, name: str = "basics", documents: Sequence[ReasoningProcedure] | None = None
) -> Pack:
    """A pack of the namespace acme that passes."""
    return packs.pack(f"{ORIGIN}/acme/{name}", version, documents=documents or (doubling(),))


@cache
def bench() -> Bench:
    """Two engine builds, loaded once for all tests of a process."""
    return Bench(Sandbox(Engine.load(build="a")), Sandbox(Engine.load(build="b")))


@dataclass
class Desk:
    """The pipeline over a database, without the API.

    Attributes:
        publishing: works as soon as it is started.
    """

    settings: Settings
    database: Database
    queue: Queue
    tools: Tools
    publishing: Publishing

    def claim(self, *people: Person, mode: str = "Key", reviews: int = 0, namespace: str = "acme") -> None:
        """Make a namespace of which the first is the owner and the others are reviewers."""

        def write(session: Session) -> None:
            now = stamp()
            skeleton = names.skeleton(namespace)
            session.add(
                NamespaceRow(
                    origin=ORIGIN,
                    name=namespace,
                    skeleton=skeleton,
                    mode=mode,
                    reviews=reviews,
                    created=now,
                    changed=now,
                )
            )

        self.database.transact(write)
        for number, person in enumerate(people):
            self.join(person, "reviewer" if number else "owner", namespace)

    def join(self, person: Person, role: str, namespace: str = "acme") -> None:
        """Make somebody a member, with their key if they have one."""

        def write(session: Session) -> None:
            now = stamp()
            who: dict[str, Any] = {"origin": ORIGIN, "namespace": namespace, "issuer": person.issuer}
            who |= {"subject": person.subject, "role": role, "since": now, "active_from": now}
            session.add(MemberRow(**who, added_by="{}"))
            if isinstance(person.signer, KeySigner):
                public = person.signer.public
                session.add(NamespaceKeyRow(**who, key_id=public.id, pem=public.pem))

        self.database.transact(write)


@contextmanager
def desk(
    url: str,
    data: Path,
    *,
    index: Index | None = None,
    signing: Signing | None = None,
    steps: Callable[[Tools, Queue], Steps] = Steps,
    workers: int = 2,
    lease_s: float = 30.0,
    give_up_s: float = 3600.0,
    **settings: Any,
) -> Iterator[Desk]:
    """The pipeline over a migrated database; its workers are started by the test."""
    given = Settings(data=data, database=url, origin=ORIGIN, **settings)
    database = Database(url)
    publishing = None
    try:
        migrations.upgrade(database)
        queue = Queue(database, owner_name(), lease_s=lease_s, give_up_s=give_up_s)
        tools = Tools(ORIGIN, database, signing or open_signing(given), bench, index)
        publishing = Publishing(tools, queue, workers=workers, lease_s=lease_s, steps=steps)
        yield Desk(given, database, queue, tools, publishing)
    finally:
        if publishing is not None:
            publishing.close()
        database.close()
