"""The Model Context Protocol server: what a caller's procedures are as tools, their calls, and word of changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import mcp_types as types
from mcp.server import Server
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import NotificationOptions
from mcp.server.stdio import stdio_server
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ToolsListChanged

from seglam.gateway.access import Caller
from seglam.gateway.asking import Answers, Asked
from seglam.gateway.mcp.revisions import Revisions
from seglam.gateway.mcp.tools import (
    ArgumentsInvalid,
    input_schema,
    is_tool,
    output_schema,
    read_as_given,
    request_of,
    result_of,
)
from seglam.gateway.outcomes import Outcome
from seglam.procedures import Revision
from seglam.web import Problem

INSTRUCTIONS = (
    "Each tool is a procedure that people have reviewed: code without side effects, with one right answer. "
    "Prefer a tool to working the answer out. A tool that refuses its arguments gives an error and no answer."
)
LOOKED_S = 1.0
"""How often it is looked whether other procedures are active, in seconds."""


class Tools:
    """A server of the tools of one tenant.

    Args:
        answers: what stands behind every API.
        revisions: what is active.
        caller: gives who calls, always of the same tenant.
    """

    def __init__(self, answers: Answers, revisions: Revisions, caller: Callable[[], Caller]) -> None:
        self._answers = answers
        self._revisions = revisions
        self._caller = caller
        self._bus = InMemorySubscriptionBus()
        self._told: set[Any] = set()
        self.server: Server[Any] = Server(
            "seglam",
            version=version("seglam"),
            title="SEGLAM",
            instructions=INSTRUCTIONS,
            on_list_tools=self._list,
            on_call_tool=self._call,
            on_subscriptions_listen=ListenHandler(self._bus),
        )

    async def serve_stdio(self) -> None:
        """Serve one client on standard input and output until it goes."""
        options = self.server.create_initialization_options(NotificationOptions(tools_changed=True))
        watching = asyncio.create_task(self.watch())
        try:
            async with stdio_server() as (read, write):
                await self.server.run(read, write, options)
        finally:
            watching.cancel()

    async def watch(self) -> None:
        """Tell all clients when other procedures are active than before; runs until it is cancelled."""
        known = await self._digests()
        while True:
            await asyncio.sleep(LOOKED_S)
            if (now := await self._digests()) != known:
                known = now
                await self._bus.publish(ToolsListChanged())
                for session in list(self._told):
                    await session.send_tool_list_changed()

    async def _digests(self) -> frozenset[str]:
        return frozenset(each.digest for each in await self._revisions(self._caller()))

    async def _list(
        self, context: ServerRequestContext[Any], _: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        if context.protocol_version < "2026-07-28":  # later clients listen for changes, earlier ones are just told
            self._told.add(context.session)
        active = sorted(await self._revisions(self._caller()), key=lambda revision: revision.name)
        return types.ListToolsResult(tools=[_tool(revision) for revision in active if is_tool(revision)])

    async def _call(self, _: ServerRequestContext[Any], params: types.CallToolRequestParams) -> types.CallToolResult:
        arguments = params.arguments or {}
        found = [each for each in await self._revisions(self._caller()) if each.name == params.name and is_tool(each)]
        if not found:
            return _error(f"there is no tool {params.name[:100]!r}")
        [revision] = found
        try:
            request = request_of(revision, arguments)
            caller = self._caller()
            with caller.turn():
                asked = Asked(request, caller, only_if_cached=True, wait_s=0, headers={}, source="mcp")
                answer = (await self._answers.answer(asked)).answer
        except (ArgumentsInvalid, Problem) as error:
            return _error(str(error))
        if answer.outcome is not Outcome.HIT or answer.answer is None:
            return _error(f"{revision.name} does not answer this ({answer.reason}): {answer.explanation}")
        if answer.revision != revision.digest or not read_as_given(revision, arguments, answer.arguments):
            return _error(f"{revision.name} does not take these arguments as they were given: {answer.explanation}")
        content = {
            "answer": result_of(revision, answer.answer),
            "procedure": revision.name,
            "revision": revision.digest,
            "id": answer.id,
        }
        text = types.TextContent(type="text", text=answer.answer)
        return types.CallToolResult(content=[text], structured_content=content)


def _tool(revision: Revision) -> types.Tool:
    return types.Tool(
        name=revision.name,
        description=revision.spec.summary,
        input_schema=input_schema(revision),
        output_schema=output_schema(revision),
        annotations=types.ToolAnnotations(
            read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
        ),
    )


def _error(words: str) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(type="text", text=words)], is_error=True)
