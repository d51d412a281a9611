"""Faults of the model behind the gateway: down, slow, cut off, garbage, overloaded, and this gateway itself."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx2
import openai
import pytest

from seglam.gateway import Service
from seglam.gateway.openai import UpstreamSettings
from tests import openai_gateway
from tests.openai_gateway import gateway
from tests.openai_server import Reply, completion, delta, events, problem, serving
from tests.runners import eventually
from tests.services import listening

ASKED: Any = [{"role": "user", "content": "who are you"}]
BODY = {"model": "m", "messages": ASKED}
HELD = 30.0


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with openai_gateway.service(tmp_path_factory.mktemp("upstream")) as made:
        yield made


def ask(url: str, **members: Any) -> httpx2.Response:
    return httpx2.post(url + "/chat/completions", json={**BODY, **members}, timeout=60)


def error(response: httpx2.Response, status: int, code: str) -> None:
    assert response.status_code == status, response.text
    assert response.json()["error"]["code"] == code
    assert response.headers["cache-status"].startswith("SEGLAM; fwd=miss")


def test_pieces_come_as_they_are_made(service: Service) -> None:
    more = threading.Event()
    pieces = events(delta("a"), more, delta("b"))
    with serving(lambda _: Reply(pieces=pieces)) as model, gateway(service, model) as url:
        sent = {**BODY, "stream": True}
        with httpx2.stream("POST", url + "/chat/completions", json=sent, timeout=60) as response:
            came = response.iter_raw()
            first = next(came)
            assert first == pieces[0]  # while the model holds the rest back
            more.set()
            assert first + b"".join(came) == b"".join(each for each in pieces if isinstance(each, bytes))


def test_a_model_that_is_down(service: Service) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with gateway(service, f"http://127.0.0.1:{taken.getsockname()[1]}/v1") as url:
            error(ask(url), 502, "upstream-unreachable")
            assert ask(url, messages=[{"role": "user", "content": "double 4"}]).status_code == 200


def test_a_model_that_does_not_begin(service: Service) -> None:
    with ExitStack() as opened:
        ends = threading.Event()
        opened.callback(ends.set)
        model = opened.enter_context(serving(lambda _: Reply(b"{}", wait=ends)))
        url = opened.enter_context(gateway(service, model, first_byte_s=0.2))
        error(ask(url), 504, "upstream-timeout")
        ends.set()


def test_what_is_no_http(service: Service) -> None:
    with serving(lambda _: Reply(b"220 mail ready\r\n", bare=True)) as model, gateway(service, model) as url:
        error(ask(url), 502, "upstream-broken")


@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_that_is_cut_off_has_no_end(service: Service, stream: bool) -> None:
    pieces = events(delta("a"), done=False)
    reply = Reply(pieces=pieces, cut=True) if stream else Reply(b"x" * 100, cut=True)
    with serving(lambda _: reply) as model, gateway(service, model) as url:
        came = b""
        with (
            pytest.raises(httpx2.RemoteProtocolError),
            httpx2.stream("POST", url + "/chat/completions", json={**BODY, "stream": stream}, timeout=60) as response,
        ):
            assert response.status_code == 200
            for piece in response.iter_raw():
                came += piece
        if stream:  # between two events there is room for words
            assert came.startswith(b"".join(each for each in pieces if isinstance(each, bytes)))
            assert b'"code":"upstream-broken"' in came
            with (
                openai.OpenAI(base_url=url, api_key="any", max_retries=0) as client,
                pytest.raises(openai.APIError, match="ended early"),
            ):
                list(client.chat.completions.create(model="m", messages=ASKED, stream=True))


def test_a_stream_that_stands_still_ends(service: Service) -> None:
    with ExitStack() as opened:
        held = threading.Event()
        opened.callback(held.set)
        model = opened.enter_context(serving(lambda _: Reply(pieces=events(delta("a"), held))))
        url = opened.enter_context(gateway(service, model, idle_s=0.2))
        with (
            openai.OpenAI(base_url=url, api_key="any", max_retries=0) as client,
            pytest.raises(openai.APIError, match="nothing for"),
        ):
            list(client.chat.completions.create(model="m", messages=ASKED, stream=True))
        held.set()


def test_a_client_that_goes_ends_the_call_of_the_model(service: Service) -> None:
    more = threading.Event()
    pieces = [*events(delta("a"), done=False), more, *([b"x" * 65536] * 64)]
    with serving(lambda _: Reply(pieces=pieces)) as model, gateway(service, model) as url:
        with httpx2.stream("POST", url + "/chat/completions", json={**BODY, "stream": True}, timeout=60) as response:
            next(response.iter_raw())
        more.set()
        eventually(lambda: bool(model.left))


def test_retry_after_of_the_model_reaches_the_client(service: Service) -> None:
    with (
        serving(lambda _: problem(429, "slow down", Retry_After="7")) as model,
        gateway(service, model, failures=1) as url,
    ):
        for _ in range(3):  # a limit is no failure
            came = ask(url)
            assert (came.status_code, came.headers["retry-after"]) == (429, "7")
            assert came.json() == {"error": {"message": "slow down", "type": "error"}}
        assert len(model.calls) == 3


def test_a_model_that_fails_again_and_again_is_left_alone(service: Service) -> None:
    replies = [problem(500, "a"), problem(503, "b"), problem(500, "c"), completion("fine")]
    with serving(lambda _: replies.pop(0)) as model:
        with gateway(service, model, failures=2, rest_s=60.0) as url:
            assert [ask(url).status_code for _ in range(2)] == [500, 503]
            resting = ask(url)
            error(resting, 503, "upstream-resting")
            assert int(resting.headers["retry-after"]) >= 1
            assert len(model.calls) == 2
        with gateway(service, model, failures=1, rest_s=0.1) as url:
            assert ask(url).status_code == 500
            eventually(lambda: ask(url).status_code == 200)
            assert len(model.calls) == 4


def test_more_than_may_be_at_work_wait_and_then_are_refused(service: Service) -> None:
    with ExitStack() as opened:
        held = threading.Event()
        opened.callback(held.set)
        model = opened.enter_context(serving(lambda _: Reply(completion("fine").body, wait=held)))
        url = opened.enter_context(gateway(service, model, at_work=1, waiting=1, wait_s=HELD))

        async def main() -> list[int]:
            async with httpx2.AsyncClient(timeout=60) as client:

                async def one() -> int:
                    came = await client.post(url + "/chat/completions", json=BODY)
                    if came.status_code == 503:
                        assert came.json()["error"]["code"] == "upstream-busy"
                        assert came.headers["retry-after"]
                        held.set()
                    return came.status_code

                return await asyncio.gather(*(one() for _ in range(3)))

        assert sorted(asyncio.run(main())) == [200, 200, 503]


def test_a_gateway_that_leads_to_itself_ends_there(service: Service) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with listening(service, upstream=UpstreamSettings(f"http://127.0.0.1:{port}/v1"), port=port):
        error(ask(f"http://127.0.0.1:{port}/v1"), 508, "upstream-loop")
