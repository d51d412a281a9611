"""The OpenAI API over real HTTP: the official client, hits by code, misses by the model behind the gateway."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import openai
import pytest
from openai.types.chat import ChatCompletion

from seglam.gateway import Service
from tests import openai_gateway
from tests.openai_gateway import FORM, TERSE
from tests.openai_server import Server, serving

USER: Any = [{"role": "user", "content": "double 4"}]
INSTRUCTED: Any = [{"role": "system", "content": TERSE}, *USER]
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Stack:
    """A gateway, what is behind it, and clients of it."""

    url: str
    model: Server
    service: Service
    client: openai.OpenAI
    http: httpx2.Client

    def chat(self, content: str | list[dict[str, str]] = "double 4", **members: Any) -> httpx2.Response:
        messages = [{"role": "user", "content": content}] if isinstance(content, str) else content
        return self.http.post("/chat/completions", json={"model": "m", "messages": messages, **members})


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with (
        serving(openai_gateway.model, looked_at=openai_gateway.listed) as model,
        openai_gateway.service(tmp_path_factory.mktemp("openai")) as service,
        openai_gateway.gateway(service, model, key="configured-key") as url,
        openai.OpenAI(base_url=url, api_key="sk-client", max_retries=0, timeout=60) as client,
        httpx2.Client(base_url=url, timeout=60) as http,
    ):
        yield Stack(url, model, service, client, http)


def test_a_hit_is_a_completion_by_no_model(stack: Stack) -> None:
    before = len(stack.model.calls)
    raw = stack.client.chat.completions.with_raw_response.create(model="gpt-5", messages=USER, temperature=0)
    found: ChatCompletion = raw.parse()
    assert found.choices[0].message.content == "8"
    assert found.choices[0].finish_reason == "stop"
    assert found.usage is not None
    assert (found.usage.prompt_tokens, found.usage.completion_tokens, found.usage.total_tokens) == (0, 0, 0)
    revision = raw.headers["Seglam-Revision"]
    assert found.system_fingerprint == revision
    assert found.model == f"seglam/double@{revision[7:19]}"
    assert raw.headers["Cache-Status"] == f'SEGLAM; hit; key="{revision}"'
    assert raw.headers["Seglam-Procedure"] == "double"
    answer = raw.headers["Seglam-Answer"]
    assert found.id == f"chatcmpl-{answer}"
    assert raw.request_id == answer
    assert len(stack.model.calls) == before


def test_a_hit_is_streamed(stack: Stack) -> None:
    options: Any = {"include_usage": True}
    chunks = list(stack.client.chat.completions.create(model="m", messages=USER, stream=True, stream_options=options))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "8"
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices] == [None, None, "stop"]
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 0
    assert len({chunk.id for chunk in chunks}) == 1
    response = stack.chat(stream=True)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.text.endswith("data: [DONE]\n\n")
    assert '"usage"' not in response.text


def test_a_response_is_answered_by_code(stack: Stack) -> None:
    found = stack.client.responses.create(model="m", input="double 4", store=False, metadata={"run": "1"})
    assert found.output_text == "8"
    assert (found.status, found.metadata) == ("completed", {"run": "1"})
    assert found.usage is not None
    assert found.usage.total_tokens == 0
    with stack.client.responses.stream(model="m", input="double 5", store=False) as stream:
        kinds = [event.type for event in stream]
        streamed = stream.get_final_response()
    assert streamed.output_text == "10"
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"
    assert "response.output_text.delta" in kinds


def test_a_miss_is_the_models_answer_byte_for_byte(stack: Stack) -> None:
    body = b'{ "messages":[{"role":"user","content":"who are you"}],\n "model":"gpt-5" ,"seed":1.0e0, "x":1}'
    before = len(stack.model.calls)
    came = stack.http.post(
        "/chat/completions", content=body, headers={**JSON, "OpenAI-Organization": "org", "Cookie": "a=b"}
    )
    call = stack.model.calls[before]
    assert (call.method, call.path, call.body) == ("POST", "/v1/chat/completions", body)
    assert call.headers["Authorization"] == "Bearer configured-key"
    assert call.headers["OpenAI-Organization"] == "org"
    assert call.headers["Cookie"] is None
    assert call.headers["Content-Length"] == str(len(body))
    assert came.json()["choices"][0]["message"]["content"] == "the model on: who are you"
    assert came.json()["usage"]["total_tokens"] == 120
    assert came.headers["cache-status"] == "SEGLAM; fwd=bypass; detail=parameter"
    assert came.headers["seglam-passed"] == 'parameter; member="seed"'


def test_a_type_that_nobody_knows_is_a_miss_that_is_announced(stack: Stack) -> None:
    came = stack.chat("who are you")
    assert came.json()["choices"][0]["message"]["content"] == "the model on: who are you"
    status = came.headers["cache-status"]
    assert status.startswith("SEGLAM; fwd=miss; detail=")
    assert came.headers["seglam-answer"]
    assert "seglam-passed" not in came.headers


def test_a_procedure_that_refuses_goes_the_way_of_a_miss(stack: Stack) -> None:
    assert stack.chat("halve 4").json()["choices"][0]["message"]["content"] == "2"
    came = stack.chat("halve 3")
    assert came.json()["choices"][0]["message"]["content"] == "the model on: halve 3"
    assert came.headers["seglam-procedure"] == "halve"


@pytest.mark.parametrize(
    ("members", "answer"),
    [
        ({"messages": INSTRUCTED}, "8!"),
        ({"messages": [{"role": "developer", "content": TERSE}, *USER]}, "8!"),
        ({"messages": [{"role": "system", "content": TERSE + " "}, *USER]}, None),
        ({"response_format": FORM}, '{"n": 8}'),
        ({"response_format": FORM, "messages": INSTRUCTED}, None),
        ({"response_format": FORM, "messages": [{"role": "user", "content": "double 3"}]}, None),
        ({"max_tokens": 1}, "8"),
        ({"max_tokens": 1, "messages": [{"role": "user", "content": "double 6"}]}, None),
        ({"stop": ["8"]}, None),
        ({"n": 2}, None),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, None),
        ({"messages": [*USER, {"role": "assistant", "content": "8"}, *USER]}, None),
        ({"model": "ft:gpt-5:mine"}, None),
        ({"temperature": 1.9, "seed": 3, "top_p": 0.1}, "8"),
    ],
)
def test_what_belongs_to_the_type(stack: Stack, members: dict[str, Any], answer: str | None) -> None:
    came = stack.chat(**members)
    content = came.json()["choices"][0]["message"]["content"]
    if answer is None:
        assert content.startswith("the model on: ")
        assert "; hit" not in came.headers["cache-status"]
    else:
        assert content == answer
        assert "; hit" in came.headers["cache-status"]


def test_what_does_not_fit_is_no_hit_that_counts(stack: Stack) -> None:
    before = stack.service.savings()["counts"]["hits"]
    came = stack.chat("double 60", max_tokens=2)
    assert came.headers["cache-status"] == "SEGLAM; fwd=miss; detail=answer-over-limit"
    assert stack.service.savings()["counts"]["hits"] == before


def test_errors_of_the_model_come_as_they_are(stack: Stack) -> None:
    with pytest.raises(openai.RateLimitError) as limited:
        stack.client.chat.completions.create(model="limited", messages=[{"role": "user", "content": "?"}])
    assert limited.value.response.headers["Retry-After"] == "7"
    with pytest.raises(openai.InternalServerError) as broken:
        stack.client.chat.completions.create(model="broken", messages=[{"role": "user", "content": "?"}])
    assert broken.value.response.headers["Cache-Status"].startswith("SEGLAM; fwd=miss")


def test_the_own_model_answers_from_procedures_only(stack: Stack) -> None:
    before = len(stack.model.calls)
    assert stack.client.chat.completions.create(model="seglam", messages=USER).choices[0].message.content == "8"
    with pytest.raises(openai.InternalServerError) as missed:
        stack.client.with_options(max_retries=2).chat.completions.create(
            model="seglam", messages=[{"role": "user", "content": "who are you"}]
        )
    assert missed.value.status_code == 504
    assert missed.value.code is not None
    assert missed.value.code.startswith("miss:")
    assert missed.value.response.headers["x-should-retry"] == "false"
    with pytest.raises(openai.BadRequestError) as refused:
        stack.client.chat.completions.create(model="seglam", messages=USER, n=2)
    assert refused.value.param == "n"
    assert len(stack.model.calls) == before


def test_only_if_cached_never_asks_the_model(stack: Stack) -> None:
    before = len(stack.model.calls)
    cached = {"Cache-Control": "only-if-cached"}
    for members in ({"messages": [{"role": "user", "content": "who are you"}]}, {"messages": USER, "n": 3}):
        came = stack.http.post("/chat/completions", json={"model": "m", **members}, headers=cached)
        assert came.status_code == 504
        assert came.json()["error"]["type"] == "server_error"
    came = stack.http.post("/chat/completions", json={"model": "m", "messages": USER}, headers=cached)
    assert came.status_code == 200
    assert len(stack.model.calls) == before


def test_models(stack: Stack) -> None:
    assert [each.id for each in stack.client.models.list()] == ["m", "seglam"]
    assert stack.client.models.retrieve("seglam").owned_by == "seglam"
    assert stack.client.models.retrieve("m").owned_by == "o"


def test_asking_asynchronously(stack: Stack) -> None:
    async def main() -> list[str]:
        async with openai.AsyncOpenAI(base_url=stack.url, api_key="any", max_retries=0) as client:

            async def ask(number: int) -> str:
                text: Any = [{"role": "user", "content": f"double {number}"}]
                parts = [
                    chunk.choices[0].delta.content or ""
                    async for chunk in await client.chat.completions.create(model="m", messages=text, stream=True)
                ]
                return "".join(parts)

            return await asyncio.gather(*(ask(number) for number in range(20)))

    assert asyncio.run(main()) == [str(2 * number) for number in range(20)]


def test_other_addresses_are_the_upstreams(stack: Stack) -> None:
    before = len(stack.model.calls)
    stack.http.post("/embeddings", json={"model": "broken", "input": "a"})
    assert stack.model.calls[before].path == "/v1/embeddings"
    assert stack.http.get("/responses/resp_1?include=x").status_code == 200
    assert stack.model.calls[-1].path == "/v1/responses/resp_1?include=x"


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded"])
def test_a_page_of_another_site_cannot_spend_the_key(stack: Stack, media: str) -> None:
    before = len(stack.model.calls)
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "?"}]})
    came = stack.http.post("/chat/completions", content=body, headers={"Content-Type": media})
    assert came.status_code == 415
    assert came.json()["error"]["code"] == "media-type"
    assert len(stack.model.calls) == before


def test_a_large_body_passes_as_it_comes(stack: Stack) -> None:
    text = "x" * (3 << 20)
    before = len(stack.model.calls)
    came = stack.chat(text)
    assert came.json()["choices"][0]["message"]["content"] == f"the model on: {text}"
    assert came.headers["seglam-passed"] == "too-large"
    body = stack.model.calls[before].body

    def pieces() -> Iterator[bytes]:
        yield from (body[at : at + 100_000] for at in range(0, len(body), 100_000))

    came = stack.http.post("/chat/completions", content=pieces(), headers=JSON)
    assert came.status_code == 200
    assert stack.model.calls[-1].body == body


def test_without_an_upstream_only_procedures_answer(stack: Stack) -> None:
    with (
        openai_gateway.gateway(stack.service, None) as url,
        openai.OpenAI(base_url=url, api_key="any", max_retries=3) as client,
    ):
        assert client.chat.completions.create(model="gpt-5", messages=USER).choices[0].message.content == "8"
        assert [each.id for each in client.models.list()] == ["seglam"]
        for text, choices in (("who are you", 1), ("double 4", 2)):
            with pytest.raises(openai.InternalServerError) as missing:
                client.chat.completions.create(model="m", messages=[{"role": "user", "content": text}], n=choices)
            assert missing.value.status_code == 503
            assert missing.value.code == "no-upstream"
            assert "SEGLAM_UPSTREAM_URL" in missing.value.message


def test_the_clients_own_key_where_the_setting_says_so(stack: Stack) -> None:
    with (
        openai_gateway.gateway(stack.service, stack.model, auth="client") as url,
        openai.OpenAI(base_url=url, api_key="sk-own") as client,
    ):
        before = len(stack.model.calls)
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "?"}])
        assert stack.model.calls[before].headers["Authorization"] == "Bearer sk-own"
