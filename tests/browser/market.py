"""A registry with a pack that was really published, in two versions, reviewed and signed by keys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from seglam.packs.build import About, Source, build_pack
from seglam.packs.chain import exemplars
from seglam.packs.layout import Packed, tar_bytes
from seglam.packs.pack import Pack
from seglam.packs.trust.predicates import GateResult, NamedDigest, ProcedureOrigin, Provenance, Sha256
from seglam.packs.trust.signing.key import KeySigner
from seglam.packs.trust.statements import Statement
from seglam.procedures import ReasoningProcedure, load_documents
from seglam.registry.access.issuers import AUDIENCE
from seglam.registry.access.local import FILE, LocalIssuer
from tests import origins, registries
from tests.browser.served import ROOT
from tests.origins import Origin

PROCEDURES = ("is-leap-year", "count-letter-in-text")
NAME = "localhost/essay/first-steps"
PATH = "/packs/essay/first-steps"
PUBLISHER, REVIEWER = KeySigner.generate(), KeySigner.generate()


@dataclass(frozen=True)
class Market:
    """A registry with what was published there."""

    origin: Origin
    http: httpx2.Client
    data: Path

    @property
    def url(self) -> str:
        """Where its pages are."""
        return f"{self.origin.url}/marketplace"

    def token(self, namespace: str = "essay", subject: str = "ada") -> dict[str, str]:
        """The header with a token for a namespace."""
        minted = LocalIssuer(self.data / FILE).mint(AUDIENCE, subject)
        answer = self.http.post("/api/v1/tokens", json={"token": minted, "namespace": namespace})
        assert answer.status_code == 201, answer.text
        return {"Authorization": f"Bearer {answer.json()['token']}"}

    def publish(self, pack: Pack, *bundles: bytes) -> None:
        """Publish a pack as a publisher does."""
        answer = self.http.post(
            "/api/v1/publications",
            content=tar_bytes([Packed(pack, bundles)]),
            headers={**self.token(), "Content-Type": "application/x-tar", "Prefer": "wait=200"},
        )
        assert answer.status_code == 201, answer.text


def documents() -> tuple[ReasoningProcedure, ...]:
    """Two procedures of the examples."""
    files = (ROOT / "examples" / "procedures" / f"{name}.yaml" for name in PROCEDURES)
    return tuple(each.document for file in files for each in load_documents(file)[0])


def compiled(pack: Pack) -> bytes:
    """The publisher's statement: a model wrote the procedures from requests that were missed."""
    digests = {document.metadata.name: document for document in pack.procedures()}
    procedures = [
        ProcedureOrigin(
            name=each.name,
            digest=each.digest,
            origin="compiled",
            model="example/model-1",
            prompts=[NamedDigest(name="author/first", digest=Sha256(sha256="b" * 64))],
            misses=["a" * 64],
            exemplars=exemplars(digests[each.name]),
            gates=[GateResult(name=gate, passed=True, detail="it held") for gate in ("static", "match", "examples")],
            authors=["ada"],
            trace="c" * 32,
        )
        for each in pack.manifest_model.procedures
    ]
    return _signed(PUBLISHER, pack, Provenance.of(procedures, builder="https://acme.example/builder"))


def reviewed(pack: Pack) -> bytes:
    """The reviewer's own statement."""
    return _signed(REVIEWER, pack, registries.review(pack, "grace", author="ada"))


def _signed(signer: KeySigner, pack: Pack, predicate: Any) -> bytes:
    return signer.sign(Statement(pack.release.purl, pack.digest, predicate).to_bytes())


@contextmanager
def market(directory: Path, **settings: Any) -> Iterator[Market]:
    """The registry with both versions published; its own sandbox tested them."""
    with (
        origins.serving(directory, "localhost", **settings) as origin,
        httpx2.Client(base_url=origin.url, timeout=300) as http,
    ):
        made = Market(origin, http, directory)
        given = {"name": "essay", "keys": [PUBLISHER.public.pem]}
        assert http.post("/api/v1/namespaces", json=given, headers=made.token()).status_code == 201
        who = {"issuer": "seglam:local", "subject": "grace"}
        for path, body in (
            ("members", {**who, "role": "reviewer"}),
            ("keys", {"pem": REVIEWER.public.pem, "role": "reviewer", "holder": who}),
        ):
            at = "/api/v1/namespaces/essay"
            headers = {**made.token(), "If-Match": http.get(at).headers["etag"]}
            answer = http.post(f"{at}/{path}", json=body, headers=headers)
            assert answer.status_code == 201, answer.text
        some = documents()
        for version, held in (("1.0.0", some[:1]), ("1.1.0", some)):
            about = About(
                name=NAME, version=version, description="Small questions about dates, numbers and words.",
                licence="Apache-2.0", requires=(),
            )  # fmt: skip
            pack = build_pack(Source(about, held, {"README.md": b"# First steps\n", "LICENSE": b"Apache-2.0\n"}))
            made.publish(pack, compiled(pack), reviewed(pack))
        yield made
