"""Signing in to the marketplace by a real OpenID provider, and every answer of it that is forged."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import jwt
import pytest

from seglam.packs.trust.signing.key import KeySigner
from tests import origins
from tests.issuer import stranger
from tests.login import CLIENT, Claims, Provider, providing
from tests.origins import Origin
from tests.packs import pack
from tests.registries import doubling

SECURE = "/marketplace/packs/acme/basics/versions/1.0.0"
SIGNER = KeySigner.generate()


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with providing() as made:
        yield made


@pytest.fixture(scope="module")
def registry(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Origin]:
    """A registry at which Ada owns a namespace with a version, and whose issuer signs people in."""
    directory = tmp_path_factory.mktemp("login")
    listed = directory / "issuers.yaml"
    spec = {"issuer": provider.url, "type": "email", "login": {"clientId": CLIENT}}
    listed.write_text(json.dumps({"issuers": [spec]}))
    with origins.serving(directory, "localhost", issuers_file=listed) as made:
        token = provider.issuer.token(
            "id-of-ada@acme.example", "seglam-registry", iss=provider.url, email="ada@acme.example",
            email_verified=True, jti="first",
        )  # fmt: skip
        with httpx2.Client(base_url=made.url) as http:
            given = http.post("/api/v1/tokens", json={"token": token, "namespace": "acme"}).json()
            headers = {"Authorization": f"Bearer {given['token']}"}
            claimed = http.post(
                "/api/v1/namespaces", json={"name": "acme", "keys": [SIGNER.public.pem]}, headers=headers
            )
            assert claimed.status_code == 201, claimed.text
        made.put(pack("localhost/acme/basics", documents=[doubling()]))
        yield made


class Browser:
    """Follows no redirect by itself, and keeps cookies as a browser does."""

    def __init__(self, registry: Origin) -> None:
        self.http = httpx2.Client(
            base_url=registry.url, verify=False
        )  # there is no TLS here, and loading CAs takes long

    def leave(self, then: str = SECURE) -> str:
        """Go to the provider; the address by which it sends one back."""
        sent = self.http.get("/marketplace/login", params={"then": then})
        assert sent.status_code == 303, sent.text
        with httpx2.Client(verify=False) as outside:
            return outside.get(sent.headers["location"]).headers["location"]

    def sign_in(self, then: str = SECURE) -> httpx2.Response:
        return self.http.get(self.leave(then))

    @property
    def signed_in(self) -> bool:
        return "Sign out" in self.http.get("/marketplace").text

    def field(self, name: str) -> str:
        """A hidden field of the version's page."""
        found: dict[str, str] = {}

        class Fields(HTMLParser):
            def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
                given = dict(attrs)
                if tag == "input" and given.get("name"):
                    found[str(given["name"])] = str(given.get("value"))

        Fields().feed(self.http.get(SECURE).text)
        return found[name]

    def decide(self, decision: str, **changes: str) -> httpx2.Response:
        form = {"csrf": self.field("csrf"), "seen": self.field("seen"), "decision": decision, "reason": "for a test"}
        headers = {"Sec-Fetch-Site": changes.pop("site", "same-origin")}
        return self.http.post(f"{SECURE}/decisions", data={**form, **changes}, headers=headers)


@pytest.fixture
def browser(registry: Origin, provider: Provider) -> Iterator[Browser]:
    provider.reset()
    made = Browser(registry)
    yield made
    made.http.close()


def test_a_member_signs_in_decides_and_leaves(browser: Browser, registry: Origin) -> None:
    assert not browser.signed_in
    answer = browser.sign_in()
    assert (answer.status_code, answer.headers["location"]) == (303, SECURE)
    cookies = answer.headers.get_list("set-cookie")
    assert all("HttpOnly" in each and "SameSite=lax" in each for each in cookies)
    assert answer.headers["cache-control"] == "no-store"
    page = browser.http.get(SECURE).text
    assert "ada@acme.example" in page and "Yank: choose it for nobody any more" in page
    assert browser.decide("yank").status_code == 303
    said = browser.http.get("/api/v1/packs/acme/basics/versions/1.0.0").json()
    assert (said["state"], said["statuses"][-1]["actor"]["subject"]) == ("yanked", "ada@acme.example")
    assert browser.decide("restore").status_code == 303
    csrf = browser.field("csrf")
    assert browser.http.post("/marketplace/leave", data={"csrf": csrf}).status_code == 303
    assert not browser.signed_in


def test_who_is_no_member_decides_nothing(browser: Browser, provider: Provider) -> None:
    provider.user = "eve@acme.example"
    assert browser.sign_in().status_code == 303
    refused = browser.decide("yank")
    assert refused.status_code == 403
    assert "eve@acme.example" in refused.text
    assert browser.http.get("/api/v1/packs/acme/basics/versions/1.0.0").json()["state"] == "available"


def test_a_name_that_was_given_to_another_account_gains_nothing(browser: Browser, provider: Provider) -> None:
    provider.forge = lambda claims: {**claims, "sub": "another account"}
    assert browser.sign_in().status_code == 303
    assert "is not the account that became a member" in browser.decide("yank").text


def test_a_form_that_is_not_of_a_page_of_this_session_decides_nothing(browser: Browser, registry: Origin) -> None:
    browser.sign_in()
    other = Browser(registry)
    other.sign_in()
    for changes, status in (
        ({"csrf": ""}, 403),
        ({"csrf": other.field("csrf")}, 403),
        ({"site": "cross-site"}, 403),
        ({"seen": '"sha256:of something else"'}, 412),
        ({"decision": "delete"}, 422),
        ({"reason": "two\nlines"}, 422),
    ):
        assert browser.decide(**{"decision": "yank", **changes}).status_code == status, changes
    assert browser.http.get("/api/v1/packs/acme/basics/versions/1.0.0").json()["state"] == "available"
    stranger_ = Browser(registry)
    sent = stranger_.http.post(f"{SECURE}/decisions", data={"decision": "yank", "reason": "x"})
    assert sent.status_code == 401


def code_of(answer: httpx2.Response) -> str:
    """Why a page says that it refused."""
    assert answer.status_code == 403, answer.text
    return answer.text.partition("Code <code>")[2].partition("<")[0]


def _head(provider: Provider) -> tuple[Any, dict[str, str]]:
    """The provider's public key, and a header that names it."""
    keys: Any = provider.issuer.reply("/openid/v1/jwks")
    return keys["keys"][0], {"kid": keys["keys"][0]["kid"]}


def _unsigned(provider: Provider) -> Callable[[Claims], str]:
    _, head = _head(provider)
    return lambda claims: jwt.encode({**claims, "exp": int(time.time()) + 60, "iat": 1}, "", "none", head)


def _confused(provider: Provider) -> Callable[[Claims], str]:
    """Signed as by a secret, which is the provider's public key."""
    key, head = _head(provider)
    secret = base64.urlsafe_b64decode(key["n"] + "==")
    return lambda claims: jwt.encode({**claims, "exp": int(time.time()) + 60, "iat": 1}, secret, "HS256", head)


FORGED: dict[str, tuple[str, Callable[[Claims], Claims]]] = {
    "issuer": ("token-invalid", lambda claims: {**claims, "iss": "https://evil.example"}),
    "audience": ("token-audience", lambda claims: {**claims, "aud": "somebody-else"}),
    "two audiences": ("token-audience", lambda claims: {**claims, "aud": [CLIENT, "somebody-else"], "azp": CLIENT}),
    "nonce": ("token-invalid", lambda claims: {**claims, "nonce": "of another sign-in"}),
    "no nonce": ("token-invalid", lambda claims: {**claims, "nonce": None}),
    "party": ("token-invalid", lambda claims: {**claims, "azp": "somebody-else"}),
    "expired": ("token-expired", lambda claims: {**claims, "exp": 1_000_000_000, "iat": 999_999_000}),
    "lives for ever": ("token-lifetime", lambda claims: {**claims, "exp": 4_000_000_000}),
    "access token": ("token-invalid", lambda claims: {**claims, "at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}),
    "address not verified": ("token-subject", lambda claims: {**claims, "email_verified": False}),
    "no account": ("token-account", lambda claims: {**claims, "sub": ""}),
}


@pytest.mark.parametrize("what", FORGED)
def test_a_forged_claim_signs_nobody_in(browser: Browser, provider: Provider, what: str) -> None:
    code, provider.forge = FORGED[what]
    assert code_of(browser.sign_in()) == code
    assert not browser.signed_in


@pytest.mark.parametrize(
    ("what", "code"),
    [("none", "token-invalid"), ("another key", "token-invalid"), ("a public key as a secret", "token-invalid")],
)
def test_a_forged_signature_signs_nobody_in(browser: Browser, provider: Provider, what: str, code: str) -> None:
    signs: dict[str, Callable[[Claims], str]] = {
        "none": _unsigned(provider),
        "another key": lambda said: provider.issuer.token(said.pop("sub"), said.pop("aud"), key=stranger(), **said),
        "a public key as a secret": _confused(provider),
    }
    provider.sign = signs[what]
    assert code_of(browser.sign_in()) == code
    assert not browser.signed_in


def test_an_answer_counts_once_and_for_who_left(browser: Browser, registry: Origin, provider: Provider) -> None:
    back = browser.leave()
    cookies = dict(browser.http.cookies)
    assert Browser(registry).http.get(back).status_code == 403  # another browser: sign-in forced on a victim
    assert browser.http.get(back).status_code == 303
    again = Browser(registry)
    again.http.cookies.update(cookies)  # all that the first had when it came back
    answer = again.http.get(back)
    assert answer.status_code == 403 and "used already" in answer.text
    assert not again.signed_in


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("state", "forged"),
        ("state", ""),
        ("iss", "https://evil.example"),
        ("code", "guessed"),
        ("error", "access_denied"),
    ],
)
def test_a_changed_answer_signs_nobody_in(browser: Browser, name: str, value: str) -> None:
    parts = urlsplit(browser.leave())
    given = {key: values[0] for key, values in parse_qs(parts.query).items()}
    answer = browser.http.get(parts.path, params={**given, name: value})
    assert answer.status_code == 403
    assert not browser.signed_in


def test_a_code_is_of_no_use_without_what_its_browser_keeps(
    browser: Browser, registry: Origin, provider: Provider
) -> None:
    """A stolen code, put into the thief's own sign-in: PKCE binds it to the browser that it was given to."""
    stolen = parse_qs(urlsplit(browser.leave()).query)["code"][0]
    thief = Browser(registry)
    parts = urlsplit(thief.leave())
    own = {key: values[0] for key, values in parse_qs(parts.query).items()}
    assert thief.http.get(parts.path, params={**own, "code": stolen}).status_code == 403
    assert provider.refused[-1] == "pkce"
    assert not thief.signed_in


@pytest.mark.parametrize("then", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_signing_in_leads_nowhere_else(browser: Browser, then: str) -> None:
    assert browser.sign_in(then).headers["location"] == "/marketplace"


def test_nobody_signs_in_by_an_issuer_that_is_not_for_that(browser: Browser) -> None:
    assert browser.http.get("/marketplace/login", params={"issuer": "https://evil.example"}).status_code == 404


def test_a_session_that_was_changed_is_none(browser: Browser, registry: Origin) -> None:
    browser.sign_in()
    [(name, value)] = dict(browser.http.cookies).items()
    for forged in (value[:-2] + "xx", value.split(".")[0] + ".x.y", ""):
        other = Browser(registry)
        other.http.cookies.set(name, forged)
        assert not other.signed_in


def test_pages_are_neither_framed_nor_kept(browser: Browser) -> None:
    browser.sign_in()
    for path in ("/marketplace", SECURE, f"{SECURE}/procedures/double", "/marketplace/nothing"):
        headers = browser.http.get(path).headers
        assert headers["cache-control"] == "no-store"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-frame-options"] == "DENY"
