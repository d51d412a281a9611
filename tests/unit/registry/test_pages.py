"""The marketplace's pages without a browser: whatever a registry holds stays text, and no page outgrows its reader.

The catalogue shows what a registry could hold at most, with every text of it hostile; tests/browser has the real one.
"""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as some

from seglam.procedures import Request
from seglam.registry.pages import Marketplace
from seglam.registry.pages.catalogue import Document, Place, Signed
from seglam.registry.search import FACETS, Query
from tests.unit.gateway.test_pages import HOSTILE, check_inert, times

PLACED: dict[str, Any] = {"name": "", "origin": "", "namespace": "", "pack": "", "elsewhere": ""}
EXAMPLE = {
    "number": 0,
    "text": "",
    "inputs": [{"name": "", "text": ""}] * 3,
    "context": [{"name": "", "value": ""}] * 3,
    "answer": "",
}
ANSWERS = {"name": "", "summary": "", "returns": "", "examples": [EXAMPLE] * 3, "more": 7}
LISTED = {**PLACED, "description": "", "licence": "", "newest": "", "versions": 3, "created": "", "changed": ""}
CHECK = {"link": "", "passed": False, "words": ""}
SIGNER = {"bundle": "", "mode": "Key", "subject": "", "issuer": "", "time": "", "log_index": 3, "root": ""}
LINK = {
    "name": "",
    "title": "",
    "state": "",
    "said": [""] * 5,
    "signers": [SIGNER] * 16,
    "checks": [CHECK] * 100,
    "unchecked": [""] * 40,
}
STEP = {"name": "", "passed": True, "code": "", "words": "", "detail": {}, "decides": True}
CHANGES = {"added": [""] * 100, "removed": [""] * 100}
CHANGE = {
    "name": "",
    "change": "",
    "before": "",
    "after": "",
    "fields": [""] * 9,
    "patterns": CHANGES,
    "examples": CHANGES,
}
"""A page at its largest, with an empty text where somebody else writes."""


def poisoned(document: Any, text: str) -> Any:
    """The document with a text in the place of every empty one, and its tables as long as the text asks for."""
    if isinstance(document, dict):
        return {key: poisoned(value, text) for key, value in document.items()}
    if isinstance(document, list):
        return [poisoned(each, text) for each in document[: times(len(document), text)]]
    return text if document == "" else document


class Hostile:
    """A catalogue whose every text is one text."""

    def __init__(self, text: str) -> None:
        self.text = text

    def _of(self, document: dict[str, Any]) -> Document:
        shown: Document = poisoned(document, self.text)
        return shown

    def search(self, query: Query, cursor: str | None) -> Document:
        counted = {facet: {self.text + str(number): 3 for number in range(20)} for facet in FACETS}
        return {**self._of({"items": [LISTED] * 20, "next": ""}), "facets": counted}

    def pack(self, place: Place, cursor: str | None) -> Document:
        version = {"version": "", "digest": "", "state": "", "published": ""}
        more = {"publisher": {"issuer": "", "subject": ""}, "since": "", "state": "", "next": "", "more": 9}
        return self._of({**LISTED, **more, "list": [version] * 25, "answers": [ANSWERS] * 12})

    def version(self, place: Place, version: str, after: str | None) -> Document:
        said = {"status": "", "reason": "", "actor": {"issuer": "", "subject": ""}, "at": "", "bundle": ""}
        tests = {
            "result": "",
            "signer": "",
            "engines": [""] * 4,
            "rows": [{"name": "", "gates": [""] * 9}] * 100,
            "more": 3,
        }
        shown = {
            **PLACED,
            "version": "",
            "digest": "",
            "state": "",
            "size": 3,
            "description": "",
            "licence": "",
            "published": "",
            "publisher": {"issuer": "", "subject": ""},
            "requires": [{"name": "", "range": ""}] * 90,
            "statuses": [said] * 40,
            "seen": "",
            "closed": None,
            "links": [LINK] * 7,
            "whole": False,
            "trust": {"policy": "", "allowed": True, "why": "", "steps": [STEP] * 300},
            "held": [{"name": "", "summary": ""}] * 50,
            "count": 2000,
            "next": "",
            "tests": [tests] * 2,
            "readme": "",
        }
        return {**self._of(shown), "lines": {self.text: self.text}}

    def procedure(self, place: Place, version: str, name: str) -> Document:
        shown = {
            **PLACED,
            "version": "",
            "procedure": "",
            "summary": "",
            "patterns": [{"text": "", "language": ""}] * 40,
            "morePatterns": 3,
            "refuse": [""] * 100,
            "parameters": [{"name": "", "type": ""}] * 32,
            "returns": "",
            "code": "",
            "answers": {**ANSWERS, "examples": [EXAMPLE] * 100},
        }
        return {**self._of(shown), "rest": {self.text: self.text}}

    def difference(self, place: Place, before: str, after: str) -> Document:
        shown = {**PLACED, "before": "", "after": "", "description": [["", "", ""]] * 6, "moreProcedures": 3}
        changes = [{**CHANGE, "code": [""] * 900}] * 100
        return self._of({**shown, "procedures": changes, "files": [{"path": "", "change": ""}] * 100})

    def example(self, place: Place, version: str, name: str, number: int) -> Request:
        return Request(text=self.text)

    def attempt(self, place: Place, version: str, request: Request) -> Document:
        answered = self._of({"outcome": "", "explanation": "", "answer": "", "procedure": ""})
        return {**answered, "arguments": {self.text: self.text}}

    def decide(self, place: Place, version: str, who: Signed, decision: str, reason: str, seen: str) -> None:
        raise AssertionError("nobody is signed in")


CATALOGUE = Hostile("")
APP = Marketplace(CATALOGUE).app()  # once: templates are read once by a registry, too


def ask(text: str, method: str, path: str, **more: Any) -> httpx2.Response:
    CATALOGUE.text = text

    async def send() -> httpx2.Response:
        transport = httpx2.ASGITransport(APP)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path, **more)

    return asyncio.run(send())


VERSION = "/marketplace/packs/acme/basics/versions/1.0.0"
PAGES = (
    "/marketplace",
    "/marketplace/packs/acme/basics",
    VERSION,
    f"{VERSION}/procedures/double",
    "/marketplace/packs/acme/basics/difference?before=1&after=2",
)


def check_every_page(text: str) -> None:
    for path in PAGES:
        answer = ask(text, "GET", path)
        assert answer.status_code == 200, path
        check_inert(answer, text)
    for headers in ({}, {"HX-Request": "true"}):
        check_inert(ask(text, "POST", f"{VERSION}/trials", data={"example": "double:0"}, headers=headers), text)


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:12]))
def test_hostile_text_in_every_field_is_inert(text: str) -> None:
    check_every_page(text)


@settings(
    max_examples=2, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck), deadline=None
)
@given(some.text(some.characters(exclude_categories=["Cs"]), min_size=1, max_size=60))
def test_any_text_is_inert(text: str) -> None:
    check_every_page(text)


@pytest.mark.parametrize("text", ["\u202e<b>", "\u200b", "é\u00a0"], ids=["directions", "nothing", "blanks"])
def test_what_a_reader_typed_is_shown_as_it_is(text: str) -> None:
    answer = ask("plain", "GET", "/marketplace", params={"q": text, "licence": text})
    assert answer.status_code == 200
    check_inert(answer, text)
