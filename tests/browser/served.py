"""A service with its console, on which one miss was compiled from recordings and waits for its review."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from seglam.gateway import Service
from seglam.gateway.pages import Console
from seglam.gateway.pages.embedded import EmbeddedBoard, EmbeddedDesk
from seglam.gateway.pages.people import Neighbours
from seglam.procedures import ReasoningProcedure
from seglam.web.pages import LocalTokens, Sessions
from tests.services import listening, running

ROOT = Path(__file__).resolve().parents[2]
KEY = b"a key of these tests, 32 bytes long"
KOREA = "What is the capital of Korea?"


@dataclass(frozen=True)
class Served:
    """A service with its console.

    Attributes:
        asked: id of the request that was compiled.
    """

    service: Service
    tokens: LocalTokens
    http: httpx2.Client
    asked: str

    @property
    def url(self) -> str:
        return str(self.http.base_url).rstrip("/")

    @property
    def digest(self) -> str:
        """What was compiled, whatever has been decided on it."""
        [made] = [row for row in self.service.tenant().store.revisions() if row.origin == "compilation"]
        return made.digest


@contextmanager
def serving(directory: Path, documents: Sequence[ReasoningProcedure] = ()) -> Iterator[Served]:
    """The service, with its data in a directory, and with procedures that it serves besides."""
    choices = tuple(
        line.strip()
        for line in (ROOT / "examples/choices.txt").read_text().splitlines()
        if line.strip() and line[0] != "#"
    )
    with running(directory, documents=documents, recordings=ROOT / "examples/recordings", choices=choices) as service:
        tokens = LocalTokens(KEY)
        people = Neighbours(Sessions(KEY, secure=False), tokens)
        console = Console(EmbeddedDesk(service), EmbeddedBoard(service), people)
        with listening(service, console.beside) as client:
            asked = {"text": KOREA, "context": {"locale": "en-US"}}
            told = client.post("/v1/requests", json=asked, headers={"Prefer": "wait=200", "Seglam-User": "mallory"})
            assert told.json()["outcome"] == "provisional", told.text
            yield Served(service, tokens, client, told.json()["id"])
