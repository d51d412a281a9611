"""The hot path over real HTTP: batches, Idempotency-Key, deadlines, places, and clients that leave."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import httpx2
import pytest

from benchmarks.soak import soak
from seglam.gateway import Service
from seglam.gateway.server import bind, server
from seglam.gateway.serving import ClientGone, Headers, read_body, watched
from seglam.gateway.serving.embedded import Decided, EmbeddedAnswers
from seglam.gateway.serving.places import Places
from seglam.gateway.serving.rounds import TOGETHER, Round
from seglam.gateway.serving.swift import Swift
from seglam.web import Problem
from tests.documents import document
from tests.services import listening, running

COUNT = "def solve(n):\n    total = 0\n    for each in range(n):\n        total += 1\n    return total\n"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    directory = tmp_path_factory.mktemp("serving")
    with running(
        directory,
        documents=[
            document("count", patterns=("count to {n}",), returns="integer", code=COUNT),
            document("echo", patterns=("echo {n}",), returns="integer", code="def solve(n):\n    return n\n"),
        ],
    ) as made:
        yield made


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[httpx2.Client]:
    with listening(service) as opened:
        yield opened


def asked(client: httpx2.Client, text: str, **headers: str) -> httpx2.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post("/v1/requests", json={"text": text}, headers=named)


def test_every_hit_has_its_own_answer_however_it_is_run(service: Service, client: httpx2.Client) -> None:
    """The first calls have a thread; once they were short, the event loop makes them. One that is long after all does
    not lose its answer, and is not tried there again."""
    sandbox = service.tenant().runner._running
    for n in (1, 2, 3, 4, 5, 6):
        assert asked(client, f"count to {n}").json()["answer"] == str(n)
    before = sandbox.statistics.instances_discarded  # type: ignore[attr-defined]
    for n in (300_000, 7, 300_001):
        assert asked(client, f"count to {n}").json()["answer"] == str(n)
    assert sandbox.statistics.instances_discarded == before + 1  # type: ignore[attr-defined]
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda n: asked(client, f"count to {n}").json()["answer"], range(200)))
    assert answers == [str(n) for n in range(200)]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"text": "count to 3"}', 200),
        (b'{"te\\u0078t": "count to 3"}', 200),
        (b'{"text": "count to 3", "text": "count to 4"}', 400),
        (b'{"text": "count to 3", "te\\u0078t": "count to 4"}', 400),
        (b'{"text": "count\\u0000 to 3"}', 400),
        (b'{"text": "count\x7f to 3"}', 400),
        (b'{"text": "count to 3", "more": 1}', 400),
        (b'{"text": "count to 3"', 400),
        (b'{"text": 3}', 400),
        ('{"text": "count\u0085 to 3"}'.encode(), 400),
    ],
)
def test_the_fast_way_to_read_a_body_takes_nothing_that_the_other_refuses(
    client: httpx2.Client, body: bytes, status: int
) -> None:
    answer = client.post("/v1/requests", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status, answer.text


def _message(body: bytes, *headers: str, path: str = "/v1/requests") -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json", *headers]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


def _answers(connection: socket.socket, count: int) -> list[tuple[int, dict[str, str], Any]]:
    """So many responses on a connection: status, headers, content."""
    stream, found = connection.makefile("rb"), []
    for _ in range(count):
        status = int(stream.readline().split()[1])
        lines = iter(lambda: stream.readline().decode().strip(), "")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        found.append((status, headers, json.loads(stream.read(int(headers["content-length"])))))
    return found


def test_what_is_answered_where_its_last_byte_is_read_is_answered_as_everything_else(
    service: Service, client: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests that come whole, in pieces, behind each other, with headers that ask for something, or for no hit: all
    get their own answers, in their order, and those that come whole and plain have no task."""
    for n in range(6):
        asked(client, f"echo {n}")
    at_once: list[str] = []
    swift = EmbeddedAnswers.at_once

    def counted(self: EmbeddedAnswers, decided: Decided) -> Any:
        at_once.append(decided.request.text or "")
        return swift(self, decided)

    monkeypatch.setattr(EmbeddedAnswers, "at_once", counted)
    hits = [_message(b'{"text": "echo %d"}' % n) for n in range(1, 9)]
    odd = [
        _message(b'{"text": "who is it?"}'),
        _message(b'{"text": "echo 11"}', "Prefer: wait=1"),
        _message(b'{"text": "echo 12"}', "Idempotency-Key: mixed"),
        _message(b'{"text": 3}'),
        _message(b'{"text": "echo 14"}', path="/v1/requests?x=1"),
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
        _message(b'{"text": "echo 15", "context": {}}'),
        _message(b'{"text": "echo 16"}').replace(b"localhost", b"elsewhere"),
        _message(b'{"text": "echo 17"}').replace(b"application/json", b"text/plain"),
        _message(b'{"text": "echo 18"}', "Expect: 100-continue"),
    ]
    expected = [504, 200, 200, 400, 200, 200, 200, 421, 415]
    address = (client.base_url.host, client.base_url.port or 0)
    with socket.create_connection(address, timeout=60) as connection:
        for piece in (hits[0], hits[1][:30], hits[1][30:-4], hits[1][-4:], b"".join(hits[2:8])):
            connection.sendall(piece)
            time.sleep(0.02)
        found = _answers(connection, 8)
        assert [(status, content["answer"]) for status, _, content in found] == [(200, str(n)) for n in range(1, 9)]
        assert {tuple(headers) for _, headers, _ in found} == {
            ("date", "content-length", "content-type", "cache-status")
        }
        pieces = "echo 2"  # which may have come as one after all
        assert [text for text in at_once if text != pieces] == [f"echo {n}" for n in (1, *range(3, 9))]
        mixed = [each for pair in zip(hits, odd[:8], strict=True) for each in pair]
        connection.sendall(b"".join(mixed))
        found = _answers(connection, 16)
        assert [content["answer"] for _, _, content in found[::2]] == [str(n) for n in range(1, 9)]
        assert [status for status, _, _ in found[1::2]] == expected[:8]
        connection.sendall(odd[8])
        assert _answers(connection, 1)[0][0] == 415
        connection.sendall(odd[9])
        assert connection.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert _answers(connection, 1)[0][2]["answer"] == "18"
    chunked = _message(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    with socket.create_connection(address, timeout=60) as connection:
        connection.sendall(chunked + b'd\r\n{"text": "ech\r\n5\r\no 19"\r\n1\r\n}\r\n0\r\n\r\n')
        assert _answers(connection, 1)[0][2]["answer"] == "19"
        connection.sendall(hits[3].replace(b"Host:", b"Connection: close\r\nHost:"))
        status, headers, _ = _answers(connection, 1)[0]
        assert (status, headers["connection"]) == (200, "close")
        assert connection.recv(1) == b""
    with socket.create_connection(address, timeout=60) as connection:
        connection.sendall(chunked + b"zz\r\n")
        assert connection.recv(12) == b"HTTP/1.1 400"


def test_a_head_that_came_before_is_not_read_again_and_means_the_same(
    client: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only whole requests with it are answered so; what else has it goes the usual way, and all in their order."""
    for n in range(6):
        asked(client, f"echo {n}")
    heads: list[object] = []
    head = Swift.head

    def counted(self: Swift[Any], raw: Sequence[tuple[bytes, bytes]]) -> Headers | None:
        heads.append(raw)
        return head(self, raw)

    monkeypatch.setattr(Swift, "head", counted)
    hits = [_message(b'{"text": "echo %d"}' % n) for n in range(9)]
    miss = _message(b'{"text": "nope 9"}')
    with socket.create_connection((client.base_url.host, client.base_url.port or 0), timeout=60) as connection:

        def sent(*pieces: bytes) -> None:
            for piece in pieces:
                connection.sendall(piece)
                time.sleep(0.02)

        for each in hits[:4]:
            sent(each)
            assert _answers(connection, 1)[0][2]["answer"] == each[-3:-2].decode()
        assert len(heads) == 1
        sent(miss)
        status, _, content = _answers(connection, 1)[0]
        assert (status, content["answer"], len(heads)) == (504, None, 1)
        sent(hits[4], hits[5][:-3], hits[5][-3:] + hits[6][:20], hits[6][20:] + hits[7] + miss, hits[8])
        found = _answers(connection, 6)
        assert [content["answer"] for _, _, content in found] == ["4", "5", "6", "7", None, "8"]
        sent(hits[1].replace(b"Length: 18", b"Length: 17"))  # ends a byte early, which begins another request
        assert connection.recv(12) == b"HTTP/1.1 400"


def test_hits_that_several_connections_send_together_get_their_own_answers(
    client: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are answered in rounds; a connection that sends more, sends a miss or goes meanwhile changes nothing."""
    for n in range(6):
        asked(client, f"echo {n}")
    sizes: list[int] = []
    run, found = Round.run, Swift.found

    def counted(self: Round) -> None:
        sizes.append(len(self._waiting))
        run(self)

    def late(self: Swift[Any], headers: Headers, body: bytes) -> Any:
        if b"echo 0" in body:
            time.sleep(0.3)  # in which the others send
        return found(self, headers, body)

    monkeypatch.setattr(Round, "run", counted)
    where = (client.base_url.host, client.base_url.port or 0)
    with ExitStack() as open_:
        all_ = [open_.enter_context(socket.create_connection(where, timeout=60)) for _ in range(24)]
        for each in all_:
            each.sendall(_message(b'{"text": "echo 7"}'))
            assert _answers(each, 1)[0][2]["answer"] == "7"
        monkeypatch.setattr(Swift, "found", late)
        for number, each in enumerate(all_):
            text = "nope" if number == 9 else f"echo {number}"
            each.sendall(_message(b'{"text": "%b"}' % text.encode()))
        all_[5].sendall(_message(b'{"text": "echo 500"}'))
        all_[6].close()
        for number, each in enumerate(all_):
            if number == 6:
                continue
            got = [content["answer"] for _, _, content in _answers(each, 2 if number == 5 else 1)]
            assert got == {5: ["5", "500"], 9: [None]}.get(number, [str(number)])
    assert 1 < max(sizes) <= TOGETHER


def test_each_request_of_a_batch_has_its_own_outcome(client: httpx2.Client) -> None:
    given: list[Any] = [
        {"text": "count to 3"},
        {"text": "what is this"},
        {"txt": "count to 3"},
        7,
        {"text": "count to 4"},
    ]
    answer = client.post("/v1/requests/batch", json={"requests": given})
    assert answer.status_code == 200
    outcomes = answer.json()["answers"]
    assert [each["status"] for each in outcomes] == [200, 504, 400, 400, 200]
    assert [outcomes[0]["body"]["answer"], outcomes[4]["body"]["answer"]] == ["3", "4"]
    assert outcomes[0]["headers"]["cache-status"].startswith("SEGLAM; hit")
    assert outcomes[2]["body"]["code"] == "bad-request"


@pytest.mark.parametrize(
    "given", [{}, {"requests": []}, {"requests": [{}] * 101}, {"requests": [{}], "x": 1}, {"requests": 3}]
)
def test_a_batch_that_is_none(client: httpx2.Client, given: dict[str, Any]) -> None:
    answer = client.post("/v1/requests/batch", json=given)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-request")


def test_a_key_gets_the_answer_that_it_got(client: httpx2.Client) -> None:
    first = asked(client, "count to 3", Idempotency_Key="one")
    again = asked(client, "count to 3", Idempotency_Key="one")
    assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")
    assert "idempotency-replayed" not in first.headers
    assert asked(client, "count to 3", Idempotency_Key="two").json()["id"] != first.json()["id"]
    other = asked(client, "count to 4", Idempotency_Key="one")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")
    somebody = asked(client, "count to 4", Idempotency_Key="one", Seglam_User="somebody else")
    assert somebody.json()["answer"] == "4"
    assert asked(client, "count to 4", Idempotency_Key="k" * 300).status_code == 400


def test_requests_with_one_key_at_the_same_time_are_one(client: httpx2.Client) -> None:
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: asked(client, "count to 90000", Idempotency_Key="many"), range(8)))
    assert len({each.json()["id"] for each in answers}) == 1


def test_an_answer_that_comes_too_late_is_not_waited_for(client: httpx2.Client) -> None:
    late = asked(client, "count to 20000000", Seglam_Timeout="0.05")
    assert (late.status_code, late.json()["code"]) == (504, "deadline")
    assert asked(client, "count to 3", Seglam_Timeout="5").json()["answer"] == "3"
    assert asked(client, "count to 3", Seglam_Timeout="soon").status_code == 400


def test_a_client_that_leaves_gives_up_its_place() -> None:
    async def story() -> None:
        places, go, at_work = Places(1, 2), threading.Event(), threading.Event()
        began: list[str] = []

        def work(name: str) -> None:
            began.append(name)
            at_work.set()
            go.wait(60)

        first = asyncio.create_task(places(work, "first"))
        await asyncio.to_thread(at_work.wait, 60)
        waiting = [asyncio.create_task(places(work, name)) for name in ("second", "third")]
        await asyncio.sleep(0)
        with pytest.raises(Problem) as refused:
            await places(work, "fourth")
        assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "1"})
        waiting[0].cancel()
        await asyncio.wait(waiting[:1])
        assert places.taken == 2
        fifth = asyncio.create_task(places(work, "fifth"))
        await asyncio.sleep(0)
        go.set()
        await asyncio.gather(first, waiting[1], fifth)
        assert began == ["first", "third", "fifth"]
        assert places.taken == 0
        places.close()

    asyncio.run(story())


def test_what_is_awaited_for_a_client_that_has_gone_is_cancelled() -> None:
    async def story() -> None:
        leaving = asyncio.Event()

        async def receive() -> dict[str, Any]:
            await leaving.wait()
            return {"type": "http.disconnect"}

        asyncio.get_running_loop().call_later(0.01, leaving.set)
        with pytest.raises(ClientGone), watched(receive, 0):
            await asyncio.sleep(60)
        await asyncio.sleep(0)  # nothing of it is left that would end this task too
        assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]

    asyncio.run(story())


def test_a_body_that_ends_early_or_never() -> None:
    async def read(*messages: dict[str, Any], stated: str | None = None) -> bytes:
        coming = iter(messages)

        async def receive() -> dict[str, Any]:
            return next(coming)

        headers = {} if stated is None else {"content-length": stated}
        return await read_body(receive, Headers.of(headers), 8)

    def part(body: bytes, more: bool = False) -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": more}

    gone = {"type": "http.disconnect"}
    assert asyncio.run(read(part(b"abc", True), part(b"de"))) == b"abcde"
    for messages in ([gone], [part(b"a", True), gone]):
        with pytest.raises(ClientGone):
            asyncio.run(read(*messages))
    for stated, messages in (
        ("9", [part(b"")]),
        ("1", [part(b"123456789")]),
        ("1", [part(b"12345", True), part(b"6789")]),
    ):
        with pytest.raises(Problem) as refused:
            asyncio.run(read(*messages, stated=stated))
        assert refused.value.status == 413


def test_a_server_that_ends_answers_what_is_at_work(service: Service) -> None:
    listening_ = bind("127.0.0.1", 0)
    made = server(service, listening_)
    thread = threading.Thread(target=made.run, kwargs={"sockets": [listening_]})
    thread.start()
    body = json.dumps({"text": "count to 2000000"}).encode()
    with socket.create_connection(listening_.getsockname()) as connection:
        connection.sendall(
            b"POST /v1/requests HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
        )
        while not made.started or not made.server_state.connections:
            time.sleep(0.01)
        time.sleep(0.1)
        made.should_exit = True
        received = b""
        while part := connection.recv(65536):
            received += part
    thread.join()
    listening_.close()
    assert received.startswith(b"HTTP/1.1 200")
    assert b'"answer":"2000000"' in received
    assert b"connection: close" in received.lower()


def test_a_short_soak_finds_nothing_wrong() -> None:
    found = soak(2.0, clients=12, every=60.0)
    assert found.faults == []
    assert found.counts["answers 200"] > 5
    assert found.counts["answers 413"] + found.counts["oversized bodies cut off"] > 0
    assert found.counts["activated"] > 0
    assert found.counts["OpenAI hits"] > 0
