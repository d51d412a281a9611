"""The gateway of a cluster without its cluster: hits over real mutual TLS to real runners while no API server answers
but for the keys, and the API for compile Jobs. What the API server tells it is told by the tests; with a real one it is
tested in tests/cluster.
"""

from __future__ import annotations

import http.client
import json
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from seglam.cluster import Change, Key
from seglam.cluster.changes import Type
from seglam.compiler.jobresult import Work
from seglam.gateway.access.keys import Keys
from seglam.gateway.cluster.decoding import announced
from seglam.gateway.cluster.settings import Upstream
from seglam.gateway.cluster.texts import Kept
from seglam.gateway.ledger import Ledgerbase
from seglam.gateway.openai import UpstreamSettings
from seglam.lookup import MissReason
from seglam.resources import names
from seglam.sandbox import TLS, FaultKind, Mode, Program, RemoteSandbox
from tests.certificates import CLIENT, SERVER, Authority, write
from tests.commands import environment
from tests.documents import revision
from tests.gateway_thread import Running, gateway
from tests.gateways import free_port, revision_object
from tests.issuer import Issuer, issuing
from tests.openai_server import Server, completion, problem, serving
from tests.postgres import Postgres
from tests.runners import Runner, eventually, runner

TENANT = "tests"
RUNNERS = names.runner_namespace(TENANT)
NAME = "rpc-0123456789abcdef0123"
ALICE = f"system:serviceaccount:{TENANT}:alice"
DOUBLE = revision(patterns=["double {n}", "(twice|two times) {n}"])
SLOW = revision(
    "slow",
    patterns=["wait for {n}"],
    code="def solve(n):\n    for _ in range(n):\n        pass\n    return str(n)\n",
    limits={"fuel": 100_000_000_000},
)
PICKY = revision("picky", patterns=["picky {n}"], code="def solve(n):\n    refuse('the request does not fix it')\n")


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.new()


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with issuing() as made:
        yield made


@pytest.fixture(scope="module")
def pod(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Runner]:
    """A tenant's runner."""
    with runner(tmp_path_factory.mktemp("pod"), authority, name=names.runner_server_name(TENANT)) as made:
        yield made


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority, issuer: Issuer, pod: Runner
) -> Iterator[Running]:
    """A gateway that knows some procedures and one runner."""
    with gateway(tmp_path_factory.mktemp("gateway"), authority, issuer) as made:
        made.serve(DOUBLE, SLOW, PICKY)
        made.know(RUNNERS, "default", pod)
        made.settle()
        yield made


def test_a_hit_is_answered_by_a_runner_while_no_api_server_answers(running: Running, issuer: Issuer) -> None:
    assert running.ask("double 4").json()["answer"] == "8"  # the runner is given the document
    asked, token = len(issuer.asked), issuer.token(ALICE)
    issuer.down = True
    try:
        for number in range(20):
            reply = running.ask(f"two times {number}", token)
            assert reply.status_code == 200
            assert reply.json()["answer"] == str(2 * number)
            assert reply.headers["cache-status"] == f'SEGLAM; hit; key="{DOUBLE.digest}"'
        assert running.http.get("/readyz").status_code == 200
    finally:
        issuer.down = False
    calls = [path for path in issuer.asked[asked:] if not path.startswith("/apis/")]
    assert calls == [], "a hit asked the API server"
    text = running.http.get("/metrics").text
    assert "seglam_hits_total" in text and "seglam_hit_duration_seconds_bucket" in text
    assert 'seglam_watch_age_seconds{feed="revisions"}' in text


def test_who_does_not_prove_who_they_are_is_refused_with_a_problem(running: Running, issuer: Issuer) -> None:
    def refused(headers: dict[str, str]) -> tuple[int, str, str | None]:
        reply = running.http.post("/v1/requests", json={"text": "double 4"}, headers=headers)
        assert reply.headers["content-type"] == "application/problem+json"
        return reply.status_code, reply.json()["code"], reply.headers.get("www-authenticate")

    assert refused({}) == (401, "token-missing", "Bearer")
    assert refused({"Authorization": "Basic YTpi"}) == (401, "token-missing", "Bearer")
    wrong = issuer.token(ALICE, "https://kubernetes.default.svc")
    assert refused({"Authorization": f"Bearer {wrong}"}) == (401, "token-audience", "Bearer")
    person = issuer.token("alice@example.com")
    assert refused({"Authorization": f"Bearer {person}"}) == (403, "no-tenant", None)


def test_another_tenant_sees_nothing(running: Running, issuer: Issuer) -> None:
    other = issuer.token("system:serviceaccount:other:bob")
    assert running.ask("double 4", other, Cache_Control="only-if-cached").status_code == 504
    headers = {"Authorization": f"Bearer {other}"}
    assert running.http.get("/v1/procedures", headers=headers).json() == {"procedures": []}
    own = {"Authorization": f"Bearer {issuer.token(ALICE)}"}
    shown = running.http.get("/v1/procedures", headers=own).json()["procedures"]
    assert [each["name"] for each in shown] == ["double", "picky", "slow"]


def test_a_miss_without_an_api_server_says_so_and_a_hit_that_is_refused_is_a_miss(running: Running) -> None:
    for text, reason in (("what is this", "busy"), ("picky 4", "guard")):
        reply = running.ask(text)
        assert reply.json()["reason"] == reason
        assert reply.status_code == (503 if reason == "busy" else 504)
        assert "try again" in reply.json()["detail"] or "refused" in reply.json()["detail"]
    assert "the request does not fix it" in running.ask("picky 5").json()["detail"]
    cached = running.ask("what is this", Cache_Control="only-if-cached")
    assert (cached.status_code, cached.json()["reason"]) == (504, "unknown")


def test_explaining_runs_nothing(running: Running, issuer: Issuer) -> None:
    headers = {"Authorization": f"Bearer {issuer.token(ALICE)}"}
    shown = running.http.post("/v1/explain", json={"text": "twice 21"}, headers=headers).json()
    assert shown["outcome"] == "hit" and shown["arguments"] == {"n": "21"}


def test_savings_count_the_hits_of_a_tenant(running: Running, issuer: Issuer) -> None:
    token = issuer.token("system:serviceaccount:counted:carol")
    headers = {"Authorization": f"Bearer {token}"}
    before = running.http.get("/v1/savings", headers=headers).json()
    assert before["counts"]["misses"] == 0
    running.ask("what is this", token, Cache_Control="only-if-cached")
    after = running.http.get("/v1/savings", headers=headers).json()
    assert after["counts"]["misses"] == 1 and after["counts"]["hits"] == 0


def test_replicas_share_a_ledger_and_keys(
    tmp_path: Path, authority: Authority, issuer: Issuer, pod: Runner, postgres: Postgres
) -> None:
    for name in "abc":
        (tmp_path / name).mkdir()
    url = postgres.create()
    base = Ledgerbase(url)
    keys = Keys(base)
    _, text = keys.create(TENANT, "carol", ["ask", "read"], creator="test")
    _, stranger = keys.create("other", "mallory", ["ask", "read"], creator="test")
    with (
        gateway(tmp_path / "a", authority, issuer, ledger_url=url, hotness=2) as first,
        gateway(tmp_path / "b", authority, issuer, ledger_url=url) as second,
    ):
        for number, made in enumerate((first, second)):
            made.serve(DOUBLE)
            made.know(RUNNERS, "default", pod)
            made.settle()
            eventually(lambda made=made: made.ask("double 4", text).status_code != 503)
            assert made.ask(f"double {number}", text).json()["answer"] == str(2 * number)
        assert first.ask("double 4", stranger).status_code == 504
        cold = first.ask("what is this")
        assert (cold.status_code, cold.json()["reason"]) == (504, "cold")
        counted = first.gateway.metrics.hits._value.get() + second.gateway.metrics.hits._value.get()
    with gateway(tmp_path / "c", authority, issuer, ledger_url=url) as third:
        headers = {"Authorization": f"Bearer {text}"}
        eventually(lambda: third.http.get("/v1/savings", headers=headers).status_code == 200)
        shown = third.http.get("/v1/savings", headers=headers).json()
        assert (shown["counts"]["hits"], shown["scope"]) == (counted, "all replicas")
        other = third.http.get("/v1/savings", headers={"Authorization": f"Bearer {stranger}"}).json()
        assert other["counts"]["hits"] == 0 and other["counts"]["misses"] == 1
    base.close()


def test_the_openai_api_is_answered_by_a_runner_or_passes_with_the_gateways_key(
    tmp_path: Path, authority: Authority, issuer: Issuer, pod: Runner
) -> None:
    token = issuer.token(ALICE)

    def asked(made: Running, text: str, token: str) -> httpx2.Response:
        body = {"model": "gpt-5", "messages": [{"role": "user", "content": text}]}
        return made.http.post("/v1/chat/completions", json=body, headers={"Authorization": f"Bearer {token}"})

    with (
        serving(lambda _: completion("the model")) as model,
        gateway(tmp_path, authority, issuer, openai=UpstreamSettings(model.url, "gateways-key")) as made,
    ):
        made.serve(DOUBLE, PICKY)
        made.know(RUNNERS, "default", pod)
        made.settle()
        hit = asked(made, "double 4", token)
        assert hit.json()["choices"][0]["message"]["content"] == "8"
        assert hit.headers["seglam-procedure"] == "double"
        assert hit.json()["usage"]["total_tokens"] == 0
        assert not model.calls
        for text in ("what is this", "picky 4"):
            assert asked(made, text, token).json()["choices"][0]["message"]["content"] == "the model"
            assert model.calls[-1].headers["Authorization"] == "Bearer gateways-key"
        calls = len(model.calls)
        for stranger in ("sk-openai", issuer.token(ALICE, audience="other")):
            refused = asked(made, "double 4", stranger)
            assert refused.status_code == 401
            assert refused.json()["error"]["type"] == "authentication_error"
            assert refused.headers["www-authenticate"]
        other = asked(made, "double 4", issuer.token("system:serviceaccount:other:bob"))
        assert other.json()["choices"][0]["message"]["content"] == "the model"  # another tenant's procedure
        listing = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        accepted = {"Accept": "application/json, text/event-stream", "Authorization": f"Bearer {token}"}
        assert '"name":"double"' in made.http.post("/mcp", json=listing, headers=accepted).text.replace(": ", ":")
        accepted["Authorization"] = f"Bearer {issuer.token('system:serviceaccount:other:bob')}"
        assert '"tools":[]' in made.http.post("/mcp", json=listing, headers=accepted).text.replace(": ", ":")
        kept = made.http.get("/v1/responses/resp_1", headers={"Authorization": f"Bearer {token}"})
        assert kept.status_code == 404  # one key for all tenants, so nobody reads what it keeps
        assert len(model.calls) == calls + 1


def test_a_runner_that_dies_costs_no_hit_while_another_is_there_and_none_compiles_when_none_is(
    tmp_path: Path, authority: Authority, issuer: Issuer, pod: Runner
) -> None:
    with gateway(tmp_path, authority, issuer) as made:
        made.serve(DOUBLE)
        with runner(tmp_path / "second", authority, name=names.runner_server_name(TENANT)) as second:
            made.know(RUNNERS, "default", pod, second)
            made.settle()
            for number in range(6):
                assert made.ask(f"double {number}").json()["answer"] == str(2 * number)
            second.end(signal.SIGKILL)
            for number in range(20):
                assert made.ask(f"double {number}").json()["answer"] == str(2 * number)
            made.know(RUNNERS, "default", second, second)
            reply = made.ask("double 4")
            assert (reply.status_code, reply.json()["reason"]) == (503, "unavailable")
            assert reply.headers["retry-after"]
            assert reply.json()["compilation"] is None
            assert "seglam_runner_failures_total 1.0" in made.http.get("/metrics").text
            made.know(RUNNERS, "default", pod, pod)
            assert made.ask("double 4").json()["answer"] == "8"


def test_a_runner_of_another_tenant_is_not_believed(
    tmp_path: Path, authority: Authority, issuer: Issuer, pod: Runner
) -> None:
    with gateway(tmp_path, authority, issuer, anonymous_tenant="other") as made:
        raw = json.dumps(revision_object("other", DOUBLE)).encode()
        made.gateway.catalog.apply([Change(Type.ADDED, Key("other", "double"), None, announced(raw))])
        made.know(names.runner_namespace("other"), "default", pod)
        made.settle()
        reply = made.http.post("/v1/requests", json={"text": "double 4"})
        assert (reply.status_code, reply.json()["reason"]) == (503, "unavailable")


def test_an_anonymous_tenant_is_served_only_where_that_is_set(
    tmp_path: Path, authority: Authority, issuer: Issuer, pod: Runner
) -> None:
    with gateway(tmp_path, authority, issuer, anonymous_tenant=TENANT) as made:
        made.serve(DOUBLE)
        made.know(RUNNERS, "default", pod)
        assert made.http.get("/readyz").status_code == 503, "nothing has been listed yet"
        made.settle()
        assert made.http.post("/v1/requests", json={"text": "double 4"}).json()["answer"] == "8"
        bad = made.http.post("/v1/requests", json={"text": "double 4"}, headers={"Authorization": "Bearer a.b.c"})
        assert bad.status_code == 401


def test_what_is_at_work_is_finished_when_the_process_ends(
    tmp_path: Path, authority: Authority, issuer: Issuer, pod: Runner
) -> None:
    with gateway(tmp_path, authority, issuer, drain_s=1.0) as made:
        made.serve(SLOW, DOUBLE)
        made.know(RUNNERS, "default", pod)
        made.settle()
        assert made.ask("wait for 1").json()["answer"] == "1"
        with ThreadPoolExecutor(1) as pool:
            slow = pool.submit(made.ask, "wait for 30000000")
            eventually(lambda: pod.metric("seglam_runner_jobs") >= 1 or slow.done())
            made.stop()
            eventually(lambda: made.http.get("/readyz").status_code == 503)
            meanwhile = made.ask("double 4")
            assert meanwhile.json()["answer"] == "8" and meanwhile.headers["connection"] == "close"
            assert slow.result(60).json()["answer"] == "30000000"
        made._thread.join(60)
        assert not made._thread.is_alive()
        with pytest.raises(httpx2.TransportError):
            made.http.get("/healthz")


# The API for compile Jobs


@pytest.fixture(scope="module")
def model() -> Iterator[Server]:
    """A model that answers with what it was asked last, and refuses the word refuse."""

    def answer(asked: dict[str, Any]) -> Any:
        last = asked["messages"][-1]["content"]
        return problem(429, "slow down", Retry_After="7") if last == "refuse" else completion(last, tokens=(300, 100))

    with serving(answer) as made:
        yield made


@pytest.fixture(scope="module")
def jobs(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority, issuer: Issuer, model: Server
) -> Iterator[Running]:
    """A gateway with a verification runner and a model, where one compilation waits."""
    directory = tmp_path_factory.mktemp("jobs")
    upstream = Upstream(model.url, "the-key", frozenset({"m-1"}), 10_000)
    name = names.runner_server_name(None)
    with (
        runner(directory / "verification", authority, name=name, BUILDS="a,b") as verifying,
        gateway(directory, authority, issuer, upstream=upstream) as made,
    ):
        made.serve(DOUBLE)
        made.know("seglam-verification", "verification", free_port(), verifying)  # one pod is gone already
        yield made


def keep(jobs: Running, name: str = NAME) -> None:
    miss = json.dumps({"reason": "unknown", "explanation": "no pattern explains it", "revision": None})
    request = '{"context":{"now":"2026-11-21T12:00:00Z"},"text":"the square of 12"}'
    jobs.gateway._texts.keep(Kept(name, 1, TENANT, "f" * 32, ALICE, request, miss))


@contextmanager
def job(jobs: Running, authority: Authority, token: str) -> Iterator[httpx2.Client]:
    """A client with a token, on the internal API."""
    context = ssl.create_default_context(cadata=authority.pem.decode())
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with httpx2.Client(base_url=f"https://{jobs.internal}", verify=context, headers=headers, timeout=60) as client:
        yield client


def path(rest: str = "", name: str = NAME) -> str:
    return f"/internal/v1/compilations/{name}{rest}"


def test_a_job_gets_its_work(jobs: Running, authority: Authority, issuer: Issuer) -> None:
    keep(jobs)
    with job(jobs, authority, issuer.job_token(f"{NAME}-x7k2p")) as client:
        work = Work.read(client.get(path()).content)
    assert work.tenant == TENANT and work.requester == ALICE and work.fingerprint == "f" * 32
    assert work.request == {"text": "the square of 12", "context": {"now": "2026-11-21T12:00:00Z"}}
    assert work.miss is not None and work.miss.reason is MissReason.UNKNOWN
    (known,) = work.revisions
    assert (known.procedure, known.digest) == ("double", DOUBLE.digest)
    assert known.document == DOUBLE.spec


def test_nobody_but_the_compilations_own_job_is_told_anything(
    jobs: Running, authority: Authority, issuer: Issuer
) -> None:
    keep(jobs)
    other = "rpc-0123456789abcdef0124"
    keep(jobs, other)
    calls = [
        ("GET", ""),
        ("GET", "/sandbox/engines"),
        ("POST", "/sandbox/batches"),
        ("POST", "/sandbox/inspections"),
        ("GET", "/model/models"),
        ("POST", "/model/chat/completions"),
    ]
    tokens = {
        "": (401, "token-missing"),
        issuer.token(ALICE): (401, "token-audience"),
        issuer.token(ALICE, "seglam-gateway"): (403, "not-a-job"),
        issuer.token("system:serviceaccount:seglam-compile:seglam-compile", "seglam-gateway"): (403, "not-yours"),
        issuer.job_token(f"{other}-x7k2p"): (403, "not-yours"),
        issuer.job_token(f"{NAME}-x7k2p", "system:serviceaccount:team:seglam-compile"): (403, "not-a-job"),
    }
    for token, expected in tokens.items():
        with job(jobs, authority, token) as client:
            for method, rest in calls:
                reply = client.request(method, path(rest), content=b"{}" if method == "POST" else None)
                assert (reply.status_code, reply.json()["code"]) == expected, rest
    gone = "rpc-ffffffffffffffffffff"
    with job(jobs, authority, issuer.job_token(f"{gone}-x7k2p")) as client:
        for method, rest in calls:
            reply = client.request(method, path(rest, gone))
            assert (reply.status_code, reply.json()["code"]) == (404, "unknown-compilation")


def test_a_job_runs_code_on_verification_runners_through_the_gateway(
    jobs: Running, authority: Authority, issuer: Issuer, tmp_path: Path
) -> None:
    keep(jobs)
    (tmp_path / "ca.crt").write_bytes(authority.pem)
    (tmp_path / "token").write_text(issuer.job_token(f"{NAME}-x7k2p"))
    tls = TLS.bearer(tmp_path / "ca.crt", tmp_path / "token")
    program = Program("sha256:" + "0" * 64, "def solve(n):\n    return n * n\n")
    for build in ("a", "b"):
        with RemoteSandbox(lambda: [jobs.internal], tls, build=build, prefix=path("/sandbox")) as remote:
            assert len(remote.engine.digest) > 20
            runs = remote.run_many(program, [{"n": 3}, {"n": 12}, {"m": 1}], mode=Mode.FRESH)
            assert [run.answer for run in runs[:2]] == [9, 144]
            assert runs[2].fault is not None and runs[2].fault.kind is FaultKind.ARGUMENTS
            assert remote.inspect(program.code).functions[0].name == "solve"


def test_a_job_asks_the_model_with_the_gateways_key_within_its_budget(
    jobs: Running, authority: Authority, issuer: Issuer, model: Server
) -> None:
    keep(jobs)
    with job(jobs, authority, issuer.job_token(f"{NAME}-x7k2p")) as client:

        def complete(content: str = "hello", **more: object) -> httpx2.Response:
            body = {"model": "m-1", "messages": [{"role": "user", "content": content}], "max_tokens": 1000, **more}
            return client.post(path("/model/chat/completions"), json=body)

        first = complete()
        assert first.status_code == 200
        assert first.json()["choices"][0]["message"]["content"] == "hello"
        assert jobs.gateway._texts.spent(NAME) == 400
        slow = complete("refuse")
        assert (slow.status_code, slow.headers["retry-after"]) == (429, "7")
        assert jobs.gateway._texts.spent(NAME) == 400, "a refusal cost tokens"
        asked = len(model.requests)
        assert complete(stream=True).json()["code"] == "no-streaming"
        assert complete(model="m-9").json()["code"] == "model-not-allowed"
        assert client.post(path("/model/chat/completions"), content=b"[").json()["code"] == "bad-json"
        assert complete(max_tokens=9_700).json()["code"] == "budget"
        assert len(model.requests) == asked, "a call that must not go on went on"
        for _ in range(30):
            last = complete()
            if last.status_code != 200:
                break
        assert (last.status_code, last.json()["code"]) == (403, "budget")
        assert jobs.gateway._texts.spent(NAME) <= 10_000
        keep(jobs)  # another attempt
        assert complete().status_code == 200


def test_certificates_are_read_again_without_a_restart(
    tmp_path: Path, authority: Authority, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seglam.sandbox.tls.CHECK_SECONDS", 0.0)
    with gateway(tmp_path, authority, issuer) as made:

        def served() -> int:
            return _serial(made.internal.port, authority)

        first = served()
        write(authority.identity("localhost", SERVER, CLIENT), tmp_path / "tls")
        eventually(lambda: served() != first)
        (tmp_path / "tls" / "tls.crt").write_text("half a certificate")
        second = served()
        assert second != first and served() == second


def _serial(port: int, authority: Authority) -> int:
    context = ssl.create_default_context(cadata=authority.pem.decode())
    connection = http.client.HTTPSConnection("localhost", port, context=context, timeout=30)
    connection.connect()
    found = connection.sock.getpeercert()
    connection.close()
    assert found is not None
    return int(str(found["serialNumber"]), 16)


def test_a_process_that_cannot_start_says_why(tmp_path: Path, authority: Authority) -> None:
    tls = write(authority.identity("localhost", SERVER, CLIENT), tmp_path / "tls")
    (tmp_path / "kubeconfig").write_text(
        "current-context: c\ncontexts: [{name: c, context: {cluster: c}}]\n"
        "clusters: [{name: c, cluster: {server: 'http://127.0.0.1:9'}}]\n"
    )
    usable = {
        "SEGLAM_POD_IP": "127.0.0.1",
        "SEGLAM_TLS_DIR": str(tls),
        "SEGLAM_DATA_DIR": str(tmp_path / "data"),
        "KUBECONFIG": str(tmp_path / "kubeconfig"),
    }
    for changed, said in (
        ({"SEGLAM_POD_IP": ""}, "SEGLAM_POD_IP"),
        ({"SEGLAM_TLS_DIR": str(tmp_path)}, "ca.crt cannot be read"),
        ({"KUBECONFIG": str(tmp_path / "none")}, "none"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "seglam.gateway.cluster"],
            env=environment(**{**usable, **changed}),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert (done.returncode, said in done.stderr) == (2, True), done.stderr
        assert "Traceback" not in done.stderr
