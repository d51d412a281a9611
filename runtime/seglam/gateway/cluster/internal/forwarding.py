"""Calls that go on to the verification runners, unchanged, over mutual TLS."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Self

import aiohttp

from seglam.sandbox import Address
from seglam.web import Problem

DEADLINE = "Seglam-Deadline-Ms"
MAX_BODY = 16 << 20
MAX_REPLY = 64 << 20
CONNECT_S = 1.0
LONGEST_S = 600.0
_STATUS_AGAIN = frozenset({502, 503})


@dataclass(frozen=True, slots=True)
class Forwarded:
    """An answer from behind the gateway."""

    status: int
    body: bytes
    media: str
    retry_after: str | None = None

    @classmethod
    async def read(cls, response: aiohttp.ClientResponse, limit: int) -> Self:
        """Take in an answer of at most `limit` bytes; `Problem` 502 for a larger one."""
        content = bytearray()
        async for chunk in response.content.iter_any():
            content += chunk
            if len(content) > limit:
                raise Problem(502, "reply-too-large", f"the reply is larger than {limit} bytes")
        media = response.headers.get("Content-Type", "application/json")
        return cls(response.status, bytes(content), media, response.headers.get("Retry-After"))


class Verification:
    """The runners that run what nobody has approved.

    Args:
        addresses: gives their current addresses.
        context: gives the TLS context of a new connection.
        server_name: the name in their certificates.
    """

    def __init__(
        self,
        addresses: Callable[[], Sequence[Address]],
        context: Callable[[], ssl.SSLContext],
        server_name: str,
        session: aiohttp.ClientSession,
    ) -> None:
        self._addresses = addresses
        self._context = context
        self._server_name = server_name
        self._session = session
        self._turns = count()

    async def call(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Forwarded:
        """One call, such as `POST /v1/batches`. All of them may be repeated, so another runner is asked when one cannot
        be reached or is full. `Problem` 503 if none answers."""
        known = list(self._addresses())
        first = next(self._turns) % max(len(known), 1)
        last: Forwarded | None = None
        failures: list[str] = []
        for address in known[first:] + known[:first]:
            try:
                last = await self._once(address, method, path, headers, body)
            except aiohttp.ClientError as error:
                failures.append(f"{address}: {type(error).__name__}")
                continue
            except TimeoutError:
                raise Problem(504, "unavailable", f"{address} did not answer in time") from None
            if last.status not in _STATUS_AGAIN:
                return last
        if last is not None:
            return last
        words = "; ".join(failures) or "no verification runner is ready"
        raise Problem(503, "unavailable", words, headers={"Retry-After": "2"})

    async def _once(
        self, address: Address, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> Forwarded:
        seconds = _seconds(headers.get(DEADLINE))
        async with self._session.request(
            method,
            f"https://{address}{path}",
            data=body or None,
            headers={"Content-Type": "application/json", **headers},
            ssl=self._context(),
            server_hostname=self._server_name,
            timeout=aiohttp.ClientTimeout(total=seconds, sock_connect=CONNECT_S),
            allow_redirects=False,
        ) as response:
            return await Forwarded.read(response, MAX_REPLY)


def _seconds(stated: str | None) -> float:
    if stated is None or not (stated.isascii() and stated.isdigit()):
        return LONGEST_S
    return min(int(stated[:9]) / 1000, LONGEST_S)
