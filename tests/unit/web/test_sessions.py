"""Sessions, forms and one-time tokens."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some
from starlette.requests import Request
from starlette.responses import Response

from seglam.web.pages.rendering import is_local
from seglam.web.pages.sessions import TOKEN_LASTS_S, LocalTokens, Sessions, key_in

KEY, OTHER = b"k" * 32, b"o" * 32


def cookie_of(response: Response) -> str:
    return response.headers["set-cookie"].partition(";")[0]


def request_with(cookie: str) -> Request:
    return Request({"type": "http", "headers": [(b"cookie", cookie.encode())]})


def signed_in(sessions: Sessions, user: str = "ada") -> str:
    response = Response()
    sessions.begin(response, user, "default")
    return cookie_of(response)


def test_a_session_is_known_by_its_cookie() -> None:
    sessions = Sessions(KEY, secure=False)
    session = sessions.of(request_with(signed_in(sessions)))
    assert session is not None
    assert (session.user, session.tenant) == ("ada", "default")
    assert len(session.csrf) >= 24


def test_each_beginning_is_another_session() -> None:
    sessions = Sessions(KEY, secure=False)
    first, second = (sessions.of(request_with(signed_in(sessions))) for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.csrf != second.csrf


@pytest.mark.parametrize("change", [lambda value: value[:-2], lambda value: value + "x", lambda value: "x" + value])
def test_a_forged_cookie_is_nobodys(change: object) -> None:
    assert callable(change)
    sessions = Sessions(KEY, secure=False)
    name, _, value = signed_in(sessions).partition("=")
    assert sessions.of(request_with(f"{name}={change(value)}")) is None


def test_another_keys_cookie_is_nobodys() -> None:
    assert Sessions(KEY, secure=False).of(request_with(signed_in(Sessions(OTHER, secure=False)))) is None


def test_a_token_is_no_cookie() -> None:
    sessions = Sessions(KEY, secure=False)
    assert sessions.of(request_with(f"seglam={LocalTokens(KEY).new()}")) is None


def test_the_cookie_is_kept_from_scripts_and_other_sites() -> None:
    response = Response()
    Sessions(KEY, secure=True).begin(response, "ada", "default")
    cookie = response.headers["set-cookie"].lower()
    assert cookie.startswith("__host-seglam=")
    for part in ("httponly", "samesite=lax", "secure", "path=/"):
        assert part in cookie
    assert "domain" not in cookie


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Sessions(b"short", secure=False)


def test_a_token_is_good_once() -> None:
    tokens = LocalTokens(KEY)
    token = tokens.new()
    assert tokens.take(token)
    assert not tokens.take(token)
    assert tokens.take(LocalTokens(KEY).new()), "another process with the key makes tokens too"
    assert not tokens.take(LocalTokens(OTHER).new())
    assert not tokens.take("")
    assert not tokens.take("a.b.c")


def test_a_token_of_an_earlier_process_is_too_old() -> None:
    import time

    token = LocalTokens(KEY).new()
    assert not LocalTokens(KEY, clock=lambda: time.time() + 2).take(token)
    assert TOKEN_LASTS_S <= 600


def test_the_key_is_its_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "pages.key"
    key = key_in(file)
    assert len(key) == 32
    assert key_in(file) == key
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.write_bytes(b"cut")
    with pytest.raises(OSError, match="too short"):
        key_in(file)


@pytest.mark.parametrize(
    "address",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "",
        "console",
        "/a\nb",
        "/\x00",
        "/é",
    ],
)
def test_addresses_that_lead_elsewhere(address: str) -> None:
    assert not is_local(address)


@given(some.text(max_size=30))
def test_what_is_local_begins_with_one_slash(address: str) -> None:
    if is_local(address):
        assert address.startswith("/")
        assert address[1:2] not in ("/", "\\")
