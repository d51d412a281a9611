"""The model client against a real HTTP endpoint, in health and in every kind of trouble."""

from __future__ import annotations

import json
import socket
import threading

import pytest
from pydantic import BaseModel

from seglam.compiler import Endpoint, Failure, ModelFailed, OpenAIModel, Prompt, Question
from seglam.compiler.budget import Allowance
from tests.openai_server import Answer, Reply, completion, problem, prompt_of, serving

KEY = "key-that-nobody-may-see"
PLENTY = Allowance(tokens=100_000, seconds=60)


class Word(BaseModel):
    word: str


QUESTION = Question("author", Prompt("Say a word.", "Now."), Word, None)


def ask(answer: Answer, *, timeout: float = 20, allowance: Allowance = PLENTY) -> tuple[Word, int]:
    with serving(answer) as server:
        model = OpenAIModel(Endpoint("m", server.url, KEY, timeout), "author")
        done = model.complete(QUESTION, allowance)
        assert all(call.role == "author" and call.purpose == "author" for call in done.calls)
        return done.output, len(done.calls)


def failure(answer: Answer, *, timeout: float = 20, allowance: Allowance = PLENTY) -> ModelFailed:
    with serving(answer) as server:
        model = OpenAIModel(Endpoint("m", server.url, KEY, timeout), "author")
        with pytest.raises(ModelFailed) as caught:
            model.complete(QUESTION, allowance)
    assert KEY not in str(caught.value)
    assert not any(KEY in (call.error or "") for call in caught.value.calls)
    return caught.value


def test_a_reply_is_parsed_and_its_tokens_are_counted() -> None:
    with serving(lambda _: completion({"word": "yes"}, model="served-model", tokens=(7, 3))) as server:
        done = OpenAIModel(Endpoint("m", server.url, KEY), "verifier").complete(QUESTION, PLENTY)
    assert done.output == Word(word="yes")
    (call,) = done.calls
    assert (call.model, call.input_tokens, call.output_tokens, call.error) == ("served-model", 7, 3, None)
    assert call.prompt_digest == QUESTION.prompt.digest
    assert call.role == "verifier"


def test_any_endpoint_will_do_neither_tools_nor_response_formats_are_asked_for() -> None:
    with serving(lambda _: completion({"word": "yes"})) as server:
        OpenAIModel(Endpoint("m", server.url, KEY), "author").complete(QUESTION, PLENTY)
    (request,) = server.requests
    assert not {"tools", "response_format", "tool_choice"} & request.keys()
    assert [message["role"] for message in request["messages"]] == ["system", "user"]


def test_a_fenced_reply_is_read() -> None:
    assert ask(lambda _: completion('```json\n{"word": "yes"}\n```')) == (Word(word="yes"), 1)


def test_a_bad_reply_is_asked_for_again_with_the_error() -> None:
    prompts: list[str] = []

    def answer(request: dict[str, object]) -> Reply:
        prompts.append(prompt_of(request))
        return completion({"word": "yes"} if len(prompts) == 2 else {"wort": "ja"})

    with serving(answer) as server:
        done = OpenAIModel(Endpoint("m", server.url, KEY), "author").complete(QUESTION, PLENTY)
    assert done.output == Word(word="yes")
    assert [call.error is None for call in done.calls] == [False, True]
    assert "Field required" in prompts[1] and "Field required" not in prompts[0]


def test_replies_that_stay_bad_end_as_garbage() -> None:
    found = failure(lambda _: completion("no JSON at all"))
    assert found.kind is Failure.GARBAGE
    assert len(found.calls) == 3
    assert all(call.error for call in found.calls)


@pytest.mark.parametrize(
    "body",
    [b"this is no JSON", b"{}", b"[]", b'{"choices": []}', b'{"choices": [{"message": null}]}', b"\xff\xfe"],
)
def test_what_is_no_chat_completion_is_garbage(body: bytes) -> None:
    assert failure(lambda _: Reply(body)).kind is Failure.GARBAGE


def test_a_rate_limit_tells_when_to_try_again() -> None:
    found = failure(lambda _: problem(429, "slow down", Retry_After="7"))
    assert (found.kind, found.retry_after) == (Failure.RATE_LIMITED, 7)
    assert len(found.calls) == 1 and found.calls[0].error


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_server_error_is_down(status: int) -> None:
    assert failure(lambda _: problem(status, "broken")).kind is Failure.DOWN


def test_a_refused_key_is_said_without_the_key() -> None:
    found = failure(lambda _: problem(401, f"Incorrect API key provided: {KEY}"))
    assert found.kind is Failure.REFUSED
    assert "Incorrect API key" in str(found)


def test_a_connection_that_breaks_off_is_down() -> None:
    whole = completion({"word": "yes"})
    assert failure(lambda _: Reply(whole.body, cut=True)).kind is Failure.DOWN


def test_nobody_listening_is_down() -> None:
    with socket.socket() as bound:  # a port that nobody else gets, and nobody listens on
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}/v1"
        with pytest.raises(ModelFailed) as caught:
            OpenAIModel(Endpoint("m", url, KEY), "author").complete(QUESTION, PLENTY)
    assert caught.value.kind is Failure.DOWN


@pytest.mark.parametrize(("timeout", "seconds"), [(0.2, 60), (60, 0.2)])
def test_a_reply_that_does_not_come_is_slow(timeout: float, seconds: float) -> None:
    never = threading.Event()

    def answer(_: object) -> Reply:
        return Reply(completion({"word": "yes"}).body, wait=never)

    with serving(answer) as server:
        model = OpenAIModel(Endpoint("m", server.url, KEY, timeout), "author")
        with pytest.raises(ModelFailed) as caught:
            model.complete(QUESTION, Allowance(1000, seconds))
        never.set()
    assert caught.value.kind is Failure.SLOW


def test_a_reply_beyond_the_tokens_that_are_left_ends_the_budget() -> None:
    found = failure(lambda _: completion({"word": "yes"}, tokens=(900, 200)), allowance=Allowance(1000, 60))
    assert found.kind is Failure.BUDGET
    assert found.calls[0].input_tokens == 900


def test_the_key_is_not_shown() -> None:
    endpoint = Endpoint("m", "http://127.0.0.1:1/v1", KEY)
    assert KEY not in repr(endpoint)
    assert KEY not in repr(OpenAIModel(endpoint, "author"))
    assert KEY not in json.dumps(str(endpoint))
