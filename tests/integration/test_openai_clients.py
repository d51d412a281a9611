"""Clients that people have, unmodified, in front of the gateway: langchain-openai, pydantic-ai, litellm."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, SecretStr
from pydantic_ai import Agent, NativeOutput
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel, OpenAIResponsesModelSettings
from pydantic_ai.providers.openai import OpenAIProvider

from tests import clients, openai_gateway
from tests.clients import litellm_asks
from tests.openai_gateway import TERSE
from tests.openai_server import serving

MISS = "the model on: who are you"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with (
        serving(openai_gateway.model, looked_at=openai_gateway.listed) as model,
        openai_gateway.service(tmp_path_factory.mktemp("clients")) as service,
        openai_gateway.gateway(service, model) as address,
    ):
        yield address


def langchain(url: str, model: str = "m", **members: Any) -> ChatOpenAI:
    return ChatOpenAI(model=model, base_url=url, api_key=SecretStr("any"), max_retries=0, **members)


def test_langchain(url: str) -> None:
    chat = langchain(url, temperature=0)
    hit = chat.invoke("double 4")
    assert hit.content == "8"
    assert hit.response_metadata["model_name"].startswith("seglam/double@")
    assert hit.usage_metadata is not None
    assert hit.usage_metadata["total_tokens"] == 0
    assert chat.invoke("who are you").content == MISS
    assert chat.invoke([("system", TERSE), ("human", "double 4")]).content == "8!"
    assert "".join(str(part.content) for part in chat.stream("double 5")) == "10"
    assert "".join(str(part.content) for part in chat.stream("who are you")) == MISS
    assert langchain(url, use_responses_api=True, store=False).invoke("double 4").text == "8"
    with pytest.raises(openai.RateLimitError):
        langchain(url, "limited").invoke("who are you")

    async def later() -> list[str]:
        parts = [str(part.content) async for part in chat.astream("double 6")]
        return [str((await chat.ainvoke("double 7")).content), "".join(parts)]

    assert asyncio.run(later()) == ["14", "12"]


def test_pydantic_ai(url: str) -> None:
    async def main() -> None:
        async with openai.AsyncOpenAI(base_url=url, api_key="any", max_retries=0) as client:
            provider = OpenAIProvider(openai_client=client)
            agent = Agent(OpenAIChatModel("m", provider=provider))
            hit = await agent.run("double 4")
            assert hit.output == "8"
            assert hit.usage.total_tokens == 0
            assert str(hit.response.model_name).startswith("seglam/double@")
            assert (await agent.run("who are you")).output == MISS
            assert (await Agent(agent.model, instructions=TERSE).run("double 4")).output == "8!"
            assert (await Agent(agent.model, system_prompt=TERSE).run("double 4")).output == "8!"
            for text, answer in (("double 5", "10"), ("who are you", MISS)):
                async with agent.run_stream(text) as streamed:
                    assert await streamed.get_output() == answer
            responding = OpenAIResponsesModel("m", provider=provider)
            settings = OpenAIResponsesModelSettings(openai_store=False)
            assert (await Agent(responding).run("double 4", model_settings=settings)).output == "8"
            assert (await Agent(responding).run("who are you")).output == MISS
            with pytest.raises(ModelHTTPError) as limited:
                await Agent(OpenAIChatModel("limited", provider=provider)).run("who are you")
            assert limited.value.status_code == 429

    asyncio.run(main())


class Number(BaseModel):
    """A form of answers that no procedure here was made for."""

    n: int


def test_a_form_that_no_procedure_was_made_for_is_the_models(url: str) -> None:
    with pytest.raises(Exception, match="retries"):  # the model here knows no forms
        Agent(
            OpenAIChatModel("m", provider=OpenAIProvider(base_url=url, api_key="any")), output_type=NativeOutput(Number)
        ).run_sync("double 4")


def test_litellm(url: str) -> None:
    try:
        python = clients.python()
    except clients.Unavailable as why:
        pytest.skip(f"litellm's environment cannot be made: {why}")
    script = Path(litellm_asks.__file__)
    quiet = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [python, "-I", str(script), url], capture_output=True, text=True, check=False, timeout=240, env=quiet
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told.pop("model").startswith("seglam/double@")
    assert told == {
        "hit": "8",
        "tokens": 0,
        "miss": MISS,
        "streamed hit": "8",
        "streamed miss": MISS,
        "later": ["10", "12"],
        "limited": "RateLimitError",
        "broken": "InternalServerError",
    }
