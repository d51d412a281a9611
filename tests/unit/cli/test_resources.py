"""`seglam trace` in a cluster: which links between an answer and the resources behind it hold, and which do not."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from typer.testing import CliRunner

from seglam.cli.app import app
from seglam.gateway.packs.library import Library
from seglam.packs.pack import Pack
from seglam.packs.trust.bundles import bundle_digest
from seglam.packs.trust.decision import Asked, PackFacts
from seglam.packs.trust.predicates import Review
from seglam.packs.trust.signing.key import KeySigner
from seglam.packs.trust.summaries import verification_summary
from seglam.procedures import Revision
from seglam.resources import names
from seglam.resources.revision import Content
from tests import packs, trust
from tests.documents import document

ID, SPACE, COMPILATION = "4f0c2a1be7d94f6f9a6f0d6a1c2b3d4e", "shop", "rpc-0123456789abcdef0123"
MISS, COMPILED, ACTIVATED = "1" * 32, f"00-{'1' * 32}-{'2' * 16}-01", f"00-{'3' * 32}-{'4' * 16}-01"
TIME = "2026-11-21T12:00:00Z"
SIGNER, REVIEWER = KeySigner.generate(), KeySigner.generate()
TEXT = document()
REVISION = Revision.of(TEXT)
OBJECT = names.revision_name("double", REVISION.digest)
Json = dict[str, Any]
Change = Callable[["World"], object]


@cache
def pack() -> Pack:
    return packs.pack(documents=[TEXT])


@cache
def statements() -> tuple[bytes, bytes, bytes]:
    """Provenance, a review, and the operator's decision on both."""
    facts = PackFacts.of(pack())
    said = (
        SIGNER.sign(trust.statement(trust.provenance(facts), facts)),
        REVIEWER.sign(trust.statement(trust.review("rita", facts), facts)),
    )
    needed = (trust.needs("provenance", SIGNER), trust.needs("review", REVIEWER))
    policy, asked = trust.policy(*needed, approval="Pack"), Asked(name=facts.name, version=facts.version)
    decision = trust.judge(said, policy, trust.key_root(SIGNER, REVIEWER), pack=facts, asked=asked)
    assert decision.allowed, decision.words
    summary = verification_summary(facts, decision, verifier="https://seglam.dev/operator", time=trust.NOW)
    return said[0], said[1], SIGNER.sign(summary)


def made(kind: names.Kind, name: str, spec: Json, status: Json, **metadata: Json) -> Json:
    about = {"name": name, "namespace": SPACE, "creationTimestamp": TIME, **metadata}
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": about, "spec": spec, "status": status}


@dataclass
class World:
    """A gateway and an API server in one, by address; and the packs that are kept on this machine."""

    objects: dict[str, Json] = field(default_factory=dict)
    bundles: list[bytes] = field(default_factory=list)

    def put(self, kind: names.Kind, each: Json) -> None:
        where = f"/apis/{kind.group}/{kind.version}/namespaces/{SPACE}/{kind.plural}"
        self.objects[f"{where}/{each['metadata']['name']}"] = each

    def of(self, kind: names.Kind) -> Json:
        """The object of a kind; there is one."""
        [found] = [each for path, each in self.objects.items() if f"/{kind.plural}/" in path]
        return found

    def drop(self, kind: names.Kind) -> None:
        self.objects = {path: each for path, each in self.objects.items() if f"/{kind.plural}/" not in path}

    def get(self, path: str) -> Json | None:
        if path in self.objects or not path.endswith(tuple(kind.plural for kind in names.KINDS)):
            return self.objects.get(path)
        below = [each for each_path, each in self.objects.items() if each_path.rpartition("/")[0] == path]
        return {"apiVersion": names.API_VERSION, "kind": "List", "metadata": {}, "items": below}


def answered(world: World) -> None:
    """An answer of a revision."""
    record = {"id": ID, "at": TIME, "source": "native", "outcome": "hit", "reason": None, "procedure": "double",
              "revision": REVISION.digest, "compilation": None, "traceId": None, "spanId": None}  # fmt: skip
    world.objects[f"/v1/answers/{ID}"] = record | {"compiled": None, "activated": ACTIVATED}
    content = Content.of(TEXT.spec).model_dump(mode="json", by_alias=True, exclude_none=True)
    spec = {"procedure": "double", "digest": REVISION.digest, "authors": ["alice"], "document": content}
    gates = [{"gate": "examples", "passed": True, "summary": "all", "by": "operator"}]
    noted = {names.ANNOTATION_ACTIVATION: ACTIVATED}
    world.put(
        names.PROCEDURE_REVISION,
        made(names.PROCEDURE_REVISION, OBJECT, spec, {"evidence": gates}, labels={names.LABEL_ACTIVE: "true"},
             annotations=noted),
    )  # fmt: skip
    review = {"procedure": "double", "digest": REVISION.digest, "authors": ["alice"]}
    world.put(names.PROCEDURE_REVIEW, made(names.PROCEDURE_REVIEW, OBJECT, review, {"state": "Approved"}))


@pytest.fixture
def compiled() -> World:
    """An answer by what was compiled and approved here."""
    world = World()
    answered(world)
    world.objects[f"/v1/answers/{ID}"]["compiled"] = COMPILED
    revision = world.of(names.PROCEDURE_REVISION)["metadata"]
    revision["labels"][names.LABEL_COMPILATION] = COMPILATION
    revision["annotations"][names.ANNOTATION_TRACEPARENT] = COMPILED
    decision = {"reviewer": "bob", "decision": "Approve", "reason": "read"}
    world.of(names.PROCEDURE_REVIEW)["spec"]["decisions"] = [decision]
    spec = {
        "fingerprint": "a" * 32,
        "requestDigest": "sha256:" + "b" * 64,
        "requester": "alice",
        "attempt": 1,
        "reference": {"host": "10.0.0.1", "id": "x"},
        "traceparent": f"00-{MISS}-{'5' * 16}-01",
    }
    status = {"outcome": "Proposed", "procedure": "double", "digest": REVISION.digest, "finishedAt": TIME}
    world.put(names.PROCEDURE_COMPILATION, made(names.PROCEDURE_COMPILATION, COMPILATION, spec, status))
    return world


@pytest.fixture
def imported() -> World:
    """An answer by what a pack brought, whose own reviews are the approval."""
    world = World()
    answered(world)
    provenance, review, summary = statements()
    world.bundles = [provenance, review]
    release = str(pack().release)
    procedures = [{"name": "double", "digest": REVISION.digest}]
    accepted = {"release": release, "digest": pack().digest, "approval": "Pack", "procedures": procedures}
    decided = {"digest": bundle_digest(summary), "of": pack().digest, "signer": SIGNER.identity,
               "bundle": summary.decode()}  # fmt: skip
    status = {"release": release, "digest": pack().digest, "policy": "acme", "accepted": [accepted], "summary": decided}
    noted = {names.ANNOTATION_AUTHORS: "alice"}
    world.put(
        names.PACK_IMPORT,
        made(names.PACK_IMPORT, "basics", {"pack": packs.NAME, "version": "^1.0"}, status, annotations=noted),
    )
    return world


@pytest.fixture
def traced(tmp_path: Path) -> Iterator[Callable[[World], tuple[int, Json]]]:
    """Run the command against a world; its exit code and document."""
    world = World()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = world.get(urlsplit(self.path).path)
            body = json.dumps(found or {"kind": "Status", "reason": "NotFound", "message": "not found"}).encode()
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is logged."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    named = {"name": "c", "cluster": {"server": url}}
    context = {"name": "c", "context": {"cluster": "c", "namespace": SPACE}}
    (tmp_path / "kubeconfig").write_text(
        json.dumps({"clusters": [named], "contexts": [context], "current-context": "c"})
    )
    root = {"keys": [each.public.model_dump(by_alias=True) for each in (SIGNER, REVIEWER)]}
    stated = {"apiVersion": names.API_VERSION, "kind": "TrustRoot", "metadata": {"name": "acme"}, "spec": root}
    (tmp_path / "root.yaml").write_text(json.dumps(stated))

    def run(given: World) -> tuple[int, Json]:
        world.objects = given.objects
        Library(tmp_path).keep(pack(), given.bundles)
        words = ["trace", ID, "--server", url, "--kubeconfig", str(tmp_path / "kubeconfig"), "--json"]
        words += ["--root", str(tmp_path / "root.yaml"), "--data-dir", str(tmp_path)]
        done = CliRunner().invoke(app, words, env={"SEGLAM_CONFIG_DIR": str(tmp_path)})
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, json.loads(done.stdout)

    yield run
    server.shutdown()
    thread.join()
    server.server_close()


def broken(found: Json) -> set[str]:
    return {each["link"] for each in found["checks"] if not each["passed"]}


def test_from_an_answer_to_its_compilation_and_review(compiled: World, traced: Any) -> None:
    code, found = traced(compiled)
    assert (code, broken(found), found["whole"]) == (0, set(), True)
    assert found["compilation"]["id"] == COMPILATION and found["reviews"][0]["reviewer"] == "bob"
    assert {"answer -> revision", "compilation -> trace", "compilation -> gates", "gateway -> activated"} <= {
        each["link"] for each in found["checks"]
    }


def test_a_compilation_that_was_collected_is_told(compiled: World, traced: Any) -> None:
    compiled.drop(names.PROCEDURE_COMPILATION)
    code, found = traced(compiled)
    assert code == 0 and found["compilation"] is None
    assert any("not kept any more" in each["words"] for each in found["checks"])


def _other_code(world: World) -> None:
    world.of(names.PROCEDURE_REVISION)["spec"]["document"]["code"] = "def solve(n):\n    return '0'\n"


def _other_digest(world: World) -> None:
    world.of(names.PROCEDURE_REVISION)["spec"]["digest"] = "sha256:" + "f" * 64


def _failed_gate(world: World) -> None:
    world.of(names.PROCEDURE_REVISION)["status"]["evidence"][0]["passed"] = False


def _other_spans(world: World) -> None:
    world.of(names.PROCEDURE_REVISION)["metadata"]["annotations"][names.ANNOTATION_ACTIVATION] = COMPILED


def _other_miss(world: World) -> None:
    world.of(names.PROCEDURE_COMPILATION)["spec"]["traceparent"] = ACTIVATED


def _other_proposal(world: World) -> None:
    world.of(names.PROCEDURE_COMPILATION)["status"]["digest"] = "sha256:" + "f" * 64


def _own_approval(world: World) -> None:
    world.of(names.PROCEDURE_REVIEW)["spec"]["decisions"][0]["reviewer"] = "Alice"


def _no_approval(world: World) -> None:
    world.of(names.PROCEDURE_REVIEW)["spec"]["decisions"][0]["decision"] = "Reject"


def _review_of_another(world: World) -> None:
    world.of(names.PROCEDURE_REVIEW)["spec"]["digest"] = "sha256:" + "f" * 64


@pytest.mark.parametrize(
    ("change", "links"),
    [
        (_other_code, {"answer -> revision"}),
        (_other_digest, {"answer -> revision"}),
        (_failed_gate, {"revision -> gates", "compilation -> gates"}),
        (_other_spans, {"gateway -> activated"}),
        (_other_miss, {"compilation -> trace"}),
        (_other_proposal, {"revision -> compilation"}),
        (_own_approval, {"review -> authors"}),
        (_no_approval, {"revision -> review"}),
        (_review_of_another, {"revision -> review"}),
    ],
)
def test_what_does_not_agree_is_named(compiled: World, traced: Any, change: Change, links: set[str]) -> None:
    change(compiled)
    code, found = traced(compiled)
    assert (code, broken(found)) == (1, links)


def test_from_an_answer_to_the_statements_about_its_pack(imported: World, traced: Any) -> None:
    code, found = traced(imported)
    assert (code, broken(found)) == (0, set()), found["checks"]
    kinds = {each["predicate"] for each in found["packs"][0]["statements"]}
    assert kinds == {"provenance", "review", "verification-summary"}
    assert found["imports"][0]["importer"] == "alice"


def _other_bundle(world: World) -> None:
    summary = world.of(names.PACK_IMPORT)["status"]["summary"]
    summary["bundle"] = (
        summary["bundle"].replace('"payload": "', '"payload": "AAAA').replace('"payload":"', '"payload":"AAAA')
    )


def _no_decision(world: World) -> None:
    del world.of(names.PACK_IMPORT)["status"]["summary"]


def _later_decision(world: World) -> None:
    world.of(names.PACK_IMPORT)["status"]["digest"] = "sha256:" + "f" * 64


def _unreviewed(world: World) -> None:
    world.bundles = world.bundles[:1]


def _reviewed_otherwise(world: World) -> None:
    facts = PackFacts.of(pack())
    rejected: Review = trust.review("rita", facts, decision="reject")
    world.bundles = [world.bundles[0], REVIEWER.sign(trust.statement(rejected, facts))]


def _stranger(world: World) -> None:
    facts = PackFacts.of(pack())
    world.bundles[0] = KeySigner.generate().sign(trust.statement(trust.provenance(facts), facts))


@pytest.mark.parametrize(
    ("change", "links"),
    [
        (_other_bundle, {"import -> decision", "import -> summary"}),
        (_no_decision, {"import -> decision", "import -> summary"}),
        (_later_decision, {"import -> decision", "import -> summary"}),
        (_unreviewed, {"import -> reviews"}),
        (_reviewed_otherwise, {"import -> reviews"}),
        (_stranger, {"revision -> provenance"}),
    ],
)
def test_what_was_signed_otherwise_is_named(imported: World, traced: Any, change: Change, links: set[str]) -> None:
    change(imported)
    code, found = traced(imported)
    assert code == 1 and links <= broken(found)


def test_whoever_is_no_gateway_and_whoever_knows_no_answer_is_told(compiled: World, traced: Any) -> None:
    del compiled.objects[f"/v1/answers/{ID}"]["compiled"]
    with pytest.raises(AssertionError, match="no cluster's gateway"):
        traced(compiled)
    del compiled.objects[f"/v1/answers/{ID}"]
    with pytest.raises(AssertionError, match="is recorded there"):
        traced(compiled)
