"""The model for compile Jobs: with the gateway's key, for the configured models only, within a budget of tokens."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import aiohttp
import msgspec

from seglam.gateway.cluster.internal.forwarding import Forwarded
from seglam.gateway.cluster.settings import Upstream
from seglam.gateway.cluster.texts import Texts
from seglam.gateway.web import Blocking
from seglam.web import Problem

CALL_S = 600.0
CONNECT_S = 10.0
MAX_REPLY = 16 << 20
REPLY_TOKENS = 8192
"""Tokens that are set aside for a reply whose request states no limit of its own."""
BYTES_PER_TOKEN = 3
"""A cautious guess of what a prompt takes, until the endpoint has counted it."""


@dataclass(frozen=True, slots=True)
class Used:
    """What one call used."""

    input_tokens: int
    output_tokens: int
    elapsed_ms: int = 0

    @property
    def tokens(self) -> int:
        """All tokens."""
        return self.input_tokens + self.output_tokens


class Model:
    """Forwards calls of an OpenAI-compatible API.

    Args:
        counted: called with the tenant of each call and what it used.
    """

    def __init__(
        self,
        upstream: Upstream,
        texts: Texts,
        blocking: Blocking,
        session: aiohttp.ClientSession,
        counted: Callable[[str, Used], None] = lambda tenant, used: None,
    ) -> None:
        self._upstream = upstream
        self._texts = texts
        self._blocking = blocking
        self._session = session
        self._counted = counted

    async def models(self) -> Forwarded:
        """The list of models, as the upstream gives it."""
        return await self._call("GET", "/models", None)

    async def complete(
        self, name: str, tenant: str, body: bytes, trace: Mapping[str, str] = MappingProxyType({})
    ) -> Forwarded:
        """One chat completion for a compilation, whose tokens come out of the compilation's budget. `trace` holds the
        Job's W3C headers, which go on to the model.

        Raises `Problem`: 400 for what is not forwarded, 403 for another model or a spent budget, 502 without an answer.
        """
        asked = self._checked(body)
        reserved = _estimate(asked, body)
        if not await self._blocking(self._texts.spend, name, reserved, self._upstream.tokens):
            used = await self._blocking(self._texts.spent, name)
            words = f"{used} of the compilation's {self._upstream.tokens} tokens are used"
            raise Problem(403, "budget", f"{words}, and this call may take {reserved}")
        used, began = Used(0, 0), time.monotonic()
        try:
            reply = await self._call("POST", "/chat/completions", body, trace)
            used = _used(reply, reserved)
            return reply
        finally:
            self._counted(tenant, replace(used, elapsed_ms=round((time.monotonic() - began) * 1000)))
            await self._blocking(self._texts.spend, name, used.tokens - reserved, self._upstream.tokens)

    def _checked(self, body: bytes) -> Mapping[str, Any]:
        try:
            asked = msgspec.json.decode(body)
        except msgspec.DecodeError as error:
            raise Problem(400, "bad-json", f"the body is no JSON: {error}") from None
        if not isinstance(asked, dict):
            raise Problem(400, "bad-json", "the body is no JSON object")
        if asked.get("stream"):
            raise Problem(400, "no-streaming", "completions are not streamed to Jobs; leave stream out")
        allowed = self._upstream.models
        if allowed and asked.get("model") not in allowed:
            raise Problem(403, "model-not-allowed", f"compilations may ask {', '.join(sorted(allowed))}")
        return asked

    async def _call(
        self, method: str, path: str, body: bytes | None, trace: Mapping[str, str] = MappingProxyType({})
    ) -> Forwarded:
        headers = {"Accept": "application/json", **trace}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if self._upstream.key:
            headers["Authorization"] = f"Bearer {self._upstream.key}"
        timeout = aiohttp.ClientTimeout(total=CALL_S, sock_connect=CONNECT_S)
        try:
            async with self._session.request(
                method, self._upstream.url + path, data=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                return await Forwarded.read(response, MAX_REPLY)
        except TimeoutError:
            raise Problem(504, "upstream", f"the model did not reply within {CALL_S:g} s") from None
        except aiohttp.ClientError as error:
            raise Problem(502, "upstream", f"the model cannot be reached: {type(error).__name__}") from error


def _estimate(asked: Mapping[str, Any], body: bytes) -> int:
    stated = [asked.get(name) for name in ("max_completion_tokens", "max_tokens")]
    limits = [value for value in stated if isinstance(value, int) and not isinstance(value, bool) and value > 0]
    return math.ceil(len(body) / BYTES_PER_TOKEN) + (min(limits) if limits else REPLY_TOKENS)


def _used(reply: Forwarded, reserved: int) -> Used:
    """What a call took: as the endpoint counted it, none for a refusal, what was set aside if it is silent."""
    if reply.status >= 400:
        return Used(0, 0)
    try:
        usage = msgspec.json.decode(reply.body)["usage"]
        total = usage["total_tokens"]
    except (msgspec.DecodeError, KeyError, TypeError, IndexError):
        return Used(reserved, 0)
    if not isinstance(total, int) or isinstance(total, bool) or total < 0:
        return Used(reserved, 0)
    output = usage.get("completion_tokens", 0)
    output = output if isinstance(output, int) and 0 <= output <= total else 0
    return Used(total - output, output)
