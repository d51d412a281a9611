"""Signing in to the console of a service that wants credentials: what a key or an issuer allows at the API, it allows
here, for as long as it does; and every answer of an issuer that is forged."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from starlette.types import ASGIApp

from seglam.gateway import Service
from seglam.gateway.pages import Console
from seglam.gateway.pages.embedded import EmbeddedBoard, EmbeddedDesk
from seglam.gateway.pages.people import Members
from seglam.gateway.server import bind
from seglam.gateway.store import State
from seglam.gateway.store.revisions import put
from tests.documents import document
from tests.issuer import stranger
from tests.login import CLIENT, Claims, Provider, providing
from tests.services import listening, running

KEY = b"a key of these tests, 32 bytes long"
AUTHOR = "id-of-mallory@acme.example"


@dataclass
class World:
    """A service with its console, its issuer, and the file that says who may do what."""

    service: Service
    url: str
    provider: Provider
    file: Path

    def rule(self, *identities: Mapping[str, object]) -> None:
        """Say who may do what, from now on."""
        issuer = {"issuer": self.provider.url, "audience": "seglam", "login": {"clientId": CLIENT}}
        listed = [{"issuer": self.provider.url, **each} for each in identities]
        self.file.write_text(json.dumps({"issuers": [issuer], "identities": listed}))
        self.service.access.rules.reread()

    def key(self, tenant: str, *scopes: str, owner: str = "ana") -> tuple[str, str]:
        """The id and the text of a new API key."""
        key, text = self.service.access.keys.create(tenant, owner, scopes, creator="test")
        return key.id, text

    def propose(self, name: str) -> str:
        """A revision that waits; its digest."""
        made = document(name, patterns=(f"{name} {{n}}",))
        store = self.service.store
        row = store._database.write(
            lambda session: put(
                session, made, tenant="default", state=State.PROPOSED, origin="api", authors=[AUTHOR, "ben"]
            )
        )
        return row.digest


REVIEWERS = {"claims": {"groups": "reviewers"}, "tenant": "default", "scopes": ["ask", "read", "review"]}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("console")
    file = directory / "access.yaml"
    with bind("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    with (
        providing() as provider,
        running(directory, documents=[document()], access="required", access_file=file) as service,
    ):
        url = f"http://127.0.0.1:{port}"

        def around(api: ASGIApp) -> ASGIApp:
            people = Members(service.access.door(), KEY, url)
            return Console(EmbeddedDesk(service), EmbeddedBoard(service), people).beside(api)

        with listening(service, around, port=port):
            yield World(service, url, provider, file)


class Browser:
    """Follows no redirect by itself, and keeps cookies as a browser does."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.http = httpx2.Client(base_url=world.url, verify=False)  # there is no TLS here

    def by_key(self, text: str, **more: str) -> httpx2.Response:
        return self.http.post("/console/enter", data={"key": text, **more})

    def leave(self, then: str = "/console") -> str:
        """Go to the provider; the address by which it sends one back."""
        sent = self.http.get("/console/login", params={"issuer": self._world.provider.url, "then": then})
        assert sent.status_code == 303, sent.text
        with httpx2.Client(verify=False) as outside:
            return outside.get(sent.headers["location"]).headers["location"]

    def sign_in(self, then: str = "/console") -> httpx2.Response:
        return self.http.get(self.leave(then))

    def status(self, path: str = "/console") -> int:
        return self.http.get(path).status_code

    def decide(self, digest: str, decision: str, **changes: str) -> httpx2.Response:
        page = self.http.get("/console").text
        found = re.search(r'name="csrf" value="([^"]+)"', page)
        form = {"csrf": found[1] if found else "", "decision": decision, "reason": "for a test", **changes}
        return self.http.post(f"/console/revisions/{digest}/decisions", data=form)


@pytest.fixture
def browser(world: World) -> Iterator[Browser]:
    world.provider.reset()
    world.provider.forge = lambda claims: {**claims, "groups": ["staff", "reviewers"]}
    world.rule(REVIEWERS)
    made = Browser(world)
    yield made
    made.http.close()


def test_a_key_allows_here_what_it_allows_at_the_api(browser: Browser, world: World) -> None:
    assert browser.status() == 401
    digest = world.propose("thrice")
    assert browser.by_key("sgl_" + "0" * 16 + "_" + "0" * 64).status_code == 401
    assert browser.http.post("/console/enter", data={"token": "x", "name": "ada"}).status_code == 401  # not here
    assert dict(browser.http.cookies) == {}
    identity, text = world.key("default", "read", owner="ana")
    entered = browser.by_key(text, then="//evil.example")
    assert (entered.status_code, entered.headers["location"]) == (303, "/console")
    assert "HttpOnly" in entered.headers["set-cookie"] and text not in entered.headers["set-cookie"]
    page = browser.http.get("/console").text
    assert "thrice" in page and "You are <strong>ana</strong>" in page
    assert browser.status("/console/operations") == 200
    refused = browser.decide(digest, "approve")
    assert refused.status_code == 403 and "scope-missing" in refused.text
    world.service.access.keys.revoke(identity)
    assert browser.status() == 401 and "thrice" not in browser.http.get("/console").text

    other = Browser(world)
    assert other.by_key(world.key("team-b", "read", "review")[1]).status_code == 303
    assert "thrice" not in other.http.get("/console").text
    assert other.status(f"/console/revisions/{digest}") == 404
    assert other.decide(digest, "approve").status_code == 404

    asks = Browser(world)
    assert asks.by_key(world.key("default", "ask")[1]).status_code == 303
    assert asks.status() == 403

    author, reviewer = Browser(world), Browser(world)
    author.by_key(world.key("default", "read", "review", owner="BEN ")[1])
    assert "four-eyes" not in author.http.get(f"/console/revisions/{digest}").text
    assert author.decide(digest, "approve").status_code == 403
    reviewer.by_key(world.key("default", "read", "review", owner="cleo")[1])
    assert reviewer.decide(digest, "approve", reviewer="somebody else").status_code == 303
    assert [each.reviewer for each in world.service.store.reviews(digest)] == ["cleo"]


def test_whom_an_issuer_knows_decides_under_the_name_that_it_gives(browser: Browser, world: World) -> None:
    digest = world.propose("four-times")
    answer = browser.sign_in(f"/console/revisions/{digest}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/console/revisions/{digest}")
    assert "id-of-ada@acme.example" in browser.http.get("/console").text
    author = Browser(world)
    world.provider.user = "mallory@acme.example"
    author.sign_in()
    assert author.decide(digest, "approve").status_code == 403  # four eyes
    assert browser.decide(digest, "approve", csrf="forged").status_code == 403
    assert browser.decide(digest, "approve").status_code == 303
    assert [each.reviewer for each in world.service.store.reviews(digest)] == ["id-of-ada@acme.example"]


def test_what_the_file_takes_away_is_gone_at_once(browser: Browser, world: World) -> None:
    digest = world.propose("five-times")
    browser.sign_in()
    assert browser.status() == 200
    world.rule({**REVIEWERS, "scopes": ["read"]})
    assert browser.status() == 200 and browser.decide(digest, "approve").status_code == 403
    world.rule({**REVIEWERS, "tenant": "team-b"})
    assert browser.status() == 401  # another tenant is another session
    world.rule({"claims": {"groups": "admins"}, "tenant": "default"})
    assert browser.status() == 403
    assert world.service.store.reviews(digest) == []


def test_who_belongs_to_no_tenant_does_not_come_in(browser: Browser, world: World) -> None:
    world.provider.forge = lambda claims: {**claims, "groups": ["staff"]}
    refused = browser.sign_in()
    assert refused.status_code == 403 and "no-tenant" in refused.text
    assert browser.status() == 401


FORGED: dict[str, tuple[str, Callable[[Claims], Claims]]] = {
    "issuer": ("token-invalid", lambda claims: {**claims, "iss": "https://evil.example"}),
    "the API's audience": ("token-audience", lambda claims: {**claims, "aud": "seglam"}),
    "two audiences": ("token-audience", lambda claims: {**claims, "aud": [CLIENT, "seglam"], "azp": CLIENT}),
    "nonce": ("token-invalid", lambda claims: {**claims, "nonce": "of another sign-in"}),
    "expired": ("token-expired", lambda claims: {**claims, "exp": 1_000_000_000, "iat": 999_999_000}),
}


@pytest.mark.parametrize("what", FORGED)
def test_a_forged_claim_signs_nobody_in(browser: Browser, world: World, what: str) -> None:
    code, forge = FORGED[what]
    world.provider.forge = lambda claims: forge({**claims, "groups": ["reviewers"]})
    refused = browser.sign_in()
    assert refused.status_code == 403 and f"<code>{code}</code>" in refused.text
    assert browser.status() == 401


def test_a_signature_of_a_stranger_signs_nobody_in(browser: Browser, world: World) -> None:
    issuer = world.provider.issuer
    world.provider.sign = lambda said: issuer.token(said.pop("sub"), said.pop("aud"), key=stranger(), **said)
    assert browser.sign_in().status_code == 403 and browser.status() == 401


def test_an_answer_counts_once_and_for_who_left(browser: Browser, world: World) -> None:
    back = browser.leave()
    cookies = dict(browser.http.cookies)
    assert Browser(world).http.get(back).status_code == 403  # another browser: sign-in forced on a victim
    assert browser.http.get(back).status_code == 303
    again = Browser(world)
    again.http.cookies.update(cookies)
    replayed = again.http.get(back)
    assert replayed.status_code == 403 and "used already" in replayed.text
    parts = urlsplit(browser.leave())
    given = {name: values[0] for name, values in parse_qs(parts.query).items()}
    for name in ("state", "iss", "code"):
        assert browser.http.get(parts.path, params={**given, name: "forged"}).status_code == 403, name
    assert again.status() == 401


@pytest.mark.parametrize("then", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_signing_in_leads_nowhere_else(browser: Browser, then: str) -> None:
    assert browser.sign_in(then).headers["location"] == "/console"


def test_sessions_of_stated_names_are_none_here(browser: Browser, world: World) -> None:
    """The same key of sessions signed them before access was asked for."""
    from starlette.responses import Response

    from seglam.web.pages import Sessions

    for name in ("seglam", "seglam-console"):
        response = Response()
        Sessions(KEY, secure=False, name=name).begin(response, "ada", "default")
        value = response.headers["set-cookie"].partition("=")[2].partition(";")[0]
        forged = Browser(world)
        forged.http.cookies.set("seglam-console", value)
        assert forged.status() == 401, name
