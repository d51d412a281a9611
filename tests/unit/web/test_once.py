"""What counts once, and what was begun before a process that forgets."""

from __future__ import annotations

import asyncio
import time

import pytest
from starlette.requests import Request

from seglam.web import Problem
from seglam.web.login.entrance import Entrance
from seglam.web.login.flow import Begun, Client, Given, Logins
from seglam.web.once import Once

KEY = b"k" * 32


def test_a_text_counts_once_while_it_is_remembered() -> None:
    now = [100.0]
    once = Once(10, lambda: now[0])
    assert once.since == 100
    assert [once("a"), once("a"), once("b")] == [True, False, True]
    now[0] += 9.9
    assert not once("a")
    now[0] += 0.2
    assert once("a")


@pytest.mark.parametrize(("since", "code"), [(-5.0, "login-issuer"), (5.0, "login-state")])
def test_what_was_begun_before_the_process_is_not_taken(since: float, code: str) -> None:
    """Its answer may have been used: what an earlier process took is not known."""

    async def verify(_: Given) -> str:
        raise AssertionError("it does not come so far")

    client = Client("https://login.example", "console", None, "https://login.example", None)
    logins = Logins(lambda: [client], "https://here.example/answer", verify, Once(60))
    entrance = Entrance(logins, KEY, secure=False, name="n", home="/", since=time.time() + since)
    held = entrance._signer.dumps(Begun(client.issuer, "s", "n", "v", "/").document())
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "query_string": b"state=s&iss=https://another.example&code=c",
        "headers": [(b"cookie", f"n-login={held}".encode())],
    }
    with pytest.raises(Problem) as refused:
        asyncio.run(entrance.finish(Request(scope)))
    assert refused.value.code == code
