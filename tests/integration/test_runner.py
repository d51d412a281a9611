"""Runners and their clients, as in a cluster: processes of their own, real TLS, real engines."""

from __future__ import annotations

import hashlib
import http.client
import json
import math
import signal
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from seglam.procedures import Revision
from seglam.procedures.canonical import canonical
from seglam.sandbox import (
    TLS,
    Address,
    Engine,
    FaultKind,
    Identity,
    Mode,
    Program,
    RemoteSandbox,
    RunnersUnavailable,
    Sandbox,
    Timeouts,
)
from seglam.sandbox.tls import client_context
from seglam.sandbox.wire import read_revision
from tests.certificates import CLIENT, SERVER, Authority, write
from tests.documents import revision
from tests.runners import NAME, Admitted, Runner, eventually, runner, tls

TIMES = "def solve(a, b):\n    return a * b\n"
ENDLESS = "def solve(a, b):\n    while a:\n        pass\n    return b\n"
BOMB = "def solve(a, b):\n    return len(bytes(a))\n"
LONG_FUEL = 200_000_000_000


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.new()


@pytest.fixture(scope="module")
def shared(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """A tenant's runner for tests that leave it as it was."""
    with runner(tmp_path_factory.mktemp("runner"), authority) as started:
        yield started


@pytest.fixture(scope="module")
def verifying(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """A verification runner."""
    with runner(tmp_path_factory.mktemp("verifying"), authority, BUILDS="a,b", BODY_MIB=16) as started:
        yield started


# Calls


def test_a_revision_is_put_once_and_then_runs_warm(shared: Runner, authority: Authority) -> None:
    known = Admitted()
    program = known.add(TIMES)
    with known.sandbox(authority, shared) as sandbox:
        runs = [sandbox.run(program, {"a": factor, "b": 10**50}) for factor in range(5)]
        assert [run.answer for run in runs] == [factor * 10**50 for factor in range(5)]
        assert known.asked == [program.digest]
        assert {(run.mode, run.fault, run.engine) for run in runs} == {(Mode.WARM, None, sandbox.engine.digest)}
        assert all(run.fuel_used > 0 and run.elapsed_us > 0 for run in runs)
    assert shared.metric("seglam_runner_warm_hits_total") >= 4


def test_a_runner_answers_as_a_sandbox_in_the_process(shared: Runner, authority: Authority) -> None:
    known = Admitted()
    codes = [
        TIMES,
        "def solve(a, b): print('said', a); return {'x': [a, b, None, True, '\\u00e9\\ud800']}",
        "def solve(a, b): return refuse('not fixed')",
        "def solve(a, b):\n    x = 1\n    return a / (b - b)",
        "def solve(a, b): return float('nan')",
        "import socket\ndef solve(a, b): return 1",
        "def solve(a): return a",
        "def solve(a, b): return",
    ]
    arguments: list[dict[str, object]] = [
        {"a": 6, "b": 7},
        {"a": {"$decimal": "1.50"}, "b": {"$decimal": "2.0"}},
        {"a": 0.5, "b": 1},
        {"a": {1, 2}, "b": 1},
    ]
    with Sandbox(Engine.load()) as here, known.sandbox(authority, shared) as there:
        for program in map(known.add, codes):
            for each in arguments:
                for mode in Mode:
                    mine, its = here.run(program, each, mode=mode), there.run(program, each, mode=mode)
                    assert (its.answer, its.stdout, its.engine, its.mode) == (
                        mine.answer,
                        mine.stdout,
                        mine.engine,
                        mine.mode,
                    )
                    assert (its.fault and its.fault.kind) == (mine.fault and mine.fault.kind)
                    assert (its.fault and its.fault.line) == (mine.fault and mine.fault.line)
            assert there.inspect(program.code, ["12"]) == here.inspect(program.code, ["12"])
        assert (there.engine.digest, there.engine.modules, there.engine.memory_floor_mib) == (
            here.engine.digest,
            here.engine.modules,
            here.engine.memory_floor_mib,
        )


def test_a_revision_that_nobody_knows_is_not_run(shared: Runner, authority: Authority) -> None:
    with (
        Admitted().sandbox(authority, shared) as sandbox,
        pytest.raises(RunnersUnavailable, match="its document is not known here"),
    ):
        sandbox.run(Program("sha256:" + "0" * 64, TIMES), {"a": 1, "b": 2})


def test_a_document_with_another_digest_is_refused(shared: Runner, authority: Authority) -> None:
    known = Admitted()
    other = known(known.add(TIMES).digest)
    with (
        RemoteSandbox(lambda: [shared.address], tls(authority), documents=lambda _: other) as sandbox,
        pytest.raises(RunnersUnavailable, match="status 422, the SHA-256 of the body is not the digest"),
    ):
        sandbox.run(Program("sha256:" + "1" * 64, TIMES), {"a": 1, "b": 2})


def test_a_dropped_revision_is_put_again(authority: Authority, tmp_path: Path) -> None:
    known = Admitted()
    large = [known.add(f"def solve(a, b):\n    return a * b + {n}\n# {'x' * 60_000}") for n in range(20)]
    with runner(tmp_path / "r", authority, REVISIONS_MIB=1) as started, known.sandbox(authority, started) as sandbox:
        for _ in range(2):
            assert [sandbox.run(each, {"a": 1, "b": 1}).answer for each in large] == list(range(1, 21))
        assert len(known.asked) == 40
        assert 0 < started.metric("seglam_runner_revision_bytes") <= 1 << 20


def test_limits_are_those_of_the_document(shared: Runner, authority: Authority) -> None:
    known = Admitted()
    small, large = known.add(BOMB, memoryMiB=20), known.add(BOMB, memoryMiB=80)
    with known.sandbox(authority, shared) as sandbox:
        bomb = sandbox.run(small, {"a": 40 << 20, "b": 1})
        assert bomb.fault is not None and bomb.fault.kind is FaultKind.MEMORY
        assert sandbox.run(large, {"a": 40 << 20, "b": 1}).answer == 40 << 20
        endless = sandbox.run(known.add(ENDLESS, fuel=200_000_000), {"a": 1, "b": 1})
        assert endless.fault is not None and endless.fault.kind is FaultKind.FUEL
        assert sandbox.run(known.add(TIMES), {"a": 6, "b": 7}).answer == 42


def test_calls_at_work_get_no_more_memory_than_there_is(authority: Authority, tmp_path: Path) -> None:
    known = Admitted()
    fitting, larger = known.add(BOMB, memoryMiB=64), known.add(BOMB, memoryMiB=65)
    with (
        runner(tmp_path / "r", authority, CALLS_MIB=64, CONCURRENCY=4) as started,
        known.sandbox(authority, started) as sandbox,
        ThreadPoolExecutor(4) as callers,
    ):
        for mode in Mode:
            refused = sandbox.run(larger, {"a": 1, "b": 1}, mode=mode)
            assert refused.fault is not None and refused.fault.kind is FaultKind.MEMORY
            assert refused.fault.message == "a limit of 65 MiB is more than this runner has for calls, 64 MiB"
        runs = [callers.submit(sandbox.run, fitting, {"a": 30 << 20, "b": 1}) for _ in range(8)]
        assert [each.result().answer for each in runs] == [30 << 20] * 8


# Batches and inspections


def test_a_large_batch_is_asked_for_in_parts_and_keeps_its_order(verifying: Runner, authority: Authority) -> None:
    arguments: list[dict[str, object]] = [{"a": n, "b": 2} for n in range(600)]
    arguments[300] = {"a": float("nan"), "b": 2}
    for build in "ab":
        with Admitted().sandbox(authority, verifying, build=build) as sandbox:
            runs = sandbox.run_many(Program("sha256:any", TIMES), arguments)
            assert runs[300].fault is not None and runs[300].fault.kind is FaultKind.ARGUMENTS
            assert [run.answer for run in runs[:300] + runs[301:]] == [2 * n for n in range(600) if n != 300]
            assert {run.engine for run in runs} == {sandbox.engine.digest}
            assert sandbox.run_many(Program("sha256:any", TIMES), []) == []


def test_large_arguments_and_answers_go_in_parts(verifying: Runner, authority: Authority) -> None:
    echo = Program("sha256:any", "def solve(x): return x[::-1]", answer_bytes=4 << 20)
    arguments = [{"x": str(n) * 1_500_000} for n in range(10)]
    with Admitted().sandbox(authority, verifying, build="b") as sandbox:
        runs = sandbox.run_many(echo, arguments, mode=Mode.SINGLE_USE)
    assert [run.answer for run in runs] == [each["x"] for each in arguments]


def test_a_batch_whose_time_runs_out_goes_on_in_the_next(verifying: Runner, authority: Authority) -> None:
    """A part begins calls for half of its 8 s, so the other half is there for a machine that is slow to answer."""
    slow = Program("sha256:any", "def solve(n):\n    for _ in range(2_000_000): pass\n    return n", fuel=8_000_000_000)
    made, ran = "seglam_runner_instances_made_total", 'seglam_runner_calls_total{mode="fresh",outcome="answer"}'
    with Admitted().sandbox(authority, verifying, timeouts=Timeouts(call=0, batch=0)) as sandbox:
        each = min(run.elapsed_us for run in sandbox.run_many(slow, [{"n": n} for n in range(3)]))
        calls = math.ceil(6e6 / each)  # more than half of the time holds, on a machine of any speed
        before = verifying.metric(made), verifying.metric(ran)
        assert [run.answer for run in sandbox.run_many(slow, [{"n": n} for n in range(calls)])] == list(range(calls))
        after = verifying.metric(made), verifying.metric(ran)
    assert after[0] - before[0] > 1  # an instance for each part
    assert after[1] - before[1] == calls


def test_a_verification_runner_takes_no_warm_calls(verifying: Runner, authority: Authority) -> None:
    known = Admitted()
    with known.sandbox(authority, verifying) as sandbox, pytest.raises(RunnersUnavailable, match="status 403"):
        sandbox.run(known.add(TIMES), {"a": 1, "b": 1})


def test_a_runner_without_the_build(shared: Runner, authority: Authority) -> None:
    with Admitted().sandbox(authority, shared, build="b") as sandbox:
        with pytest.raises(RunnersUnavailable, match="the runners have builds a, not b"):
            _ = sandbox.engine
        with pytest.raises(RunnersUnavailable, match="status 404, this runner has builds a"):
            sandbox.inspect(TIMES)


# Requests that no client of ours makes


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status", "kind"),
    [
        ("GET", "/v1/nothing", {}, b"", 404, "path"),
        ("GET", "/v1/runs", {}, b"", 405, "method"),
        ("POST", "/v1/revisions/sha256:x", {}, b"", 405, "method"),
        ("POST", "/v1/runs", {}, b"{", 400, "malformed"),
        ("POST", "/v1/runs", {}, b'{"revision":"sha256:x","arguments":{}}', 400, "malformed"),
        ("POST", "/v1/runs", {"Seglam-Deadline-Ms": "soon"}, b"{}", 400, "malformed"),
        ("POST", "/v1/runs", {"Seglam-Deadline-Ms": "0"}, b"{}", 504, "late"),
        ("POST", "/v1/batches", {}, b'{"build":"a","mode":"warm","program":{},"arguments":[]}', 400, "malformed"),
        ("POST", "/v1/inspections", {}, b" " * (9 << 20), 413, "too-large"),
        ("PUT", "/v1/revisions/sha256:" + hashlib.sha256(b"[]").hexdigest(), {}, b"[]", 422, "malformed"),
    ],
)
def test_a_wrong_request_gets_a_problem(
    shared: Runner,
    authority: Authority,
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes,
    status: int,
    kind: str,
) -> None:
    context = client_context(authority.identity("gateway", CLIENT))
    with socket.create_connection(shared.address) as plain, context.wrap_socket(plain, server_hostname=NAME) as tunnel:
        connection = http.client.HTTPConnection("runner")
        connection.sock = tunnel
        with suppress(OSError):  # the runner does not read what is too large
            connection.request(method, path, body, headers)
        with connection.getresponse() as reply:
            problem = json.loads(reply.read())
            assert reply.headers["Content-Type"] == "application/problem+json"
    assert (reply.status, problem["status"], problem["type"]) == (status, status, kind)


def test_a_client_that_leaves_in_the_middle_does_no_harm(shared: Runner, authority: Authority) -> None:
    context = client_context(authority.identity("gateway", CLIENT))
    for sent in (b"", b"POST /v1/runs HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{", b"nonsense\r\n\r\n"):
        with (
            socket.create_connection(shared.address) as plain,
            context.wrap_socket(plain, server_hostname=NAME) as tunnel,
        ):
            tunnel.sendall(sent)
    known = Admitted()
    with known.sandbox(authority, shared) as sandbox:
        assert sandbox.run(known.add(TIMES), {"a": 6, "b": 7}).answer == 42
    assert shared.metric('seglam_runner_refusals_total{type="internal"}') == 0
    assert not any("Traceback" in line for line in shared.log)


@pytest.mark.parametrize(
    ("method", "path", "status"), [("POST", "/healthz", 405), ("GET", "/v1/runs", 404), ("HEAD", "/metrics", 200)]
)
def test_the_probe_port_offers_probes_only(shared: Runner, method: str, path: str, status: int) -> None:
    connection = http.client.HTTPConnection(shared.probes.removeprefix("http://"), timeout=30)
    connection.request(method, path)
    assert connection.getresponse().status == status
    connection.close()


# Who may call


def _refused(runner: Runner, identity: Identity, name: str = NAME) -> None:
    context = client_context(identity)
    with RemoteSandbox(lambda: [runner.address], TLS(lambda: context, name)) as sandbox:
        with pytest.raises(RunnersUnavailable):
            _ = sandbox.engine
        with pytest.raises(RunnersUnavailable):
            sandbox.run_many(Program("sha256:any", TIMES), [{"a": 1, "b": 2}])


def test_only_clients_of_the_authority_with_the_purpose_are_taken(shared: Runner, authority: Authority) -> None:
    stranger = Authority.new().identity("gateway", CLIENT)
    _refused(shared, Identity(authority.pem))
    _refused(shared, authority.identity("gateway", SERVER))
    _refused(shared, Identity(authority.pem, stranger.certificate, stranger.key))
    with RemoteSandbox(lambda: [shared.address], tls(authority)) as sandbox:
        assert sandbox.engine.build == "a"


def test_a_client_takes_only_the_server_that_it_asked_for(shared: Runner, authority: Authority) -> None:
    own = authority.identity("gateway", CLIENT)
    _refused(shared, own, "other.runners.seglam.internal")
    _refused(shared, Identity(Authority.new().pem, own.certificate, own.key))


def test_nothing_below_tls_1_3_and_nothing_in_the_clear(shared: Runner, authority: Authority) -> None:
    context = client_context(authority.identity("gateway", CLIENT))
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_connection(shared.address) as plain, pytest.raises(ssl.SSLError):
        context.wrap_socket(plain, server_hostname=NAME)
    connection = http.client.HTTPConnection(*shared.address, timeout=30)
    with pytest.raises((http.client.HTTPException, OSError)):
        connection.request("GET", "/v1/engines")
        connection.getresponse()
    connection.close()
    assert shared.probe("/v1/engines")[0] == 404


def test_new_certificates_and_a_new_authority_are_taken_up(authority: Authority, tmp_path: Path) -> None:
    other = Authority.new()
    with runner(tmp_path / "r", authority) as started:
        context = client_context(authority.identity("gateway", CLIENT))
        with RemoteSandbox(lambda: [started.address], TLS(lambda: context, NAME)) as sandbox:
            digest = sandbox.engine.digest
        (started.tls_dir / "tls.key").write_bytes(b"half")
        write(other.identity(NAME, SERVER), started.tls_dir)
        renewed = client_context(other.identity("gateway", CLIENT))

        def taken() -> bool:
            with RemoteSandbox(lambda: [started.address], TLS(lambda: renewed, NAME)) as sandbox:
                try:
                    return sandbox.engine.digest == digest
                except RunnersUnavailable:
                    return False

        eventually(taken)
        _refused(started, authority.identity("gateway", CLIENT))


def test_files_of_a_client_are_read_again(authority: Authority, shared: Runner, tmp_path: Path) -> None:
    directory = write(authority.identity("gateway", CLIENT), tmp_path / "tls")
    with RemoteSandbox(lambda: [shared.address], TLS.mutual(directory, NAME)) as sandbox:
        assert sandbox.engine.build == "a"
    with pytest.raises(RuntimeError, match=r"ca\.crt cannot be read"):
        TLS.mutual(tmp_path / "nothing", NAME)


# Faults


def test_more_than_can_wait_is_refused_at_once(authority: Authority, tmp_path: Path) -> None:
    known = Admitted()
    endless, times = known.add(ENDLESS, fuel=LONG_FUEL), known.add(TIMES)
    with (
        runner(tmp_path / "r", authority, CONCURRENCY=1, QUEUE=1, GRACE_S=1) as started,
        known.sandbox(authority, started) as sandbox,
        ThreadPoolExecutor(2) as callers,
    ):
        assert sandbox.run(endless, {"a": 0, "b": 5}).answer == 5
        at_work = [callers.submit(sandbox.run, endless, {"a": 1, "b": 5}) for _ in range(2)]
        eventually(lambda: started.metric("seglam_runner_jobs") == 2)
        with pytest.raises(RunnersUnavailable, match="status 503, as many calls run and wait as may") as refused:
            sandbox.run(times, {"a": 1, "b": 2})
        assert refused.value.retry_after == 1
        assert started.probe("/readyz") == (200, "ok\n")
        assert started.metric('seglam_runner_refusals_total{type="overloaded"}') >= 1
        started.end(signal.SIGKILL)
        for each in at_work:
            with pytest.raises(RunnersUnavailable):
                each.result()


def test_a_full_runner_is_passed_over_for_another(authority: Authority, tmp_path: Path) -> None:
    known = Admitted()
    endless, times = known.add(ENDLESS, fuel=LONG_FUEL), known.add(TIMES)
    with (
        runner(tmp_path / "full", authority, CONCURRENCY=1, QUEUE=0, GRACE_S=1) as full,
        runner(tmp_path / "free", authority) as free,
        known.sandbox(authority, full) as filling,
        known.sandbox(authority, full, free) as sandbox,
        ThreadPoolExecutor(1) as callers,
    ):
        assert filling.run(endless, {"a": 0, "b": 5}).answer == 5
        at_work = callers.submit(filling.run, endless, {"a": 1, "b": 5})
        eventually(lambda: full.metric("seglam_runner_jobs") == 1)
        assert [sandbox.run(times, {"a": n, "b": 2}).answer for n in range(6)] == [2 * n for n in range(6)]
        full.end(signal.SIGKILL)
        with pytest.raises(RunnersUnavailable):
            at_work.result()


def test_a_caller_that_waits_no_longer_gets_no_late_answer(authority: Authority, tmp_path: Path) -> None:
    known = Admitted()
    endless, times = known.add(ENDLESS, fuel=2_000_000_000), known.add(TIMES)
    impatient = Timeouts(call=-1.9)  # 0.1 s beside what its steps may take
    with (
        runner(tmp_path / "r", authority, CONCURRENCY=1) as started,
        known.sandbox(authority, started) as patient,
        known.sandbox(authority, started, timeouts=impatient) as sandbox,
    ):
        assert patient.run(endless, {"a": 0, "b": 5}).answer == 5
        with pytest.raises(RunnersUnavailable, match=r"no reply within|the deadline passed"):
            sandbox.run(endless, {"a": 1, "b": 5})
        assert patient.run(times, {"a": 6, "b": 7}).answer == 42


def test_a_killed_runner_gives_no_wrong_answer(authority: Authority, tmp_path: Path) -> None:
    known = Admitted()
    times = known.add(TIMES)
    with (
        runner(tmp_path / "one", authority) as one,
        runner(tmp_path / "two", authority) as two,
        known.sandbox(authority, one, two) as sandbox,
    ):
        wrong: list[object] = []
        failed: list[str] = []
        answered = threading.Semaphore(0)
        stop = threading.Event()

        def calls(start: int) -> int:
            n = start
            while not stop.is_set():
                n += 1
                try:
                    run = sandbox.run(times, {"a": n, "b": 3})
                except RunnersUnavailable as problem:
                    failed.append(str(problem))
                    continue
                if run.answer != 3 * n:
                    wrong.append(run)
                answered.release()
            return n - start

        with ThreadPoolExecutor(4) as callers:
            counts = [callers.submit(calls, start) for start in (0, 10**6, 10**9, 10**12)]
            for ended in (None, one):
                if ended is not None:
                    ended.end(signal.SIGKILL)
                for _ in range(400):
                    assert answered.acquire(timeout=60)
            stop.set()
            made = sum(each.result() for each in counts)
        assert made >= 800 and wrong == []
        assert failed == []  # a call that a dying runner did not answer was asked of the other
        assert sandbox.run(times, {"a": 1, "b": 1}).answer == 1


def test_no_runner_at_all(authority: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        gone = Address(*taken.getsockname())
    for addresses, words in ((), "no runner is ready"), ((gone,), "no connection"):
        sandbox = RemoteSandbox(lambda known=addresses: known, tls(authority))  # type: ignore[misc]
        with pytest.raises(RunnersUnavailable, match=words):
            sandbox.run(Program("sha256:" + "0" * 64, TIMES), {})


# Its life


def test_sigterm_drains(authority: Authority, tmp_path: Path) -> None:
    known = Admitted()
    slow = known.add("def solve(a, b):\n    for _ in range(a): pass\n    return b\n", fuel=100_000_000_000)
    with (
        runner(tmp_path / "r", authority, DRAIN_S=2) as started,
        known.sandbox(authority, started) as sandbox,
        ThreadPoolExecutor(1) as callers,
    ):
        assert sandbox.run(slow, {"a": 1, "b": 5}).answer == 5
        at_work = callers.submit(sandbox.run, slow, {"a": 30_000_000, "b": 7})
        eventually(lambda: started.metric("seglam_runner_jobs") == 1)
        started.process.send_signal(signal.SIGTERM)
        eventually(lambda: started.probe("/readyz") == (503, "Draining\n"))
        assert started.probe("/healthz") == (200, "ok\n")
        assert sandbox.run(slow, {"a": 1, "b": 6}).answer == 6  # from one who has not noticed yet
        assert at_work.result().answer == 7
        assert started.process.wait(60) == 0
        with pytest.raises(RunnersUnavailable):
            sandbox.run(slow, {"a": 1, "b": 6})


def test_a_runner_ends_though_a_procedure_does_not(authority: Authority, tmp_path: Path) -> None:
    known = Admitted()
    endless = known.add(ENDLESS, fuel=1_000_000_000_000)
    with (
        runner(tmp_path / "r", authority, GRACE_S=1) as started,
        known.sandbox(authority, started) as sandbox,
        ThreadPoolExecutor(1) as callers,
    ):
        assert sandbox.run(endless, {"a": 0, "b": 5}).answer == 5
        at_work = callers.submit(sandbox.run, endless, {"a": 1, "b": 5})
        eventually(lambda: started.metric("seglam_runner_jobs") == 1)
        began = time.monotonic()
        assert started.end() == 0
        assert time.monotonic() - began < 60  # the procedure's own limit is minutes away
        with pytest.raises(RunnersUnavailable):
            at_work.result()


def test_a_runner_that_can_leave_its_pod_takes_no_calls(authority: Authority, tmp_path: Path) -> None:
    known = Admitted()
    times = known.add(TIMES)
    with socket.create_server(("127.0.0.1", 0)) as api_server:
        reached = Address(*api_server.getsockname())
        with (
            runner(tmp_path / "r", authority, EGRESS=reached) as started,
            known.sandbox(authority, started) as sandbox,
        ):
            eventually(lambda: started.metric("seglam_runner_egress_attempts_total") >= 2)
            assert started.probe("/readyz") == (503, "EgressNotBlocked\n")
            assert started.probe("/healthz")[0] == 200
            assert started.metric("seglam_runner_egress_blocked") == started.metric("seglam_runner_ready") == 0
            for call in (
                lambda: sandbox.run(times, {"a": 6, "b": 7}),
                lambda: sandbox.run_many(times, [{"a": 6, "b": 7}]),
                lambda: sandbox.inspect(TIMES),
            ):
                with pytest.raises(RunnersUnavailable, match="takes no calls: EgressNotBlocked"):
                    call()
            api_server.close()
            eventually(lambda: started.probe("/readyz") == (200, "ok\n"))
            assert sandbox.run(times, {"a": 6, "b": 7}).answer == 42
            assert started.metric("seglam_runner_egress_blocked") == 1
    assert sum("EgressNotBlocked" in line for line in started.log) == 1


def test_nothing_of_a_request_is_logged_or_measured(authority: Authority, tmp_path: Path) -> None:
    known = Admitted()
    secret = "correct-horse-battery"
    raising = known.add("def solve(a, b): print(a); raise ValueError(a)")
    with runner(tmp_path / "r", authority) as started, known.sandbox(authority, started) as sandbox:
        run = sandbox.run(raising, {"a": secret, "b": 1})
        assert run.fault is not None and secret in run.fault.message
        with pytest.raises(RunnersUnavailable):
            sandbox.run(Program(secret, TIMES), {"a": secret, "b": 1})
        metrics = started.probe("/metrics")[1]
        assert started.end() == 0
    assert secret not in metrics
    assert secret not in "".join(started.log)
    assert 'outcome="raised"' in metrics


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"PORT": "no"}, "SEGLAM_RUNNER_PORT is 'no', but must be a whole number from 0 to 65535"),
        ({"EGRESS": "example.org:443"}, "'example.org:443' is no IP address and port"),
        ({"BUILDS": "a,c"}, "SEGLAM_RUNNER_BUILDS is 'a,c', but must name builds of a, b, each once"),
        ({"TENANT": "x"}, "SEGLAM_RUNNER_TENANT is no setting; there are BODY_MIB, BUILDS"),
        ({"TLS_DIR": "/nowhere"}, "ca.crt cannot be read"),
    ],
)
def test_a_runner_that_cannot_start_says_why(
    authority: Authority, tmp_path: Path, settings: dict[str, str], words: str
) -> None:
    with pytest.raises(AssertionError, match="does not listen") as problem:
        Runner(tmp_path / "r", authority, **settings)
    assert words in str(problem.value)


def test_revisions_run_with_the_limits_that_the_gateway_knows() -> None:
    """What a runner reads from a document is what `Revision` says of it."""
    limits: list[dict[str, int] | None] = [
        None,
        {"fuel": 5_000_000},
        {"memoryMiB": 64},
        {"fuel": 10**9, "memoryMiB": 20},
    ]
    for each in limits:
        made: Revision = revision(limits=each)
        assert read_revision(made.digest, canonical(made.spec)) == Program(
            made.digest, made.spec.code, made.fuel, made.memory_mib
        )
