"""What the marketplace's pages show, as plain documents, from what the API answers with."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from secrets import token_hex
from time import time
from typing import Any, Protocol

import yaml
from sqlmodel import Session, col, select

from seglam.packs.chain import Chain
from seglam.packs.names import PackName, Release
from seglam.packs.pack import Pack
from seglam.packs.trust.predicates import TestResult
from seglam.packs.versions import Version as PackVersion
from seglam.procedures import ReasoningProcedure, Request, request_of
from seglam.registry import provenance, search
from seglam.registry.access import Identity, tokens
from seglam.registry.access.issuers import Verified
from seglam.registry.api import conditions, decisions, looking
from seglam.registry.api.credentials import allowed
from seglam.registry.api.packs import named, version_document, version_row, version_tag
from seglam.registry.api.parts import Parts
from seglam.registry.pages.importing import lines
from seglam.registry.tables import NamespaceRow, PackRow, VersionRow, VersionState
from seglam.registry.trusting import trust_of
from seglam.web import Problem

Document = Mapping[str, Any]
_SAID: Mapping[str, decisions.Said] = {"yank": "yanked", "quarantine": "quarantined", "restore": "restored"}
_REASON = re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,1024}")
PACKS, VERSIONS, PROCEDURES = 20, 25, 50
"""Rows of one page."""
ANSWERS, EXAMPLES = 12, 3
"""Procedures and examples of each that a pack's page offers to try."""
MOST_ROWS = 100
"""Of the tables that have no next page; the archive has all of them."""


@dataclass(frozen=True, slots=True)
class Place:
    """A pack as an address names it; `origin` is None for this registry's own."""

    namespace: str
    pack: str
    origin: str | None = None


class Signed(Protocol):
    """Who signed in (`seglam.web.pages.Session`)."""

    @property
    def issuer(self) -> str: ...
    @property
    def user(self) -> str: ...
    @property
    def account(self) -> str: ...


class Catalogue(Protocol):
    """Its methods block. Each raises `Problem` where the API does."""

    def search(self, query: search.Query, cursor: str | None) -> Document:
        """Packs that match, with the facets of all that do."""

    def pack(self, place: Place, cursor: str | None) -> Document:
        """A pack: what its newest version answers, who publishes it, its versions."""

    def version(self, place: Place, version: str, after: str | None) -> Document:
        """A version: provenance checked now, procedures, tests, and how to import it."""

    def procedure(self, place: Place, version: str, name: str) -> Document:
        """One procedure of a version."""

    def difference(self, place: Place, before: str, after: str) -> Document:
        """What changed."""

    def example(self, place: Place, version: str, name: str, number: int) -> Request:
        """The request of an example."""

    def attempt(self, place: Place, version: str, request: Request) -> Document:
        """A trial."""

    def decide(self, place: Place, version: str, who: Signed, decision: str, reason: str, seen: str) -> None:
        """Yank, quarantine or restore a version as whoever signed in.

        Args:
            seen: the version's entity tag as its page had it.
        """


class RegistryCatalogue:
    """The catalogue of a registry."""

    def __init__(self, here: Parts) -> None:
        self._here = here

    def search(self, query: search.Query, cursor: str | None) -> Document:
        """See `Catalogue`."""
        after = conditions.position(cursor, int, str)
        with self._here.database.read() as session:
            hits = search.find(session, query, (int(after[0]), str(after[1])) if after else None, PACKS + 1)
            facets = search.count(session, query)
        more = conditions.cursor(hits[PACKS - 1].score, hits[PACKS - 1].row.name) if len(hits) > PACKS else None
        return {"items": [self._listed(hit.row) for hit in hits[:PACKS]], "facets": facets, "next": more}

    def pack(self, place: Place, cursor: str | None) -> Document:
        """See `Catalogue`."""
        name = self._name(place)
        after = conditions.position(cursor, str)
        asked = select(VersionRow).where(VersionRow.name == str(name)).order_by(col(VersionRow.position).desc())
        if after is not None:
            asked = asked.where(VersionRow.position < str(after[0]))
        with self._here.database.read() as session:
            row = session.get(PackRow, str(name))
            if row is None:
                raise Problem(404, "unknown-pack", f"there is no pack {name}")
            rows = session.exec(asked.limit(VERSIONS + 1)).all()
            space = session.get(NamespaceRow, (name.origin, name.namespace))
            newest = session.get(VersionRow, (row.name, row.newest))
            held = self._held(session, newest)
        return {
            **self._listed(row),
            "publisher": _publisher(newest),
            "since": space.created if space is not None else row.created,
            "state": newest.state if newest is not None else VersionState.DELETED,
            "list": [
                {"version": each.version, "digest": each.digest, "state": each.state, "published": each.published}
                for each in rows[:VERSIONS]
            ],
            "next": conditions.cursor(rows[VERSIONS - 1].position) if len(rows) > VERSIONS else None,
            "answers": [_answers(each) for each in held[:ANSWERS]],
            "more": max(0, len(held) - ANSWERS),
        }

    def version(self, place: Place, version: str, after: str | None) -> Document:
        """See `Catalogue`."""
        name = self._name(place, version)
        with self._here.database.read() as session:
            row = version_row(session, name, version)
            shown = version_document(session, row).model_dump(mode="json", by_alias=True)
        common = {**self._placed(name), **shown, "seen": version_tag(row), "closed": None}
        if row.state == VersionState.QUARANTINED:
            return {**common, "closed": "Its content is shown to nobody while it is quarantined."}
        row, found, roots = looking.examined(self._here, name, version)
        pack = found.packed.pack
        names = [each.metadata.name for each in pack.procedures()]
        begin = next((number for number, each in enumerate(names) if after is None or each > after), len(names))
        some = pack.procedures()[begin : begin + PROCEDURES]
        return {
            **common,
            "links": [each.document() for each in provenance.links(found, row)],
            "whole": found.whole,
            "trust": self._trust(found, roots, name),
            "lines": dict(lines(self._here.settings.url, self._here.origin, name, version)),
            "held": [{"name": each.metadata.name, "summary": each.spec.summary} for each in some],
            "count": len(names),
            "next": some[-1].metadata.name if begin + PROCEDURES < len(names) else None,
            "tests": _tests(found),
            "readme": _readme(pack),
        }

    def procedure(self, place: Place, version: str, name: str) -> Document:
        """See `Catalogue`."""
        at, document = self._procedure(place, version, name)
        spec = document.spec
        shown = spec.model_dump(mode="json", by_alias=True, exclude_none=True)
        patterns, refusals = spec.match.patterns or [], spec.match.refuse or []
        return {
            **self._placed(at),
            "version": version,
            "procedure": document.metadata.name,
            "summary": spec.summary,
            "patterns": [{"text": each.text, "language": each.language} for each in patterns[:MOST_ROWS]],
            "morePatterns": max(0, len(patterns) - MOST_ROWS),
            "refuse": [str(each) for each in refusals[:MOST_ROWS]],
            "parameters": [{"name": each.name, "type": each.type} for each in spec.parameters or ()],
            "returns": spec.returns.type,
            "code": spec.code,
            "answers": _answers(document, MOST_ROWS),
            "rest": {
                key: yaml.safe_dump(value, sort_keys=False, width=100)
                for key, value in shown.items()
                if key not in ("summary", "code", "examples", "parameters")
            },
        }

    def difference(self, place: Place, before: str, after: str) -> Document:
        """See `Catalogue`."""
        name = self._name(place)
        found = looking.compared(self._here, name, before, after)
        return {
            **self._placed(name),
            "before": before,
            "after": after,
            "description": [list(each) for each in found.description],
            "procedures": [asdict(each) for each in found.procedures[:MOST_ROWS]],
            "moreProcedures": max(0, len(found.procedures) - MOST_ROWS),
            "files": [asdict(each) for each in found.files[:MOST_ROWS]],
        }

    def example(self, place: Place, version: str, name: str, number: int) -> Request:
        """See `Catalogue`."""
        _, document = self._procedure(place, version, name)
        examples = document.spec.examples or []
        if not 0 <= number < len(examples):
            raise Problem(404, "http", f"{name} has no example {number}")
        return request_of(examples[number])

    def attempt(self, place: Place, version: str, request: Request) -> Document:
        """See `Catalogue`."""
        return asdict(looking.attempt(self._here, self._name(place, version), version, request))

    def decide(self, place: Place, version: str, who: Signed, decision: str, reason: str, seen: str) -> None:
        """See `Catalogue`."""
        said = _SAID.get(decision)
        if said is None or not _REASON.fullmatch(reason):
            raise Problem(422, "invalid", "choose what is to be done, and give a reason of 1 to 1024 characters")
        if place.origin not in (None, self._here.origin):
            raise Problem(403, "wrong-origin", "what is mirrored is decided on at its origin")
        name = self._name(place, version)
        with self._here.database.read() as session:
            needed = decisions.scope_of(said, version_row(session, name, version).state)
        # As if an identity token of theirs had come to the API: the same member, the same account, the same scopes.
        identity = Verified(Identity(who.issuer, who.user), who.account or None, token_hex(16), int(time()) + 60)
        principal = self._here.database.transact(
            lambda session: tokens.acting(session, self._here.rules, identity, name.namespace)
        )
        if isinstance(principal, Problem):
            raise principal
        allowed(principal, name.namespace, needed)

        def check(tag: str) -> None:
            if tag != seen:
                raise Problem(412, "changed", "it has changed since; read it again and decide anew")

        target = Release(name, PackVersion.parse(version))
        decisions.decide(self._here, target, principal, said, reason, check)

    def _name(self, place: Place, version: str | None = None) -> PackName:
        return named(self._here, place.origin, place.namespace, place.pack, version)

    def _procedure(self, place: Place, version: str, name: str) -> tuple[PackName, ReasoningProcedure]:
        at = self._name(place, version)
        _, pack = looking.read(self._here, at, version)
        for document in pack.procedures():
            if document.metadata.name == name:
                return at, document
        raise Problem(404, "http", f"{at}@{version} has no procedure {name[:100]!r}")

    def _held(self, session: Session, row: VersionRow | None) -> Sequence[ReasoningProcedure]:
        """The procedures of a version; none of one that is not shown."""
        if row is None or row.state not in (VersionState.AVAILABLE, VersionState.YANKED):
            return ()
        return self._here.shelf.pack(session, row).procedures()

    def _trust(self, found: Chain, roots: Sequence[Any], name: PackName) -> Document:
        try:
            made = trust_of(found, roots, self._here.settings.url, self._here.index_root(name.origin))
        except Problem as problem:
            return {"policy": None, "why": problem.detail}
        steps = [each.document() for each in made.decision.steps]
        policy = yaml.safe_dump(made.policy, sort_keys=False, width=100)
        return {"policy": policy, "allowed": made.decision.allowed, "why": made.decision.words, "steps": steps}

    def _placed(self, name: PackName) -> dict[str, Any]:
        own = name.origin == self._here.origin
        return {
            "name": str(name),
            "origin": name.origin,
            "namespace": name.namespace,
            "pack": name.pack,
            "elsewhere": None if own else name.origin,
        }

    def _listed(self, row: PackRow) -> dict[str, Any]:
        return {
            **self._placed(PackName(row.origin, row.namespace, row.pack)),
            "description": row.description,
            "licence": row.licence,
            "newest": row.newest,
            "versions": row.versions,
            "created": row.created,
            "changed": row.changed,
        }


def _publisher(row: VersionRow | None) -> Mapping[str, str] | None:
    return {"issuer": row.publisher_issuer, "subject": row.publisher_subject} if row is not None else None


def _answers(document: ReasoningProcedure, most: int = EXAMPLES) -> Document:
    """A procedure with what it can be asked."""
    spec = document.spec
    examples = spec.examples or []
    return {
        "name": document.metadata.name,
        "summary": spec.summary,
        "returns": spec.returns.type,
        "examples": [
            {
                "number": number,
                "text": each.request if each.request is not None else each.value,
                "inputs": [{"name": one.name, "text": one.text} for one in each.inputs or ()],
                "context": [{"name": one.name, "value": one.value} for one in each.context or ()],
                "answer": each.answer,
            }
            for number, each in enumerate(examples[:most])
        ],
        "more": max(0, len(examples) - most),
    }


def _tests(found: Chain) -> list[Document]:
    """What the registry's tests found, by what was tested."""
    shown: list[Document] = []
    for each, result in found.of(TestResult):
        listed = [(text, "passed") for text in result.passed_tests]
        listed = [(text, "failed") for text in result.failed_tests] + listed
        tested: dict[str, list[str]] = {}
        for text, outcome in listed:
            procedure, _, gate = text.partition(": ")
            tested.setdefault(procedure, []).append(f"{gate or 'test'} {outcome}")
        rows = [{"name": name, "gates": gates} for name, gates in tested.items()]
        shown.append(
            {
                "result": result.result,
                "signer": each.signature.words if each.signature is not None else "",
                "engines": [one.digest.sha256 for one in result.configuration if one.name.startswith("engine:")],
                "rows": rows[:MOST_ROWS],
                "more": max(0, len(rows) - MOST_ROWS),
            }
        )
    return shown


def _readme(pack: Pack) -> str | None:
    return pack.file("README.md").decode("utf-8", "replace") if "README.md" in pack.paths() else None
