"""The client against servers that fail in every way that a connection allows; the runner itself is tested elsewhere."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import pytest

from seglam.sandbox import (
    TLS,
    Address,
    Executor,
    Mode,
    Program,
    RemoteSandbox,
    RunnersUnavailable,
    Sandbox,
    Timeouts,
    connections,
)
from seglam.sandbox.tls import client_context, server_context
from tests.certificates import CLIENT, SERVER, Authority

DIGEST = "sha256:" + "0" * 64
PROGRAM = Program(DIGEST, "", fuel=1)
RUN = {"answer": 1, "fault": None, "stdout": "", "fuelUsed": 1, "elapsedUs": 1.5, "engine": DIGEST, "mode": "warm"}

Step = bytes | None
"""What the server sends after a request; None closes the connection without an answer."""


def http(status: int, body: object = None, *headers: str) -> bytes:
    content = b"" if body is None else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} x", f"Content-Length: {len(content)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + content


OK = http(200, RUN)


class Scripted:
    """A TLS server that answers connections one after another, each by a script of its own."""

    def __init__(self, authority: Authority, *connections: Sequence[Step]) -> None:
        self._context = server_context(authority.identity("runner", SERVER))
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = Address(*self._listening.getsockname())
        self.requests: list[bytes] = []
        self._scripts = connections
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        with self._listening:
            for script in self._scripts:
                with suppress(OSError):
                    plain, _ = self._listening.accept()
                    with plain, self._context.wrap_socket(plain, server_side=True) as connection:
                        self._follow(connection, script)

    def _follow(self, connection: ssl.SSLSocket, script: Sequence[Step]) -> None:
        for step in script:
            request = connection.recv(1 << 16)
            self.requests.append(request)
            if not request or step is None:
                return
            connection.sendall(step)

    def close(self) -> None:
        """End it, also if nobody came."""
        while self._thread.is_alive():
            with suppress(OSError):
                socket.create_connection(self.address, 1).close()
            self._thread.join(0.1)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.new()


@pytest.fixture(scope="module")
def tls(authority: Authority) -> TLS:
    context = client_context(authority.identity("gateway", CLIENT))
    return TLS(lambda: context, "runner")


@pytest.fixture
def script(authority: Authority) -> Iterator[Callable[..., Scripted]]:
    made: list[Scripted] = []

    def start(*connections: Sequence[Step]) -> Scripted:
        made.append(Scripted(authority, *connections))
        return made[-1]

    yield start
    for each in made:
        each.close()


@contextmanager
def client(tls: TLS, *servers: Scripted, **more: object) -> Iterator[RemoteSandbox]:
    addresses = [each.address for each in servers]
    with RemoteSandbox(lambda: addresses, tls, **more) as sandbox:  # type: ignore[arg-type]
        yield sandbox


def test_both_are_executors(shared_sandbox: Sandbox, tls: TLS) -> None:
    executors: list[Executor] = [shared_sandbox, RemoteSandbox(lambda: (), tls)]
    assert len(executors) == 2


def test_a_connection_is_kept(script: Callable[..., Scripted], tls: TLS) -> None:
    server = script([OK, OK])
    with client(tls, server) as sandbox:
        assert [sandbox.run(PROGRAM, {}).answer for _ in range(2)] == [1, 1]
    assert b"Seglam-Deadline-Ms: " in server.requests[0]


def test_a_kept_connection_that_was_closed_is_replaced(script: Callable[..., Scripted], tls: TLS) -> None:
    for end in (None, OK[:-1], OK[:20]):
        server = script([OK, end], [OK])
        with client(tls, server) as sandbox:
            assert [sandbox.run(PROGRAM, {}).answer for _ in range(2)] == [1, 1]


def test_a_connection_that_the_server_ends_is_not_kept(script: Callable[..., Scripted], tls: TLS) -> None:
    server = script([http(200, RUN, "Connection: close")], [OK])
    with client(tls, server) as sandbox:
        assert [sandbox.run(PROGRAM, {}).answer for _ in range(2)] == [1, 1]
    assert len(server.requests) == 2


def test_a_connection_that_idled_for_long_is_not_used(
    script: Callable[..., Scripted], tls: TLS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "IDLE_SECONDS", 0.0)
    server = script([OK, None], [OK])
    with client(tls, server) as sandbox:
        assert [sandbox.run(PROGRAM, {}).answer for _ in range(2)] == [1, 1]
    assert [bool(each) for each in server.requests] == [True, False, True]


def test_connections_to_runners_that_are_no_more_are_closed(
    script: Callable[..., Scripted], tls: TLS, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = script([OK, None]), script([OK, OK])
    addresses = [old.address]
    monkeypatch.setattr(connections, "IDLE_SECONDS", 0.0)
    with RemoteSandbox(lambda: addresses, tls) as sandbox:
        sandbox.run(PROGRAM, {})
        addresses[:] = [new.address]
        sandbox.run(PROGRAM, {})
        old._thread.join(30)
        assert not old._thread.is_alive()  # its connection was closed


@pytest.mark.parametrize("end", [None, b"", OK[:-1], OK[:20], b"nonsense\r\n\r\n", b"HTTP/1.1 200 x\r\n\r\n{}"])
def test_another_address_is_asked_when_a_connection_ends(script: Callable[..., Scripted], tls: TLS, end: Step) -> None:
    broken, good = script([end]), script([OK, OK])
    with client(tls, broken, good, timeouts=Timeouts(call=30)) as sandbox:
        assert [sandbox.run(PROGRAM, {}).answer for _ in range(2)] == [1, 1]


def test_a_call_that_ends_runners_is_given_up(script: Callable[..., Scripted], tls: TLS) -> None:
    servers = [script([None], [None]) for _ in range(4)]
    with client(tls, *servers) as sandbox, pytest.raises(RunnersUnavailable, match="ended before the reply"):
        sandbox.run(PROGRAM, {})
    assert sum(len(each.requests) for each in servers) == 2


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (http(200, {**RUN, "mode": "fresh"}), "a runner's reply cannot be read: the run is not of mode warm"),
        (http(200, {}), "cannot be read"),
        (http(400, {"detail": "the call is no object"}), "status 400, the call is no object"),
        (http(500, ["x"]), "status 500"),
        (http(404, {"type": "path"}), "status 404"),
        (b"HTTP/1.1 500 x\r\nContent-Length: 1\r\n\r\n{", "status 500"),
    ],
)
def test_no_other_address_is_asked_after_an_answer(
    script: Callable[..., Scripted], tls: TLS, reply: bytes, words: str
) -> None:
    first, second = script([reply]), script([reply])
    with client(tls, first, second) as sandbox, pytest.raises(RunnersUnavailable, match=words):
        sandbox.run(PROGRAM, {})
    assert len(first.requests) + len(second.requests) == 1


def test_no_other_address_is_asked_after_silence(script: Callable[..., Scripted], tls: TLS) -> None:
    first, second = script([b"", b""]), script([b"", b""])
    with client(tls, first, second, timeouts=Timeouts(call=2)) as sandbox:
        with pytest.raises(RunnersUnavailable, match="no reply within 2 s"):
            sandbox.run(PROGRAM, {})
        sandbox.close()
    assert len([each for each in first.requests + second.requests if each]) == 1


def test_a_trickle_does_not_outlast_the_deadline(script: Callable[..., Scripted], tls: TLS) -> None:
    """Each byte comes in time, the whole does not."""
    server = script([])
    stop = threading.Event()

    def trickle() -> None:
        plain, _ = server._listening.accept()
        with plain, suppress(OSError), server._context.wrap_socket(plain, server_side=True) as connection:
            connection.recv(1 << 16)
            connection.sendall(b"HTTP/1.1 200 x\r\nContent-Length: 100000\r\n\r\n")
            while not stop.is_set():
                connection.sendall(b" ")
                time.sleep(0.02)

    server.close()
    server._listening = socket.create_server(("127.0.0.1", 0))
    server.address = Address(*server._listening.getsockname())
    thread = threading.Thread(target=trickle)
    thread.start()
    with (
        client(tls, server, timeouts=Timeouts(call=0.5)) as sandbox,
        pytest.raises(RunnersUnavailable, match="no reply within"),
    ):
        sandbox.run(PROGRAM, {})
    stop.set()
    thread.join()
    server._listening.close()


def test_full_runners_are_passed_over_and_the_shortest_wait_is_told(script: Callable[..., Scripted], tls: TLS) -> None:
    full = http(503, {"detail": "full"}, "Retry-After: 7"), http(503, {"detail": "full"}, "Retry-After: 3")
    first, second = script([full[0]]), script([full[1]])
    with client(tls, first, second) as sandbox, pytest.raises(RunnersUnavailable, match="status 503, full") as problem:
        sandbox.run(PROGRAM, {})
    assert problem.value.retry_after == 3
    assert len(first.requests) == len(second.requests) == 1
    server = script([http(502)])
    with client(tls, server) as sandbox, pytest.raises(RunnersUnavailable, match="status 502") as problem:
        sandbox.run(PROGRAM, {})
    assert problem.value.retry_after is None


def test_a_dead_address_is_asked_last_for_a_while(script: Callable[..., Scripted], tls: TLS) -> None:
    dead, good = script([None]), script([OK] * 9)
    dead.close()
    with client(tls, dead, good) as sandbox:
        assert [sandbox.run(PROGRAM, {}).answer for _ in range(8)] == [1] * 8
        assert sandbox._in_order() == [good.address, dead.address] == sandbox._in_order()


def test_a_batch_must_get_on(script: Callable[..., Scripted], tls: TLS) -> None:
    server = script([http(200, {"runs": []})])
    with client(tls, server) as sandbox, pytest.raises(RunnersUnavailable, match="runs are 1 to 2"):
        sandbox.run_many(PROGRAM, [{}, {}])
    fresh = {**RUN, "mode": "fresh"}
    server = script([http(200, {"runs": [fresh] * 2}), http(200, {"runs": [fresh]})])
    with client(tls, server) as sandbox:
        assert len(sandbox.run_many(PROGRAM, [{}, {}, {}])) == 3
    assert [request.count(b"{},{},{}") for request in server.requests] == [1, 0]


def test_warm_batches_are_calls(script: Callable[..., Scripted], tls: TLS) -> None:
    with client(tls, script([OK, OK])) as sandbox:
        assert len(sandbox.run_many(PROGRAM, [{}, {}], mode=Mode.WARM)) == 2


def test_an_engine_is_asked_for_again_after_a_run_on_another(script: Callable[..., Scripted], tls: TLS) -> None:
    def engines(digit: str) -> bytes:
        return http(
            200, {"engines": [{"build": "a", "digest": "sha256:" + digit * 64, "modules": [], "memoryFloorMib": 1}]}
        )

    server = script([engines("1"), OK, engines("0"), OK])
    with client(tls, server) as sandbox:
        assert sandbox.engine.digest == sandbox.engine.digest == "sha256:" + "1" * 64
        sandbox.run(PROGRAM, {})
        assert sandbox.engine.digest == DIGEST
        sandbox.run(PROGRAM, {})
        assert sandbox.engine.digest == DIGEST


def test_a_token_is_sent_with_each_request(
    script: Callable[..., Scripted], authority: Authority, tls: TLS, tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp("token")
    (directory / "ca.crt").write_bytes(authority.pem)
    (directory / "token").write_text("first\n")
    bearer = TLS.bearer(directory / "ca.crt", directory / "token", "runner")
    assert bearer.token is not None
    server = script([OK, OK])
    with client(TLS(tls.context, "runner", bearer.token), server, prefix="/internal/sandbox") as sandbox:
        sandbox.run(PROGRAM, {})
        (directory / "token").write_text("second\n")
        sandbox.run(PROGRAM, {})
    assert b"Authorization: Bearer first\r\n" in server.requests[0]
    assert b"Authorization: Bearer second\r\n" in server.requests[1]
    assert server.requests[0].startswith(b"POST /internal/sandbox/runs HTTP/1.1\r\n")
    bearer.context()


def test_an_address_that_fails_again_and_again_is_left_alone(tls: TLS) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = Address(*taken.getsockname())
    with RemoteSandbox(lambda: [nobody], tls) as remote:
        words = []
        for _ in range(4):
            with pytest.raises(RunnersUnavailable) as unavailable:
                remote.run(PROGRAM, {})
            words.append(str(unavailable.value))
        assert ["left alone" in each for each in words] == [False, False, False, True]
        assert unavailable.value.retry_after is not None
