"""`seglam mcp` with the official client over standard input and output: tools, calls, and a procedure that appears."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import StdioServerParameters
from mcp.client.client import Client
from mcp.client.stdio import stdio_client

from seglam.procedures import ReasoningProcedure, dump
from tests.commands import environment
from tests.documents import COUNTRIES, document
from tests.openai_gateway import TERSE
from tests.services import listening, running

CAPITAL = document(
    "capital-of-country",
    patterns=["what is the capital [city] of {country}"],
    parameters=[{"name": "country", "type": "vocabulary", "vocabulary": "country"}],
    vocabularies=[{"name": "country", "values": COUNTRIES}],
    code="def solve(country):\n    return {'France': 'Paris'}.get(country, 'Seoul')\n",
)
ADD = document(
    "add",
    patterns=["add {a} and {b}"],
    parameters=[{"name": "a", "type": "integer"}, {"name": "b", "type": "integer", "maximum": "100"}],
    returns="integer",
    code="def solve(a, b):\n    return a + b\n",
)
TOLD = document(
    "told",
    patterns=["told {n}"],
    parameters=[
        {"name": "n", "type": "integer"},
        {"name": "system", "type": "text", "origin": "context", "oneOf": [TERSE]},
    ],
    code="def solve(n, system):\n    return str(n)\n",
)


def write(directory: Path, *documents: ReasoningProcedure) -> None:
    for each in documents:
        (directory / f"{each.metadata.name}.yaml").write_text(dump(each))


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_an_agent_lists_calls_and_sees_a_new_procedure(tmp_path: Path, mode: str) -> None:
    folder = tmp_path / "procedures"
    folder.mkdir()
    write(folder, CAPITAL, ADD, TOLD)
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "seglam.cli.app", "mcp", "--procedures", str(folder), "--data-dir", str(tmp_path / "data")],
        env=environment(),
    )

    async def main() -> None:
        heard = asyncio.Event()

        async def hear(message: Any) -> None:
            if getattr(message, "method", "") == "notifications/tools/list_changed":
                heard.set()

        async with Client(stdio_client(server), mode=mode, message_handler=hear) as client:
            tools = {tool.name: tool for tool in (await client.list_tools()).tools}
            assert list(tools) == ["add", "capital-of-country"]
            assert tools["add"].input_schema["properties"]["a"]["type"] == "integer"
            assert tools["capital-of-country"].input_schema["properties"]["country"]["enum"][-1] == "France"
            big = 10**30
            added = await client.call_tool("add", {"a": big, "b": -1})
            assert added.structured_content is not None
            assert added.structured_content["answer"] == big - 1
            assert added.structured_content["revision"].startswith("sha256:")
            paris = await client.call_tool("capital-of-country", {"country": "France"})
            assert paris.content[0].text == "Paris"  # type: ignore[union-attr]
            refused: list[dict[str, Any]] = [
                {"a": 1, "b": 101},
                {"a": 1},
                {"a": 1, "b": 2, "c": 3},
                {"a": "1 and 2", "b": 3},
            ]
            for arguments in refused:
                assert (await client.call_tool("add", arguments)).is_error
            if mode == "auto":
                async with client.listen(tools_list_changed=True) as changes:
                    write(folder, document("halve", patterns=["halve {n}"]))
                    await asyncio.wait_for(anext(aiter(changes)), 60)
            else:
                write(folder, document("halve", patterns=["halve {n}"]))
                await asyncio.wait_for(heard.wait(), 60)
            assert "halve" in [tool.name for tool in (await client.list_tools()).tools]

    asyncio.run(main())


def test_tools_over_http_are_each_tenants_own(tmp_path: Path) -> None:
    async def main(url: str) -> None:
        for mode in ("auto", "legacy"):
            async with Client(url, mode=mode) as client:
                assert [tool.name for tool in (await client.list_tools()).tools] == ["add"]
                added = await client.call_tool("add", {"a": 1, "b": 2})
                assert added.structured_content is not None
                assert added.structured_content["answer"] == 3
        async with Client(url) as client, client.listen(tools_list_changed=True) as changes:
            write(tmp_path / "procedures", document("halve", patterns=["halve {n}"]))
            await asyncio.wait_for(anext(aiter(changes)), 60)

    with running(tmp_path, documents=[ADD]) as service:
        assert service.savings()["counts"]["hits"] == 0
        with listening(service) as http:
            asyncio.run(main(f"{str(http.base_url).rstrip('/')}/mcp"))
            refused = http.post("/mcp", json={}, headers={"Authorization": "Bearer sgl_none_wrong"})
            assert refused.status_code == 401
        assert service.savings()["counts"]["hits"] == 2
