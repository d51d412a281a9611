"""Breaker, places and headers of the upstream, and what the environment says of it."""

from __future__ import annotations

import asyncio

import pytest

from seglam.gateway.access import Caller
from seglam.gateway.openai.credentials import identified
from seglam.gateway.openai.upstream.breaker import LONGEST_S, Breaker
from seglam.gateway.openai.upstream.headers import PSEUDONYM, goes_round, incoming, outgoing
from seglam.gateway.openai.upstream.places import Full, Places
from seglam.gateway.openai.upstream.settings import UpstreamSettings
from seglam.gateway.serving import Headers
from seglam.web import Problem
from seglam.web.environment import SettingsInvalid


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_breaker_rests_tries_once_and_closes() -> None:
    clock = Clock()
    breaker = Breaker(2, 4.0, clock)
    breaker.failed()
    breaker.succeeded()
    breaker.failed()
    assert breaker.admit() is None
    breaker.failed()
    assert breaker.admit() == 4.0
    clock.now = 3.0
    assert breaker.admit() == 1.0
    clock.now = 4.0
    assert breaker.admit() is None
    assert breaker.admit() == 4.0  # one call tries, the others wait
    breaker.left()  # nobody knows
    assert breaker.admit() is None
    breaker.failed()
    assert breaker.admit() == 8.0
    clock.now = 12.0
    assert breaker.admit() is None
    breaker.succeeded()
    assert not breaker.resting
    assert breaker.admit() is None


def test_a_breaker_never_rests_longer_than_a_minute() -> None:
    clock = Clock()
    breaker = Breaker(1, 50.0, clock)
    breaker.failed()
    for _ in range(3):
        clock.now += LONGEST_S
        assert breaker.admit() is None
        breaker.failed()
    assert breaker.admit() == LONGEST_S


def test_calls_that_were_at_work_when_it_opened_change_nothing() -> None:
    clock = Clock()
    breaker = Breaker(1, 4.0, clock)
    breaker.failed()
    clock.now = 2.0
    breaker.failed()
    assert breaker.admit() == 2.0


def test_places_are_bounded_and_so_is_waiting() -> None:
    async def main() -> list[str]:
        places, told = Places(1, 1, 5.0), list[str]()
        free = asyncio.Event()

        async def call(name: str) -> None:
            try:
                async with places.one():
                    told.append(name)
                    await free.wait()
            except Full:
                told.append(f"{name} full")

        async with asyncio.TaskGroup() as tasks:
            for name in "abc":
                tasks.create_task(call(name))
            for _ in range(5):
                await asyncio.sleep(0)
            assert (places.at_work, places.waiting) == (1, 1)
            free.set()
        assert (places.at_work, places.waiting) == (0, 0)
        return told

    assert asyncio.run(main()) == ["a", "c full", "b"]


def test_waiting_ends() -> None:
    async def main() -> None:
        places = Places(1, 1, 0.0)
        async with places.one():
            with pytest.raises(Full):
                async with places.one():
                    pass
        async with places.one():
            assert places.waiting == 0

    asyncio.run(main())


CAME = [
    (b"host", b"gateway"),
    (b"authorization", b"Bearer client"),
    (b"content-type", b"application/json"),
    (b"content-length", b"2"),
    (b"accept-encoding", b"gzip"),
    (b"openai-organization", b"org"),
    (b"x-stainless-lang", b"python"),
    (b"cookie", b"a=b"),
    (b"seglam-user", b"ana"),
    (b"connection", b"keep-alive, X-Request-Id"),
    (b"x-request-id", b"1"),
    (b"x-team", b"7"),
    (b"via", b"1.1 other"),
]


def test_which_headers_go_out() -> None:
    passed = dict(outgoing(CAME, b"Bearer own", frozenset({"x-team"})))
    assert passed == {
        b"content-type": b"application/json",
        b"accept-encoding": b"gzip",
        b"openai-organization": b"org",
        b"x-stainless-lang": b"python",
        b"x-team": b"7",
        b"authorization": b"Bearer own",
        b"via": b"1.1 other, 1.1 " + PSEUDONYM,
    }


@pytest.mark.parametrize(("auth", "sent"), [(None, b"Bearer client"), (b"Bearer own", b"Bearer own"), (b"", None)])
def test_whose_credentials_go_out(auth: bytes | None, sent: bytes | None) -> None:
    passed = outgoing(CAME, auth, frozenset({"seglam-user", "host"}))
    assert [value for name, value in passed if name == b"authorization"] == ([] if sent is None else [sent])
    assert not any(name == b"seglam-user" for name, _ in passed)


def test_a_key_of_the_gateway_goes_to_nobody() -> None:
    passed = outgoing([(b"authorization", b"Bearer sgl_abc_secret")], None, frozenset({"authorization"}))
    assert [name for name, _ in passed] == [b"via"]


class Door:
    """Takes the gateway's keys, tokens with three parts, and, if it is open, whoever shows nothing."""

    def __init__(self, *, is_open: bool) -> None:
        self._open = is_open

    async def __call__(self, headers: Headers) -> Caller:
        stated = headers.get("authorization")
        if stated is None and self._open:
            return Caller("stranger", "anonymous")
        if stated in ("Bearer sgl_good", "Bearer good.j.wt"):
            return Caller("known", stated)
        raise Problem(401, "token-invalid" if stated else "token-missing", "no")


@pytest.mark.parametrize(
    ("clients", "is_open", "headers", "who"),
    [
        (False, True, {"authorization": "Bearer sk-openai"}, "stranger"),
        (False, True, {"authorization": "Bearer sgl_good"}, "known"),
        (False, True, {"authorization": "Bearer sgl_bad"}, "token-invalid"),
        (False, True, {"authorization": "Bearer bad.j.wt"}, "token-invalid"),
        (False, False, {"authorization": "Bearer sk-openai"}, "token-invalid"),
        (False, False, {}, "token-missing"),
        (True, True, {"authorization": "Bearer sk-openai"}, "stranger"),
        (True, False, {"authorization": "Bearer sk-openai"}, "token-missing"),
        (True, False, {"authorization": "Bearer sk", "seglam-authorization": "Bearer good.j.wt"}, "known"),
        (True, False, {"authorization": "Bearer sgl_good"}, "known"),
    ],
)
def test_whose_credentials_they_are(clients: bool, is_open: bool, headers: dict[str, str], who: str) -> None:
    async def ask() -> str:
        try:
            return (await identified(Headers.of(headers), Door(is_open=is_open), clients=clients)).tenant
        except Problem as problem:
            return problem.code

    assert asyncio.run(ask()) == who


def test_which_headers_come_in() -> None:
    came = [
        (b"Content-Type", b"text/event-stream"),
        (b"Transfer-Encoding", b"chunked"),
        (b"Retry-After", b"7"),
        (b"x-ratelimit-remaining-requests", b"0"),
        (b"Set-Cookie", b"a=b"),
        (b"Strict-Transport-Security", b"max-age=1"),
        (b"Cache-Status", b"Other; hit"),
        (b"Seglam-Revision", b"forged"),
    ]
    assert incoming(came, {b"cache-status": b"SEGLAM; fwd=miss"}) == [
        (b"content-type", b"text/event-stream"),
        (b"retry-after", b"7"),
        (b"x-ratelimit-remaining-requests", b"0"),
        (b"cache-status", b"Other; hit"),
        (b"cache-status", b"SEGLAM; fwd=miss"),
        (b"via", b"1.1 " + PSEUDONYM),
    ]


def test_a_circle_is_seen() -> None:
    assert goes_round(outgoing(CAME, None, frozenset()))
    assert not goes_round(CAME)


@pytest.mark.parametrize(
    ("environ", "url", "key", "auth"),
    [
        ({}, "", "", "client"),
        ({"OPENAI_API_KEY": "k"}, "https://api.openai.com/v1", "k", "configured"),
        ({"OPENAI_BASE_URL": "http://m/v1/"}, "http://m/v1", "", "client"),
        ({"OPENAI_BASE_URL": "http://m/v1", "OPENAI_API_KEY": "k"}, "http://m/v1", "k", "configured"),
        ({"SEGLAM_UPSTREAM_URL": "http://o/v1", "OPENAI_API_KEY": "k"}, "http://o/v1", "", "client"),
        ({"SEGLAM_UPSTREAM_URL": "http://o/v1", "SEGLAM_UPSTREAM_KEY": "o"}, "http://o/v1", "o", "configured"),
        ({"SEGLAM_UPSTREAM_URL": "none", "OPENAI_API_KEY": "k"}, "", "", "client"),
        ({"OPENAI_API_KEY": "k", "SEGLAM_UPSTREAM_AUTH": "client"}, "https://api.openai.com/v1", "k", "client"),
    ],
)
def test_where_the_upstream_is(environ: dict[str, str], url: str, key: str, auth: str) -> None:
    settings = UpstreamSettings.from_environ(environ)
    assert (settings.url, settings.key, settings.auth) == (url, key, auth)
    assert UpstreamSettings.from_environ(environ, passes=False).url == ""
    assert "key=" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SEGLAM_UPSTREAM_URL", "ftp://m"),
        ("OPENAI_BASE_URL", "m.example"),
        ("SEGLAM_UPSTREAM_AUTH", "both"),
        ("SEGLAM_UPSTREAM_CONCURRENCY", "0"),
        ("SEGLAM_UPSTREAM_IDLE_SECONDS", "-1"),
        ("SEGLAM_OPENAI_UNSTORED", "yes"),
    ],
)
def test_settings_that_cannot_be_used(name: str, value: str) -> None:
    with pytest.raises(SettingsInvalid, match=name):
        UpstreamSettings.from_environ({name: value})
