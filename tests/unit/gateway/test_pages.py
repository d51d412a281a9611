"""The console's pages without a browser: who may see and send what, and that whatever they are given stays text.

The desk is a double, so that every field can be hostile; tests/browser has the real one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as some

from seglam.gateway.access import Caller
from seglam.gateway.answers.curve import Slice, Traffic
from seglam.gateway.pages import Console
from seglam.gateway.pages.board import Overview
from seglam.gateway.pages.embedded import shown as shown_of
from seglam.gateway.pages.people import Neighbours
from seglam.gateway.pages.showing import Proposal
from seglam.gateway.savings import PriceList, savings
from seglam.gateway.trying import Side, Trial
from seglam.procedures import Request
from seglam.web import Problem
from seglam.web.pages import LocalTokens, Sessions

KEY = b"k" * 32
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "<svg onload=alert(1)>",
    "[click](javascript:alert(1))",
    "{{ 7 * 7 }}{% raw %}",
    "</textarea></pre><script>",
    "safe\u202egpj.exe\u2066",
    "zero\u200bwidth\ufeff\u00ad",
    "\x00\x1b[31m",
    "x" * (1 << 20),
)
LARGE = frozenset({HOSTILE[0], HOSTILE[-1]})
"""Texts with which tables are as long as they may be: the others are as hostile in three rows."""


def times(most: int, text: str) -> int:
    """How many rows a table has."""
    return most if text in LARGE else 3


def revision(text: str, **changes: Any) -> dict[str, Any]:
    """A revision as the API shows it, with a text in every field that somebody else writes."""
    document = {
        "apiVersion": "seglam.dev/v1alpha1",
        "kind": "ReasoningProcedure",
        "metadata": {"name": "doubled"},
        "spec": {
            "summary": (text[:200] or "x"),
            "parameters": [{"name": "n", "type": "integer"}],
            "returns": {"type": "integer"},
            "match": {"patterns": [{"text": "double {n}"}]},
            "code": f"def solve(n):\n    return 2 * n  # {text[:2000]!r}\n",
        },
    }
    evidence = [
        {
            "gate": text,
            "passed": False,
            "summary": text,
            "detail": {text: text, "contrasts": [{"at": text, "pair": [text, text], "verdict": text}], "list": [text]},
        },
        {
            "gate": "match",
            "passed": True,
            "summary": text,
            "detail": {
                "contrasts": [{"at": text, "pair": [text] * 2, "verdict": text}] * times(500, text),
                "yielded": [{"pattern": 0, "removed": text, "witness": text, "elder": text}] * times(200, text),
            },
        },
        {
            "gate": "differential",
            "passed": True,
            "summary": text,
            "detail": {"readings": [{"reading": text, "fixedBy": text}]},
        },
    ]
    return {
        "digest": "sha256:" + "a" * 64,
        "name": text,
        "state": "Proposed",
        "origin": text,
        "authors": [text, "mallory"],
        "replaces": None,
        "created": text,
        "changed": text,
        "traceId": text,
        "summary": text,
        "evidence": evidence,
        "document": document,
        "reviews": [{"reviewer": text, "decision": text, "reason": text, "at": text, "traceId": None}],
        "compilation": {
            "request": {"text": text, "inputs": {text: {"mediaType": text, "text": text}}, "context": {text: text}},
            "arguments": {text: text},
            "answer": text,
            "evidence": evidence,
        },
        "health": {
            "checks": {"agreed": 3, "wrong": 1, "undecided": 0, "unverifiable": 0},
            "shadow": {"agreed": 3, "differed": 1, "alone": 2, "failed": 0},
            "counterexamples": {text: 1},
        },
        **changes,
    }


def followed(text: str) -> dict[str, Any]:
    """What stands behind an answer, as the API shows it."""
    where = {"trace_id": text, "span_id": text}
    made = {"id": text, "outcome": text, "progress": text, "created": text, "finished": text,
            "requester": text, "reason": text, "digest": text, **where}  # fmt: skip
    call = {"role": text, "purpose": text, "model": text, "prompt_digest": text, "recording": text, "error": text}
    statement = {
        "predicate": text, "verified": False, "words": text, "trustRoot": text, "signer": text, "issuer": text,
        "time": text, "logIndex": 3, "bundle": text,
    }  # fmt: skip
    names = ("id", "at", "source", "outcome", "reason", "procedure", "near", "compilation", "traceId", "spanId")
    said = {"release": text, "digest": text, "importer": text, "policy": text, "approval": text, "at": text, **where}
    return {
        "answer": dict.fromkeys(names, text),
        "revision": {
            "digest": text, "name": text, "state": text, "origin": text, "authors": [text], "created": text, **where
        },
        "compilation": {**made, "calls": [call] * times(40, text), "gates": [{"gate": text, "passed": False}] * 2},
        "reviews": [{"reviewer": text, "decision": text, "reason": text, "at": text, **where}] * 2,
        "imports": [said] * 2,
        "packs": [{"release": text, "digest": text, "statements": [statement] * times(40, text)}] * 2,
        "checks": [{"link": text, "passed": False, "words": text}] * times(100, text),
        "whole": False,
    }  # fmt: skip


class Hostile:
    """A desk and a board whose every text is one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.decided: list[tuple[str, ...]] = []

    async def waiting(self, who: Caller, after: str | None) -> Mapping[str, Any]:
        return {"reviews": [revision(self.text)] * 3, "waiting": 100_000, "next": self.text}

    async def proposal(self, who: Caller, digest: str) -> Proposal:
        if digest == "none":
            raise Problem(404, "unknown-revision", self.text)
        return shown_of(revision(self.text), None, who.requester)

    async def decide(self, who: Caller, digest: str, decision: str, reason: str) -> None:
        self.decided.append((who.tenant, digest, who.requester, decision, reason))

    async def attempt(self, who: Caller, digest: str, request: Request) -> Trial:
        side = Side("hit", self.text, self.text, self.text, {self.text: self.text})
        return Trial(side, side)

    async def traffic(self, who: Caller) -> Traffic:
        near = {self.text: [(self.text, 3)]}
        return Traffic([Slice("2026-01-01T00:00:00Z", 3, 2, 1)], {self.text: 1}, {self.text: 1}, near)

    async def overview(self, who: Caller) -> Overview:
        totals = {("2026-01-01", self.text, "hits"): 2}
        work = dict.fromkeys(("id", "progress", "outcome", "message", "revision", "created"), self.text)
        negative = dict.fromkeys(("fingerprint", "reason", "model", "expires"), self.text)
        health = {
            "procedure": self.text,
            "revision": self.text,
            "state": self.text,
            **revision(self.text)["health"],
            "budget": {"allowed": 0.01, "bound": None, "spent": True},
        }
        many = times(20, self.text)
        return Overview(
            await self.traffic(who),
            savings(totals, PriceList()),
            {"atWork": [work] * many, "last": [work] * many},
            {"negatives": [negative] * many, "count": 100},
            1,
            [health] * many,
            0.01,
            [self.text] * 3,
        )

    async def answer(self, who: Caller, identity: str) -> Mapping[str, Any]:
        if identity == "none":
            raise Problem(404, "unknown-answer", self.text)
        return followed(self.text)


class Read(HTMLParser):
    """What a browser would make of a page: its elements with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))


class Visitor:
    """A client of the pages; `cookies` are kept as a browser keeps them."""

    tokens = LocalTokens(KEY)
    desk = Hostile("plain")
    transport = httpx2.ASGITransport(Console(desk, desk, Neighbours(Sessions(KEY, secure=False), tokens)).app())
    """Once: a service reads its templates once, too."""

    def __init__(self, text: str = "plain") -> None:
        self.desk.text = text
        self.desk.decided.clear()
        self.cookies: dict[str, str] = {}

    def ask(self, method: str, path: str, **more: Any) -> httpx2.Response:
        async def send() -> httpx2.Response:
            async with httpx2.AsyncClient(
                transport=self.transport, base_url="http://localhost", cookies=self.cookies
            ) as client:
                return await client.request(method, path, **more)

        answer = asyncio.run(send())
        self.cookies.update(answer.cookies)
        return answer

    def sign_in(self, name: str = "ada", then: str = "") -> httpx2.Response:
        return self.ask("POST", "/console/enter", data={"token": self.tokens.new(), "name": name, "then": then})

    def csrf(self) -> str:
        page = Read(self.ask("GET", "/console").text)
        return next(str(attrs["value"]) for tag, attrs in page.elements if attrs.get("name") == "csrf")


@pytest.fixture
def visitor() -> Visitor:
    return Visitor()


PAGES = (
    "/console",
    "/console/operations",
    "/console/answers",
    "/console/answers?id=aa",
    "/console/answers?id=none",
    "/console/revisions/sha256:aa",
    "/console/revisions/none",
)
OURS = frozenset({"htmx.min.js", "pages.css"})


def check_inert(answer: httpx2.Response, text: str, most: int = 300_000) -> None:
    """Only elements, attributes and addresses of our own templates."""
    page = Read(answer.text)
    for tag, attributes in page.elements:
        assert tag not in ("img", "svg", "iframe", "object", "embed", "style", "base") or attributes.get("src") == (
            "/console/operations/curve.svg"
        )
        assert not [name for name in attributes if name.startswith("on") or name == "style" or name == "srcdoc"]
        if tag == "script":
            assert str(attributes["src"]).rpartition("/")[2] in OURS
        assert not [
            name for name, value in attributes.items() if name != "class" and "hidden-character" in (value or "")
        ]
        for name in ("href", "src", "srcset", "action", "hx-post"):
            address = attributes.get(name)
            assert address is None or address.startswith(("/", "#")), address
            assert address is None or not address.startswith("//")
    for hidden in "\u202e\u2066\u200b\ufeff\u00ad\x00\x1b":
        assert hidden not in answer.text
    assert "49" not in answer.text or "{{ 7 * 7 }}" not in text
    assert len(answer.content) < most


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:12]))
def test_hostile_text_in_every_field_is_inert(text: str) -> None:
    visitor = Visitor(text)
    visitor.sign_in()
    for path in PAGES:
        check_inert(visitor.ask("GET", path), text)
    form = {"csrf": visitor.csrf(), "text": "double 2"}
    for headers in ({}, {"HX-Request": "true"}):
        check_inert(visitor.ask("POST", "/console/revisions/x/trials", data=form, headers=headers), text)


@settings(max_examples=10, phases=[Phase.explicit, Phase.generate], suppress_health_check=[HealthCheck.too_slow])
@given(some.text(some.characters(exclude_categories=["Cs"]), max_size=60))
def test_any_text_is_inert(text: str) -> None:
    visitor = Visitor(text)
    visitor.sign_in()
    for path in PAGES:
        check_inert(visitor.ask("GET", path), text)


@pytest.mark.parametrize("path", [*PAGES, "/console/operations/curve.svg"])
def test_nothing_is_shown_to_strangers(visitor: Visitor, path: str) -> None:
    answer = visitor.ask("GET", path)
    assert answer.status_code == 401
    assert "plain" not in answer.text
    visitor.cookies["seglam"] = "forged.value.here"
    assert visitor.ask("GET", path).status_code == 401


def test_each_page_says_that_it_is_not_kept_framed_or_scripted(visitor: Visitor) -> None:
    visitor.sign_in()
    for path in (*PAGES, "/console/enter", "/console/nothing"):
        headers = visitor.ask("GET", path).headers
        assert headers["cache-control"] == "no-store"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
    drawn = {}
    for scheme in ("light", "dark"):
        picture = visitor.ask("GET", f"/console/operations/curve.svg?scheme={scheme}")
        assert "<script" not in picture.text
        assert "sandbox" in picture.headers["content-security-policy"]
        drawn[scheme] = picture.text
    assert "#0d1117" in drawn["dark"] and "#0d1117" not in drawn["light"]


def test_assets_are_named_by_what_they_hold(visitor: Visitor) -> None:
    sheet = next(
        attrs["href"]
        for tag, attrs in Read(visitor.ask("GET", "/console/enter").text).elements
        if tag == "link" and attrs["rel"] == "stylesheet"
    )
    answer = visitor.ask("GET", str(sheet))
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    assert visitor.ask("GET", "/assets/0000/pages.css").status_code == 404
    assert visitor.ask("GET", "/assets/0000/../../secrets").status_code == 404


@pytest.mark.parametrize(
    "then", ["//evil.example/x", "https://evil.example", "/\\evil.example", "javascript:alert(1)", ""]
)
def test_signing_in_leads_nowhere_else(visitor: Visitor, then: str) -> None:
    answer = visitor.sign_in(then=then)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console")


def test_signing_in_leads_to_where_one_was(visitor: Visitor) -> None:
    asked = visitor.ask("GET", "/console/revisions/sha256:aa")
    then = next(attrs["value"] for tag, attrs in Read(asked.text).elements if attrs.get("name") == "then")
    assert visitor.sign_in(then=str(then)).headers["location"] == "/console/revisions/sha256:aa"


def test_a_token_lets_in_once(visitor: Visitor) -> None:
    form = {"token": visitor.tokens.new(), "name": "ada"}
    assert visitor.ask("POST", "/console/enter", data=form).status_code == 303
    visitor.cookies.clear()
    again = visitor.ask("POST", "/console/enter", data=form)
    assert again.status_code == 403
    assert "set-cookie" not in again.headers


@pytest.mark.parametrize("name", ["", "  ", "x" * 201, "a\u202eb", "a\nb"])
def test_a_name_that_cannot_be_read_signs_nobody_in(visitor: Visitor, name: str) -> None:
    assert visitor.sign_in(name).status_code == 400
    assert visitor.cookies == {}


FORM = {"decision": "approve", "reason": "read"}
DECIDE = "/console/revisions/sha256:aa/decisions"


def test_a_decision_is_the_readers_own(visitor: Visitor) -> None:
    visitor.sign_in("ada")
    answer = visitor.ask("POST", DECIDE, data={**FORM, "csrf": visitor.csrf(), "reviewer": "bob"})
    assert answer.status_code == 303
    assert visitor.desk.decided == [("default", "sha256:aa", "ada", "approve", "read")]


def test_a_form_that_is_not_ours_decides_nothing(visitor: Visitor) -> None:
    visitor.sign_in()
    csrf = visitor.csrf()
    other = Visitor()
    other.sign_in("eve")
    for form, headers, status in (
        (FORM, {}, 403),
        ({**FORM, "csrf": "wrong"}, {}, 403),
        ({**FORM, "csrf": other.csrf()}, {}, 403),
        ({**FORM, "csrf": csrf}, {"Sec-Fetch-Site": "cross-site"}, 403),
        ({**FORM, "csrf": csrf}, {"Sec-Fetch-Site": "same-site"}, 403),
        ({**FORM, "csrf": csrf}, {"Content-Type": "text/plain"}, 415),
        ({**FORM, "csrf": csrf, "reason": "x" * 200_000}, {}, 413),
        ({**FORM, "csrf": csrf, "reason": " "}, {}, 400),
    ):
        assert visitor.ask("POST", DECIDE, data=form, headers=headers).status_code == status, (form, headers)
    assert visitor.ask("GET", DECIDE).status_code == 405
    assert visitor.desk.decided == []


@pytest.mark.parametrize(
    ("state", "may", "own"),
    [
        ("Proposed", {"reject", "quarantine"}, {"approve"}),
        ("Active", {"quarantine", "retire"}, set()),
        ("Retired", {"quarantine"}, {"approve"}),
        ("Quarantined", set(), {"restore"}),
        ("Rejected", set(), set()),
    ],
)
def test_a_page_offers_what_may_be_decided(state: str, may: set[str], own: set[str]) -> None:
    """What four eyes keep an author from is shown and cannot be pressed, however the name is written."""
    for reader, barred in (("ada", set()), (" MALLORY", own)):
        shown = shown_of(revision("plain", state=state), None, reader)
        assert {each.decision for each in shown.choices} == may | own
        assert {each.decision for each in shown.choices if each.barred} == barred


def test_signing_out_ends_the_cookie(visitor: Visitor) -> None:
    visitor.sign_in()
    answer = visitor.ask("POST", "/console/leave", data={"csrf": visitor.csrf()})
    assert 'seglam=""' in answer.headers["set-cookie"]
    assert "max-age=0" in answer.headers["set-cookie"].lower()
