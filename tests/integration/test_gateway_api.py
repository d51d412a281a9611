"""The native API over real HTTP."""

from __future__ import annotations

import json
import socket
import sqlite3
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from time import sleep
from typing import Any

import httpx2
import pytest

from seglam.compiler import Bench
from seglam.gateway import Service, State, Store
from seglam.gateway.bodies import MAX_BODY
from seglam.gateway.server import ListenError, bind
from seglam.sandbox import Engine, Sandbox
from tests.compilations import SUM, compiler_for, procedure, scripted
from tests.documents import capital, document
from tests.openai_server import Server, completion, serving
from tests.services import listening, running

PROBLEM = "application/problem+json"
JSON = {"Content-Type": "application/json"}


class Stack:
    """A service with its model and a client."""

    def __init__(self, model: Server, service: Service, client: httpx2.Client) -> None:
        self.model = model
        self.service = service
        self.client = client

    def ask(self, text: str, **headers: str) -> httpx2.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post("/v1/requests", json={"text": text}, headers=named)


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with ExitStack() as opened:
        model = opened.enter_context(scripted([procedure()]))
        service = opened.enter_context(running(tmp_path, model, documents=[document()]))
        yield Stack(model, service, opened.enter_context(listening(service)))


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    """A service without a model, for what needs none."""
    with running(tmp_path_factory.mktemp("api"), documents=[document()]) as service, listening(service) as opened:
        yield opened


def problem(response: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == PROBLEM
    content: dict[str, Any] = response.json()
    assert (content["code"], content["status"]) == (code, status)
    assert content["type"] == f"urn:seglam:problem:{code}"
    assert content["title"] and content["detail"]
    return content


def test_from_a_miss_to_a_hit(stack: Stack) -> None:
    missed = stack.ask(SUM, Seglam_User="ana")
    assert missed.status_code == 202
    content = missed.json()
    assert (content["outcome"], content["reason"], content["answer"]) == ("miss", "unknown", None)
    assert missed.headers["location"] == f"/v1/compilations/{content['compilation']}"
    assert missed.headers["cache-status"] == "SEGLAM; fwd=miss; detail=unknown"

    waited = stack.ask(SUM, Seglam_User="ben", Prefer="respond-async, wait=120")
    assert waited.status_code == 200
    assert waited.headers["preference-applied"] == "wait=120"
    content = waited.json()
    assert (content["outcome"], content["answer"]) == ("provisional", "7")
    compilation = stack.client.get(missed.headers["location"]).json()
    assert (compilation["progress"], compilation["outcome"], compilation["answer"]) == ("finished", "proposed", "7")
    assert compilation["request"] == {"text": SUM}
    assert len(compilation["evidence"]) == 5 and all(each["passed"] for each in compilation["evidence"])
    assert [call["purpose"] for call in compilation["calls"]] == [
        "contrasts",
        "alias",
        "author",
        "implementation",
        "contrasts",
    ]

    (waiting,) = stack.client.get("/v1/reviews").json()["reviews"]
    assert waiting["authors"] == ["ana", "model:test-model"]
    assert waiting["summary"] == "The sum of two whole numbers."
    trials = f"/v1/revisions/{waiting['digest']}/trials"
    tried = stack.client.post(trials, json={"text": SUM}).json()
    assert (tried["candidate"]["answer"], tried["active"]["outcome"]) == ("7", "miss")
    problem(stack.client.post(trials.replace("sha256:", "sha256:0"), json={"text": SUM}), 404, "unknown-revision")
    problem(stack.client.post(trials, json={}), 400, "bad-request")
    url = f"/v1/revisions/{waiting['digest']}/reviews"
    own = {"decision": "approve", "reason": "mine", "reviewer": "ana"}
    problem(stack.client.post(url, json=own), 403, "four-eyes")
    decided = stack.client.post(url, json={**own, "reviewer": "eve", "reason": "checked"})
    assert decided.status_code == 201
    assert decided.json()["revision"]["state"] == "Active"
    assert decided.json()["revision"]["reviews"][0]["reviewer"] == "eve"
    problem(stack.client.post(url, json={**own, "reviewer": "eve"}), 409, "wrong-state")

    hit = stack.ask("compute the sum of 123456789012345678901234567890 and 1")
    assert hit.status_code == 200
    content = hit.json()
    assert (content["outcome"], content["answer"]) == ("hit", "123456789012345678901234567891")
    assert set(content) >= {"id", "procedure", "revision", "arguments", "explanation", "timings", "compilation"}
    assert hit.headers["cache-status"] == f'SEGLAM; hit; key="{waiting["digest"]}"'

    found = stack.client.get("/v1/procedures").json()["procedures"]
    assert [each["name"] for each in found] == ["double", "sum-of-two"]
    one = stack.client.get("/v1/procedures/sum-of-two").json()
    assert one["active"] == waiting["digest"] and one["document"]["kind"] == "ReasoningProcedure"
    revision = stack.client.get(f"/v1/revisions/{waiting['digest']}").json()
    assert revision["compilation"]["evidence"][0]["gate"] == "static"
    savings = stack.client.get("/v1/savings").json()
    assert savings["counts"]["hits"] == 1 and savings["prices"]["currency"] == "USD"
    assert savings["procedures"][0]["meanMilliseconds"] > 0
    check_looking_back(stack, missed.json()["id"], content["id"])


def check_looking_back(stack: Stack, missed: str, hit: str) -> None:
    """What the operations pages show is in the API."""
    found = stack.client.get(f"/v1/answers/{hit}/trace").json()
    assert found["whole"] and found["answer"]["id"] == hit
    assert {each["link"] for each in found["checks"]} >= {
        "answer -> revision", "revision -> compilation", "compilation -> gates", "revision -> review",
    }  # fmt: skip
    assert [each["reviewer"] for each in found["reviews"]] == ["eve"] and found["compilation"]["calls"]
    before = stack.client.get(f"/v1/answers/{missed}/trace").json()
    assert before["answer"]["compilation"] == found["compilation"]["id"]
    problem(stack.client.get(f"/v1/answers/{'0' * 32}/trace"), 404, "unknown-answer")
    stack.ask("double the trouble", Cache_Control="only-if-cached")
    traffic = stack.client.get("/v1/traffic").json()
    assert sum(each["hits"] for each in traffic["slices"]) == 1
    assert {"procedure": "double", "requests": 1} in [near for each in traffic["misses"] for near in each["nearest"]]
    compilations = stack.client.get("/v1/compilations").json()
    assert compilations["atWork"] == [] and [each["outcome"] for each in compilations["last"]] == ["proposed"]
    assert stack.client.get("/v1/negatives").json() == {"negatives": [], "count": 0}
    assert stack.client.get("/v1/reviews").json() == {"reviews": [], "waiting": 0, "next": None}
    problem(stack.client.get("/v1/reviews?after=sha256:00"), 400, "bad-request")
    problem(stack.client.get("/v1/reviews?limit=none"), 400, "bad-request")


def test_only_if_cached_is_a_504_and_calls_no_model(stack: Stack) -> None:
    response = stack.ask(SUM, Cache_Control="max-age=0, only-if-cached", Prefer="wait=60")
    content = problem(response, 504, "unknown")
    assert content["outcome"] == "miss" and content["explanation"]
    assert response.headers["cache-status"] == "SEGLAM; detail=unknown"
    assert stack.ask("double 4", Cache_Control="only-if-cached").json()["answer"] == "8"
    assert stack.model.requests == []


def test_a_wait_that_is_too_short_gives_the_address(tmp_path: Path) -> None:
    gate = threading.Event()

    def answer(_: dict[str, Any]) -> Any:
        from dataclasses import replace

        return replace(completion("garbage"), wait=gate)

    with serving(answer) as model, running(tmp_path, model) as service, listening(service) as client:
        response = client.post("/v1/requests", json={"text": SUM}, headers={"Prefer": "wait=1"})
        assert response.status_code == 202 and response.json()["compilation"]
        assert client.get("/healthz").json() == {"status": "ok"}
        gate.set()
        while (told := client.get(response.headers["location"]).json())["progress"] != "finished":
            sleep(0.05)
        assert told["id"] == response.json()["compilation"] and told["outcome"] == "model-failed"
        problem(client.post("/v1/requests", json={"text": SUM}, headers={"Prefer": "wait=120"}), 502, "model-failed")


def test_many_misses_at_one_time_are_one_compilation(stack: Stack) -> None:
    with ThreadPoolExecutor(8) as pool:
        texts = [f"What is the sum of {number} and 4?" for number in range(8)]
        found = list(pool.map(lambda each: stack.ask(each, Prefer="wait=120"), texts))
    assert sorted(response.json()["answer"] for response in found) == sorted(str(number + 4) for number in range(8))
    assert len({response.json()["compilation"] for response in found}) == 1
    assert sum("collapsed" in response.headers["cache-status"] for response in found) == 7
    assert len(stack.service.store.revisions(State.PROPOSED)) == 1


# Bad input


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        (b"", "bad-json", "JSON"),
        (b"{", "bad-json", "JSON"),
        (b"[]", "bad-json", "no JSON object"),
        (b'{"text": "a"} x', "bad-json", "more text"),
        (b'{"text": "a", "text": "b"}', "bad-json", "twice"),
        (b'{"text": "\xff"}', "bad-json", "byte 10"),
        (b'{"text": "a\x01"}', "bad-json", "control"),
        (b'{"value": {"a": NaN}}', "bad-json", "NaN"),
        (b'{"value": ' + b'{"a":' * 200 + b"1" + b"}" * 201, "bad-json", "nested"),
        (b"[" * 100_000, "bad-json", "nested"),
        (b'{"value": {"a": 1e999999999}}', "bad-json", "too long"),
        (rb'{"text": "a\u0000b"}', "control-character", "character 1 of /text is the control character U+0000"),
        (rb'{"text": "a\u001bb"}', "control-character", "U+001B"),
        (rb'{"text": "a\ud800"}', "lone-surrogate", "U+D800"),
        (rb'{"value": {"a": ["\udfff"]}}', "lone-surrogate", "/value/a/0"),
        (rb'{"inputs": {"\ud800": {}}}', "lone-surrogate", "name"),
        (b"{}", "bad-request", "exactly one of text and value"),
        (b'{"text": "a", "value": {}}', "bad-request", "exactly one"),
        (b'{"text": 1}', "bad-request", "no string"),
        (b'{"value": [1]}', "bad-request", "no JSON object"),
        (b'{"text": "a", "inputs": []}', "bad-request", "mediaType"),
        (b'{"text": "a", "inputs": {"x": {"text": "b"}}}', "bad-request", "mediaType and text"),
        (b'{"text": "a", "inputs": {"x": {"mediaType": "a", "text": "b", "c": 1}}}', "bad-request", "'c'"),
        (b'{"text": "a", "context": {"now": 1}}', "bad-request", "strings"),
        (b'{"text": "a", "other": 1}', "bad-request", "'other'"),
    ],
)
@pytest.mark.parametrize("address", ["/v1/requests", "/v1/explain"])
def test_bad_bodies(client: httpx2.Client, address: str, body: bytes, code: str, says: str) -> None:
    content = problem(client.post(address, content=body, headers=JSON), 400, code)
    assert says in content["detail"]


def test_line_breaks_and_tabs_are_white_space(client: httpx2.Client) -> None:
    assert client.post("/v1/requests", json={"text": "double\r\n\t4"}).json()["answer"] == "8"


@pytest.mark.parametrize("stated", [True, False])
def test_a_body_over_a_mebibyte(client: httpx2.Client, stated: bool) -> None:
    body = b'{"text": "' + b"a" * MAX_BODY + b'"}'
    content: Any = body if stated else iter([body[: MAX_BODY // 2], body[MAX_BODY // 2 :]])
    problem(client.post("/v1/requests", content=content, headers=JSON), 413, "body-too-large")


def test_a_mebibyte_is_read_and_its_text_is_too_large_to_match(client: httpx2.Client) -> None:
    body = b'{"text": "' + b"a " * ((MAX_BODY - 12) // 2) + b'"}'
    assert MAX_BODY - 1 <= len(body) <= MAX_BODY
    problem(client.post("/v1/requests", content=body, headers=JSON), 413, "too-large")


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_a_page_of_another_site_cannot_post(client: httpx2.Client, media: str) -> None:
    headers = {"Content-Type": media} if media else {}
    problem(client.post("/v1/requests", content=b'{"text": "a"}', headers=headers), 415, "media-type")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8484", "127.0.0.1.evil.example", ""])
def test_another_name_for_this_machine_is_refused(client: httpx2.Client, host: str) -> None:
    problem(client.get("/v1/reviews", headers={"Host": host}), 421, "unknown-host")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:99", "[::1]", "[::1]:80"])
def test_names_of_loopback(client: httpx2.Client, host: str) -> None:
    assert client.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("user", [b"", b"a" * 201, b"\xe9ve"])
def test_a_user_that_is_no_name(client: httpx2.Client, user: bytes) -> None:
    headers = [(b"Seglam-User", user), (b"Content-Type", b"application/json")]
    problem(client.post("/v1/requests", content=b'{"text": "a"}', headers=headers), 400, "bad-request")


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("/v1/compilations/none", "unknown-compilation"),
        ("/v1/procedures/none", "unknown-procedure"),
        ("/v1/revisions/sha256:0", "unknown-revision"),
        ("/v2", "unknown-address"),
    ],
)
def test_what_is_not_there(client: httpx2.Client, address: str, code: str) -> None:
    problem(client.get(address), 404, code)


def test_another_method(client: httpx2.Client) -> None:
    response = client.put("/v1/requests")
    problem(response, 405, "unknown-method")
    assert response.headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"decision": "bless"}, 400, "unknown-decision"),
        ({"decision": None}, 400, "bad-request"),
        ({"reviewer": ""}, 400, "bad-request"),
        ({"reason": "x" * 5000}, 400, "bad-request"),
        ({}, 404, "unknown-revision"),
    ],
)
def test_bad_decisions(client: httpx2.Client, change: dict[str, Any], status: int, code: str) -> None:
    body = {"decision": "approve", "reviewer": "eve", "reason": "fine", **change}
    problem(client.post(f"/v1/revisions/sha256:{'0' * 64}/reviews", json=body), status, code)


def test_going_on_with_what_was_not_interrupted(stack: Stack) -> None:
    identity = stack.ask(SUM, Prefer="wait=120").json()["compilation"]
    problem(stack.client.post(f"/v1/compilations/{identity}/continue"), 409, "not-interrupted")
    problem(stack.client.post("/v1/compilations/none/continue"), 404, "unknown-compilation")


# What else is told


def test_explain_runs_nothing(client: httpx2.Client) -> None:
    before = client.get("/v1/savings").json()["counts"]
    hit = client.post("/v1/explain", json={"text": "double 4"}).json()
    assert (hit["outcome"], hit["procedure"], hit["arguments"]) == ("hit", "double", {"n": "4"})
    near = client.post("/v1/explain", json={"text": "double four"}).json()
    assert (near["outcome"], near["reason"]) == ("miss", "value-rejected")
    assert near["near"][0]["procedure"] == "double"
    assert client.get("/v1/savings").json()["counts"] == before


def test_ready_tells_the_faults_of_files(tmp_path: Path) -> None:
    with running(tmp_path, documents=[document()]) as first:
        assert first.source is not None
        assert first.source.problems == {}
    (tmp_path / "procedures" / "broken.yaml").write_text("a: [")
    with running(tmp_path) as service, listening(service) as client:
        ready = client.get("/readyz").json()
        assert (ready["status"], ready["active"]) == ("ready", 1)
        assert "broken.yaml" in ready["problems"][0]


def test_numbers_of_structured_requests_are_exact(tmp_path: Path) -> None:
    made = document(
        "halve",
        patterns=("halve {n}",),
        parameters=({"name": "n", "type": "decimal"},),
        match={
            "structured": {"fields": [{"pointer": "/task", "equals": '"halve"'}, {"pointer": "/n", "parameter": "n"}]}
        },
        code="def solve(n):\n    return str(n)\n",
    )
    with running(tmp_path, documents=[made]) as service, listening(service) as client:
        body = b'{"value": {"task": "halve", "n": 0.10000000000000000000000000001}}'
        found = client.post("/v1/requests", content=body, headers=JSON).json()
        assert (found["outcome"], found["answer"]) == ("hit", "0.10000000000000000000000000001")


def test_a_request_with_inputs_and_context(client: httpx2.Client) -> None:
    body = {
        "text": "double 4",
        "inputs": {"a.csv": {"mediaType": "text/csv", "text": "a,b\r\n1,2\r\n"}},
        "context": {"locale": "en-US"},
    }
    assert client.post("/v1/explain", json=body).status_code == 200


def test_the_schema_names_what_is_taken(client: httpx2.Client) -> None:
    schema = client.get("/openapi.json").json()
    assert {"/v1/requests", "/v1/explain", "/v1/reviews", "/v1/savings"} <= set(schema["paths"])
    assert "text" in json.dumps(schema["paths"]["/v1/requests"])


def test_the_essays_pair(tmp_path: Path) -> None:
    made = capital()
    from seglam.procedures import ReasoningProcedure

    content = {
        "apiVersion": "seglam.dev/v1alpha1",
        "kind": "ReasoningProcedure",
        "metadata": {"name": made.name},
        "spec": made.spec.model_dump(mode="json", by_alias=True, exclude_none=True),
    }
    with (
        running(tmp_path, documents=[ReasoningProcedure.model_validate(content)]) as service,
        listening(service) as client,
    ):

        def ask(text: str) -> dict[str, Any]:
            found: dict[str, Any] = client.post("/v1/requests", json={"text": text}).json()
            return found

        for wording in ("What is the capital of Korea?", "What is the capital of the Republic of Korea?"):
            found = ask(wording)
            assert (found["answer"], found["arguments"]) == ("Seoul", {"country": "South Korea"})
        assert ask("What is the capital gain of Korea?")["outcome"] == "miss"


# A store that cannot be used


def test_a_store_that_is_locked_is_a_503_and_hits_go_on(tmp_path: Path) -> None:
    with running(tmp_path, documents=[document()]) as first:
        path = first.store.path
    with (
        Sandbox(Engine.load()) as sandbox,
        scripted([procedure()]) as model,
        Service(Store(path, busy_ms=50), sandbox, compiler_for(model, Bench(sandbox, sandbox))) as service,
        listening(service) as client,
    ):
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        content = problem(client.post("/v1/requests", json={"text": SUM}), 503, "store-locked")
        assert "stop it" in content["detail"]
        assert client.post("/v1/requests", json={"text": "double 4"}).json()["answer"] == "8"
        other.execute("ROLLBACK")
        other.close()
        assert client.post("/v1/requests", json={"text": SUM}).status_code == 202
        assert client.get("/v1/procedures").status_code == 200


FULL = """
    import json, resource, signal, sys
    from pathlib import Path
    from tests.compilations import procedure, scripted
    from tests.documents import document
    from tests.services import listening, running

    with scripted([procedure()]) as model, running(Path(sys.argv[1]), model, documents=[document()]) as service:
        with listening(service) as client:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
            resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
            body = {"text": "a type of request that nobody knows " + "x" * 60_000}
            for number in range(20):
                body["text"] += "y"
                failed = client.post("/v1/requests", json=body)
                if failed.status_code != 202:
                    break
            hit = client.post("/v1/requests", json={"text": "double 4"}).json()
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
            later = client.post("/v1/requests", json={"text": "double 5"}).json()
    print(json.dumps({"status": failed.status_code, "problem": failed.json(), "hit": hit, "later": later}))
"""


def test_a_full_disk_is_a_507_and_hits_go_on(tmp_path: Path) -> None:
    command = [sys.executable, "-c", textwrap.dedent(FULL), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["status"], found["problem"]["code"]) == (507, "store-full")
    assert "free space" in found["problem"]["detail"]
    assert (found["hit"]["answer"], found["later"]["answer"]) == ("8", "10")


# Addresses


def test_a_port_in_use_is_said_with_what_to_do() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ListenError, match=f"port {port} of 127.0.0.1 is in use; .*SEGLAM_PORT"):
            bind("127.0.0.1", port)


def test_an_address_of_another_machine_is_said() -> None:
    with pytest.raises(ListenError, match=r"192\.0\.2\.1 is no address of this machine"):
        bind("192.0.2.1", 0)
