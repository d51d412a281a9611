"""Tokens and keys: what is accepted, without asking anybody once the keys are known."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from seglam.cluster import Client
from seglam.gateway.cluster.keys import cluster_keyring
from seglam.web import keyring as keys
from seglam.web.keyring import Keyring, KeysMissing, TokenRefused
from tests.issuer import Issuer, issuing, stranger

pytestmark = pytest.mark.anyio
ALICE = "system:serviceaccount:team:alice"


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing() as made:
        yield made


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def client(issuer: Issuer) -> AsyncIterator[Client]:
    async with Client(issuer.connection) as made:
        yield made


@pytest.fixture
async def keyring(client: Client) -> AsyncIterator[Keyring]:
    made = cluster_keyring(client)
    task = asyncio.create_task(made.run())
    async with asyncio.timeout(30):
        await made.ready.wait()
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def refused(keyring: Keyring, token: str) -> str:
    with pytest.raises(TokenRefused) as refusal:
        await keyring.claims(token, "seglam")
    return refusal.value.code


async def test_a_good_token_is_read_without_asking_anybody(issuer: Issuer, keyring: Keyring) -> None:
    asked = len(issuer.asked)
    issuer.down = True
    tokens = [issuer.token(f"system:serviceaccount:team:{number}") for number in range(20)]
    for number, token in enumerate(tokens * 2):
        claims = await keyring.claims(token, "seglam")
        assert claims["sub"] == f"system:serviceaccount:team:{number % 20}"
    assert len(issuer.asked) == asked


async def test_what_is_not_as_it_must_be_is_refused_with_its_reason(issuer: Issuer, keyring: Keyring) -> None:
    now = int(time.time())
    assert await refused(keyring, issuer.token(ALICE, "another")) == "token-audience"
    assert await refused(keyring, issuer.token(ALICE, exp=now - 60)) == "token-expired"
    assert await refused(keyring, issuer.token(ALICE, iss="https://elsewhere")) == "token-invalid"
    assert await refused(keyring, issuer.token(ALICE, nbf=now + 600)) == "token-invalid"
    for token in (issuer.token(ALICE, exp=None), issuer.token(ALICE, sub=None), issuer.token(ALICE, iss=None)):
        assert await refused(keyring, token) == "token-invalid"
    assert await refused(keyring, issuer.token(ALICE, key=stranger())) == "token-invalid"
    assert await refused(keyring, "no.token.really") == "token-invalid"


async def test_a_token_without_a_signature_or_with_the_public_key_as_secret_is_refused(
    issuer: Issuer, keyring: Keyring
) -> None:
    head, body, _ = issuer.token(ALICE).split(".")
    kid = json.loads(base64.urlsafe_b64decode(head + "=="))["kid"]
    for algorithm in ("none", "HS256"):
        forged = base64.urlsafe_b64encode(json.dumps({"alg": algorithm, "kid": kid}).encode()).rstrip(b"=").decode()
        assert await refused(keyring, f"{forged}.{body}.") == "token-invalid"


async def test_what_is_remembered_of_a_token_ends_with_it(client: Client, issuer: Issuer) -> None:
    clock = Clock()
    keyring = cluster_keyring(client, clock)
    await keyring.refresh()
    token = issuer.token(ALICE, exp=int(clock.now) + 30)
    assert (await keyring.claims(token, "seglam"))["sub"] == ALICE
    assert await refused_for(keyring, token, "another") == "token-audience"
    clock.now += 3600
    # The signature is checked again, by the library's own clock, for which the token is still good.
    assert (await keyring.claims(token, "seglam"))["sub"] == ALICE
    assert (token, "seglam") in keyring._checked


async def refused_for(keyring: Keyring, token: str, audience: str) -> str:
    with pytest.raises(TokenRefused) as refusal:
        await keyring.claims(token, audience)
    return refusal.value.code


async def test_a_new_key_is_looked_for_once_and_forged_key_ids_ask_nobody_again(
    client: Client, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring = cluster_keyring(client)
    await keyring.refresh()
    old = issuer.token(ALICE)
    issuer.rotate(keep=True)
    new = issuer.token(ALICE)
    assert await refused(keyring, new) == "token-unknown-key", "the keys were asked for a moment ago"
    monkeypatch.setattr(keys, "GAP_S", 0.0)
    asked = len(issuer.asked)
    found = await asyncio.gather(*[keyring.claims(new, "seglam") for _ in range(5)])
    assert {claims["sub"] for claims in found} == {ALICE}
    monkeypatch.setattr(keys, "GAP_S", 3600.0)
    assert (await keyring.claims(old, "seglam"))["sub"] == ALICE
    asked = len(issuer.asked)
    issuer.rotate()
    for _ in range(5):
        assert await refused(keyring, issuer.token(ALICE)) == "token-unknown-key"
    assert len(issuer.asked) == asked


async def test_a_key_that_is_withdrawn_takes_its_tokens_with_it(client: Client, issuer: Issuer) -> None:
    keyring = cluster_keyring(client)
    await keyring.refresh()
    old = issuer.token(ALICE)
    await keyring.claims(old, "seglam")
    issuer.rotate()
    await keyring.refresh()
    assert await refused(keyring, old) == "token-unknown-key"


async def test_keys_that_cannot_be_fetched_leave_those_that_are_known(client: Client, issuer: Issuer) -> None:
    keyring = cluster_keyring(client)
    issuer.down = True
    with pytest.raises(KeysMissing):
        await keyring.claims(issuer.token(ALICE), "seglam")
    issuer.down = False
    await keyring.refresh()
    issuer.down = True
    assert not await keyring.refresh()
    assert (await keyring.claims(issuer.token(ALICE), "seglam"))["sub"] == ALICE
