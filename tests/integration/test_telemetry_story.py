"""The whole story of one procedure, with a real collector: miss, compilation, review, hit, pack, import, hit elsewhere.

Then the way back: from the answer elsewhere to the statement that the first organisation signed, and from the pack to
the answers that came of it; and what `seglam trace` says once something was changed.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from seglam import telemetry
from seglam.cli.app import app
from seglam.cli.exits import CliError
from seglam.gateway import Settings, build_service
from seglam.gateway.pages import Console
from seglam.gateway.pages.embedded import EmbeddedBoard, EmbeddedDesk
from seglam.gateway.pages.people import Neighbours
from seglam.web.pages import LocalTokens, Sessions
from tests.collector import Collector, collecting
from tests.services import listening

ROOT = Path(__file__).resolve().parents[2]
RECORDINGS = ROOT / "examples" / "recordings"
MISSED = "Is 2023 a leap year?"
KEY = b"a key of these tests, 32 bytes long"
SECRET = "collector-key-0123456789"
NAME = "registry.acme.example/acme/years"


@dataclass(frozen=True)
class Person:
    """Somebody with a store of their own, who types `seglam`."""

    directory: Path

    def seglam(self, *arguments: str, expect: int = 0) -> dict[str, Any]:
        """The first line of JSON that a command prints."""
        given = {"SEGLAM_DATA_DIR": str(self.directory / "data"), "SEGLAM_CONFIG_DIR": str(self.directory / "config")}
        done = CliRunner().invoke(app, [*arguments, "--json"], env=given)
        if isinstance(done.exception, CliError):
            assert done.exception.code == expect, done.exception.line
            return done.exception.as_json()
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        assert done.exit_code == expect, f"{arguments}: {done.exit_code}\n{done.output}"
        return dict(json.loads(done.stdout.splitlines()[0]))


@dataclass(frozen=True)
class Story:
    """What happened, in its order."""

    collector: Collector
    acme: Person
    bolt: Person
    missed: dict[str, Any]
    revision: str
    hit: dict[str, Any]
    imported: dict[str, Any]
    elsewhere: dict[str, Any]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The story, once for all tests."""
    directory = tmp_path_factory.mktemp("story")
    with collecting(directory / "collector") as collector, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        patch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"authorization=Bearer {SECRET}")
        patch.delenv("SEGLAM_MODEL", raising=False)
        acme, bolt = Person(directory / "acme"), Person(directory / "bolt")
        yield told(collector, acme, bolt, directory)
        telemetry.shutdown()


def told(collector: Collector, acme: Person, bolt: Person, directory: Path) -> Story:
    missed = acme.seglam("ask", MISSED, "--recordings", str(RECORDINGS))
    assert (missed["outcome"], missed["answer"]) == ("provisional", "No")
    digest = missed["revision"]
    acme.seglam("review", "approve", digest, "--as", "carol", "--reason", "read and tried")
    hit = acme.seglam("ask", "Is 1900 a leap year?", "--only-if-cached")
    assert hit["outcome"] == "hit"

    key, source, file = directory / "acme.pem", directory / "source", directory / "years.tar"
    acme.seglam("pack", "trust", "new-key", str(key))
    acme.seglam("pack", "init", NAME, "--dir", str(source))
    acme.seglam("pack", "build", str(source), "--from-store", "--out", str(file), "--no-tests")
    acme.seglam("pack", "sign", str(file), "--key", str(key))
    shown = acme.seglam("pack", "trust", "show-key", str(key))

    for path in trusting(directory, shown):
        bolt.seglam("pack", "trust", "add", str(path))
    imported = bolt.seglam("pack", "import", str(file), "--offline", "--as", "dave")
    bolt.seglam("review", "approve", digest, "--as", "erin", "--reason", "their statement and our tests agree")
    elsewhere = bolt.seglam("ask", "Is 2000 a leap year?", "--only-if-cached")
    assert (elsewhere["outcome"], elsewhere["revision"]) == ("hit", digest)
    return Story(collector, acme, bolt, missed, digest, hit, imported, elsewhere)


def trusting(directory: Path, key: dict[str, Any]) -> list[Path]:
    """Files of a root that names the publisher's key, and of a policy that asks for its provenance."""
    metadata = {"apiVersion": "seglam.dev/v1alpha1", "metadata": {"name": "acme"}}
    root = {"keys": [{"id": key["id"], "pem": key["pem"]}], "sources": []}
    required = [{"predicate": "provenance", "keys": [key["id"]]}]
    policy = {"namespaces": ["*"], "packs": ["registry.acme.example/acme/*"], "trustRoot": "acme", "mode": "Key",
              "index": "Ignored", "require": required}  # fmt: skip
    made = []
    for kind, spec in (("TrustRoot", root), ("TrustPolicy", policy)):
        made.append(directory / f"{kind}.json")
        made[-1].write_text(json.dumps({**metadata, "kind": kind, "spec": spec}))
    return made


def test_the_spans_lead_from_the_answer_elsewhere_to_the_compilation(story: Story) -> None:
    collector = story.collector
    request = collector.span("seglam.request", seglam__request__id=story.elsewhere["id"])
    [run] = [each for each in collector.spans() if each.parent == request.span_id and "execute_tool" in each.name]
    assert run.attributes["seglam.revision.digest"] == story.revision
    imported = collector.span("seglam.import")
    assert run.linked("import") == imported.where
    assert imported.attributes["artifact.attestation.hash"] == story.imported["summary"]
    compiled = collector.span("seglam.compile")
    assert [each.trace_id for each in imported.links if each.kind == "compilation"] == [compiled.trace_id]
    reviews = collector.spans("seglam.review", seglam__revision__digest=story.revision)
    assert [each.attributes["seglam.review.reviewer"] for each in reviews] == ["carol", "erin"]
    assert run.linked("review") == reviews[1].where

    first = collector.span("seglam.request", seglam__request__id=story.hit["id"])
    [own] = [each for each in collector.spans() if each.parent == first.span_id and "execute_tool" in each.name]
    assert own.linked("compilation") == compiled.where and own.linked("review") == reviews[0].where
    [miss] = [each for each in collector.spans("seglam.request") if each.span_id == compiled.parent]
    assert miss.attributes["seglam.request.id"] == story.missed["id"]
    inside = {each.name for each in collector.spans() if each.parent == compiled.span_id}
    assert {"chat recorded", "seglam.gate static", "seglam.gate differential", "seglam.gate match"} <= inside


def test_trace_walks_from_the_answer_to_the_signed_statement(story: Story) -> None:
    found = story.bolt.seglam("trace", story.elsewhere["id"])
    assert found["whole"] is True and found["answer"]["revision"] == story.revision
    request = story.collector.span("seglam.request", seglam__request__id=story.elsewhere["id"])
    assert (found["answer"]["traceId"], found["answer"]["spanId"]) == request.where
    [pack] = found["packs"]
    [provenance] = [each["statement"] for each in pack["statements"] if each["predicate"] == "provenance"]
    [origin] = provenance["buildDefinition"]["externalParameters"]["procedures"]
    assert origin["trace"] == story.collector.span("seglam.compile").trace_id
    assert origin["digest"] == story.revision and origin["reviewers"] == ["carol"]
    links = {each["link"]: each for each in found["checks"]}
    assert links["provenance -> trace"]["passed"] and origin["trace"] in links["provenance -> trace"]["words"]
    assert links["import -> summary"]["passed"] and links["review -> authors"]["passed"]

    own = story.acme.seglam("trace", f"chatcmpl-{story.hit['id']}")
    assert own["whole"] is True and own["packs"] == []
    assert {each["gate"] for each in own["compilation"]["gates"]} >= {"static", "examples", "differential", "match"}
    assert {each["model"] for each in own["compilation"]["calls"]} and own["reviews"][0]["reviewer"] == "carol"
    missed = story.acme.seglam("trace", story.missed["id"])
    assert missed["compilation"]["id"] == own["compilation"]["id"], "a miss leads to what it started"


def test_the_api_and_its_page_walk_as_far(story: Story) -> None:
    """With what was signed, verified by the roots and the key of the machine that serves."""
    directory = story.bolt.directory
    environ = {"SEGLAM_CONFIG_DIR": str(directory / "config")}
    told = story.bolt.seglam("trace", story.elsewhere["id"])
    with closing(build_service(Settings(directory / "data", strict=True, environ=environ))) as service:
        people = Neighbours(Sessions(KEY, secure=False), tokens := LocalTokens(KEY))
        console = Console(EmbeddedDesk(service), EmbeddedBoard(service), people)
        with listening(service, console.beside) as client:
            assert client.get(f"/v1/answers/{story.elsewhere['id']}/trace").json() == told
            client.post("/console/enter", data={"token": tokens.new(), "name": "olga"})
            page = client.get(f"/console/answers?id={story.elsewhere['id']}").text
    [pack] = told["packs"]
    assert len(pack["statements"]) == 2 and page.count("yes, vouched for by") == 2
    assert pack["release"] in page and told["revision"]["digest"] in page and "All steps hold." in page


def test_and_back_from_the_pack_to_the_answers(story: Story) -> None:
    audited = story.bolt.seglam("pack", "audit", f"{NAME}@{story.imported['digest']}", "--offline", expect=1)
    [imported] = audited["imports"]
    [procedure] = imported["procedures"]
    assert procedure["digest"] == story.revision
    assert [each["id"] for each in procedure["answers"]] == [story.elsewhere["id"]]
    broken = [each["link"] for each in audited["checks"] if not each["passed"]]
    assert broken == ["release"], "a file that no registry released"


def test_what_was_sent_holds_no_secret_and_no_words_of_users(story: Story) -> None:
    directory = story.collector.directory
    sent = "".join(path.read_text() for path in directory.glob("*.jsonl"))
    assert "seglam.request" in sent
    assert SECRET not in sent and "leap year" not in sent and "2023" not in json.dumps(
        [each.attributes for each in story.collector.spans()]
    )  # fmt: skip


def test_metrics_point_to_the_spans_in_which_they_were_measured(story: Story) -> None:
    found = [
        (metric["name"], point)
        for line in story.collector.lines("metrics")
        for resource in line["resourceMetrics"]
        for scope in resource["scopeMetrics"]
        for metric in scope["metrics"]
        for point in metric.get("histogram", {}).get("dataPoints", [])
    ]
    exemplars = {
        (name, exemplar["traceId"]) for name, point in found for exemplar in point.get("exemplars", [])
    }  # fmt: skip
    request = story.collector.span("seglam.request", seglam__request__id=story.hit["id"])
    for name in ("seglam.request.duration", "seglam.lookup.duration", "seglam.execution.duration"):
        assert (name, request.trace_id) in exemplars


@pytest.mark.parametrize(
    ("change", "link"),
    [
        ("UPDATE revisions SET trace_id = '00000000000000000000000000000001'", "provenance -> trace"),
        ("UPDATE revisions SET document = replace(document, 'year', 'yeer')", "answer -> revision"),
        ("UPDATE imports SET summary = 'sha256:' || substr(digest, 8)", "import -> summary"),
        ("DELETE FROM reviews", "revision -> review"),
    ],
)
def test_what_was_changed_since_does_not_hold(story: Story, tmp_path: Path, change: str, link: str) -> None:
    copy = Person(tmp_path)
    shutil.copytree(story.bolt.directory, tmp_path, dirs_exist_ok=True)
    with closing(sqlite3.connect(tmp_path / "data" / "seglam.sqlite3")) as database:
        database.execute("PRAGMA foreign_keys = OFF")
        database.execute(change)
        database.commit()
    found = copy.seglam("trace", story.elsewhere["id"], expect=1)
    assert found["whole"] is False
    assert link in [each["link"] for each in found["checks"] if not each["passed"]]


def test_an_answer_that_is_not_known_is_told(story: Story) -> None:
    assert "no answer" in story.bolt.seglam("trace", "0" * 32, expect=1)["error"]["message"]
    assert "no id" in story.bolt.seglam("trace", "nonsense", expect=2)["error"]["message"]
