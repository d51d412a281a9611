"""The whole loop behind the OpenAI API: a model answers the miss, its type is compiled meanwhile, code answers next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2

from tests import openai_gateway
from tests.compilations import SUM, implementation, procedure, scripted
from tests.openai_gateway import TERSE
from tests.openai_server import Server, serving
from tests.runners import eventually
from tests.services import running

GIVEN = {"name": "system", "type": "text", "origin": "context", "oneOf": [TERSE]}
TOLD = procedure(
    name="sum-told-tersely",
    parameters=[{"name": "a", "type": "integer"}, {"name": "b", "type": "integer"}, GIVEN],
    code="def solve(a, b, system):\n    return a + b\n",
    examples=[
        {
            "request": "compute the sum of 20 and 30",
            "arguments": {"a": "20", "b": "30", "system": TERSE},
            "answer": "50",
        }
    ],
)
IMPLEMENTED = implementation(
    code="def solve(a, b, system):\n    return sum([a, b])\n",
    properties="def check(a, b, system, answer):\n    return answer - a == b\n",
    cases=[{"arguments": {"a": "1", "b": "1", "system": TERSE}, "answer": "2"}],
)


def content(response: httpx2.Response) -> str:
    assert response.status_code == 200, response.text
    text: str = response.json()["choices"][0]["message"]["content"]
    return text


def test_a_miss_with_a_system_prompt_becomes_a_hit_of_that_prompt_only(tmp_path: Path) -> None:
    asked: list[dict[str, str]] = [{"role": "system", "content": TERSE}, {"role": "user", "content": SUM}]

    def ask(http: httpx2.Client, messages: list[dict[str, str]], **headers: str) -> httpx2.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return http.post("/chat/completions", json={"model": "m", "messages": messages}, headers=named)

    author: Server
    with (
        scripted([TOLD], IMPLEMENTED) as author,
        serving(openai_gateway.model) as model,
        running(tmp_path, author, auto_approve="rita") as service,
        openai_gateway.gateway(service, model) as url,
        httpx2.Client(base_url=url, timeout=60) as http,
    ):
        only: Any = {"Cache_Control": "only-if-cached"}
        assert ask(http, asked, **only).status_code == 504
        assert not author.requests
        missed = ask(http, asked)
        assert content(missed) == f"the model on: {TERSE}\n{SUM}"
        assert missed.headers["cache-status"].startswith("SEGLAM; fwd=miss")
        eventually(lambda: content(ask(http, asked)) == "7", 60)
        prompt = str(author.requests[0]["messages"])
        assert f"system = {TERSE}" in prompt
        assert "Declare a parameter" in prompt or "declare a parameter" in prompt
        hit = ask(http, asked)
        assert hit.headers["seglam-procedure"] == "sum-told-tersely"
        for other in (asked[1:], [{**asked[0], "content": "Answer with the number"}, asked[1]]):
            assert content(ask(http, other)).startswith("the model on: ")
