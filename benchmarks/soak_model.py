"""The OpenAI API in the soak: clients, streaming or not, and a model behind the gateway that is not always well."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from time import monotonic
from typing import Any

from benchmarks.soak_clients import Client, request
from seglam.gateway.openai import UpstreamSettings
from seglam.gateway.server import bind

PATH = "/v1/chat/completions"
STATES = ("well", "busy", "well", "down", "well", "slow", "well", "half-closed")
STATE_S = 3.0
FIRST_BYTE_S = 1.0
FAILED = (429, 502, 503, 504)
"""What a client may be told while the model is not well."""


def written(number: int) -> list[str]:
    """What the model says of a book, in pieces."""
    return ["Book ", str(number), " was ", "written ", "by ", f"author {number % 97}."]


class Model:
    """A server that changes its state every few seconds: well, busy (429 with Retry-After), down (each connection ends
    at once), slow (nothing for longer than anybody waits), half-closed (ends in the middle of its answer)."""

    def __init__(self) -> None:
        self._began = monotonic()
        self._listening = bind("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}/v1"

    @property
    def state(self) -> str:
        """What it is now."""
        return STATES[int((monotonic() - self._began) / STATE_S) % len(STATES)]

    @asynccontextmanager
    async def served(self) -> AsyncIterator[None]:
        """Answer meanwhile."""
        server = await asyncio.start_server(self._connected, sock=self._listening)
        try:
            yield
        finally:
            server.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # asyncio's callback for such a task stumbles over one that was cancelled, as those that wait at the end are.
        with closing(writer), suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while self.state != "down":
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
                asked = json.loads(await reader.readexactly(length))
                if not await self._answered(asked, writer):
                    return

    async def _answered(self, asked: dict[str, Any], writer: asyncio.StreamWriter) -> bool:
        """Whether the connection can be used again."""
        state = self.state
        if state == "busy":
            content = b'{"error":{"message":"too much to do","type":"rate_limit"}}'
            head = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Type: application/json\r\n"
            writer.write(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
            await writer.drain()
            return True
        if state == "slow":
            await asyncio.sleep(2 * FIRST_BYTE_S)
            return False
        pieces = written(int(asked["messages"][-1]["content"].split()[-1].rstrip("?")))
        if not asked.get("stream"):
            content = json.dumps({"choices": [{"message": {"role": "assistant", "content": "".join(pieces)}}]}).encode()
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
            cut = len(content) // 2 if state == "half-closed" else len(content)
            writer.write(head.encode() + content[:cut])
            await writer.drain()
            return state != "half-closed"
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in pieces[:3] if state == "half-closed" else pieces:
            data = json.dumps({"choices": [{"delta": {"content": piece}}]})
            writer.write(_chunk(f"data: {data}\n\n".encode()))
            await writer.drain()
            await asyncio.sleep(0.01)
        if state == "half-closed":
            return False
        writer.write(_chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")
        await writer.drain()
        return True


def settings(model: Model) -> UpstreamSettings:
    """The gateway's, with which a soak sees it fail and come back many times."""
    return UpstreamSettings(model.url, connect_s=FIRST_BYTE_S, first_byte_s=FIRST_BYTE_S, failures=5, rest_s=0.2)


async def chat_hits(client: Client, end: float) -> None:
    """Hits, streamed and not, on one connection."""
    reader, writer = await client.connected()
    with closing(writer):
        while await client.goes_on(end):
            value, stream = client.random.randrange(10**9), client.random.random() < 0.5
            writer.write(request(PATH, _asked(f"repeat {value}", stream)))
            status, _, content, whole = await _answer(reader)
            client.found.counts[f"answers {status}"] += 1
            client.found.counts["OpenAI hits"] += 1
            if status != 200 or not whole or _said(content, stream)[0] != str(value):
                client.found.wrong(f"OpenAI: repeat {value} got {status} {content[:300]!r}")


async def chat_misses(client: Client, end: float) -> None:
    """What the model answers: read at once, slowly, or not to its end. A failure must look like one, and nothing that
    the model did not say may come."""
    counts, wrong = client.found.counts, client.found.wrong
    while await client.goes_on(end):
        number, stream, way = client.random.randrange(10**6), client.random.random() < 0.6, client.random.random()
        expected = "".join(written(number))
        reader, writer = await client.connected()
        with closing(writer), suppress(ConnectionError):
            writer.write(request(PATH, _asked(f"who wrote book {number}?", stream)))
            if way < 0.1:
                await asyncio.sleep(client.random.choice((0.0, 0.02, 0.1)))
                counts["OpenAI clients that left"] += 1
                continue
            if way < 0.3:
                await asyncio.sleep(0.1)
            status, headers, content, whole = await _answer(reader)
            counts[f"OpenAI misses {status}"] += 1
            if status == 200:
                said, ended = _said(content, stream) if whole or stream else ("", False)
                if whole and ended and said != expected:
                    wrong(f"OpenAI: book {number} got {content[:300]!r}")
                elif not expected.startswith(said):
                    wrong(f"OpenAI: book {number} got what nobody said: {content[:300]!r}")
                elif not (whole and ended):
                    counts["OpenAI answers cut off"] += 1
            elif status not in FAILED or b'"error"' not in content:
                wrong(f"OpenAI: book {number} got {status} {content[:300]!r}")
            elif status in (429, 503) and b"retry-after:" not in headers:
                wrong(f"OpenAI: {status} without Retry-After: {headers!r}")


def _asked(text: str, stream: bool) -> bytes:
    return json.dumps({"model": "any", "stream": stream, "messages": [{"role": "user", "content": text}]}).encode()


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes, bytes, bool]:
    """Status, head in lower case, body as far as it came, and whether it came to its end."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
    except asyncio.IncompleteReadError:
        raise ConnectionResetError from None
    status, content = int(head[9:12]), b""
    try:
        if b"content-length:" in head:
            length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
            return status, head, await reader.readexactly(length), True
        while size := int(await reader.readuntil(b"\r\n"), 16):
            content += (await reader.readexactly(size + 2))[:-2]
        await reader.readexactly(2)
    except asyncio.IncompleteReadError as early:
        return status, head, content or early.partial, False
    return status, head, content, True


def _said(content: bytes, stream: bool) -> tuple[str, bool]:
    """The text of an answer, and whether it says that it is all."""
    if not stream:
        return json.loads(content)["choices"][0]["message"]["content"], True
    events = [line[6:] for line in content.decode().split("\n") if line.startswith("data: ")]
    deltas = [json.loads(each) for each in events if each != "[DONE]"]
    texts = [each["choices"][0]["delta"].get("content") or "" for each in deltas if each.get("choices")]
    return "".join(texts), "[DONE]" in events
