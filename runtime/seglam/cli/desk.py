"""Where revisions are looked at and decided on: the store of a data directory, a running server, or a cluster.

All give the same JSON: a revision is `{"digest", "name", "state", "origin", "authors", "replaces", "created",
"document", "evidence", "calls", "reviews"}`, in a list without the last four and with its summary. A cluster's has no
origin and no calls, and besides `namespace`, `review`, `gates`, `engines`, `conditions` and `previous`: the document
that is served.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from seglam.cli import client
from seglam.cli.choosing import chosen
from seglam.cli.cluster import ClusterDesk, Place
from seglam.cli.exits import CliError, Exit
from seglam.cli.opening import report, settings_of, split, store

if TYPE_CHECKING:
    from seglam.gateway.reviewing import Reviews
    from seglam.gateway.store import EvidenceRow, RevisionRow, Store

Json = dict[str, Any]


class Desk(Protocol):
    """What a reviewer needs."""

    def revisions(self, everything: bool) -> list[Json]:
        """Revisions that wait for a decision, or those in every state."""

    def revision(self, digest: str) -> Json:
        """One revision by its digest, the digest's first characters, or its procedure's name."""

    def decide(self, digest: str, reviewer: str | None, decision: str, reason: str) -> Json:
        """Take a decision; the revision as it is then. `reviewer` is who decides, where the desk does not know."""


@contextmanager
def desk(server: str | None, data_dir: Path | None, place: Place) -> Iterator[Desk]:
    """The desk of a server or a data directory if one is named, that of a cluster if one is meant, else the store's."""
    if place != Place() and (server is not None or data_dir is not None):
        raise CliError("a cluster and a store or server are named", "name one of them", Exit.USAGE)
    if place.meant and server is None and data_dir is None:
        yield ClusterDesk(place)
        return
    if server is not None:
        yield ServerDesk(server)
        return
    with store(data_dir) as opened:
        yield StoreDesk(opened, settings_of(data_dir=data_dir).data_dir)


class StoreDesk:
    """The store itself; nobody else may have it open."""

    def __init__(self, opened: Store, data_dir: Path) -> None:
        self._store = opened
        self._data_dir = data_dir

    def revisions(self, everything: bool) -> list[Json]:
        """See `Desk`."""
        from seglam.gateway.store import State, document_of

        rows = self._store.revisions(None if everything else State.PROPOSED)
        return [{**_brief(row), "summary": document_of(row).spec.summary} for row in rows]

    def revision(self, digest: str) -> Json:
        """See `Desk`."""
        from seglam.gateway.health.report import counts

        row = find(self._store, digest)
        evidence = self._store.evidence(row.compilation) if row.compilation else []
        calls = self._store.calls(row.compilation) if row.compilation else []
        return {
            **_brief(row),
            "document": json.loads(row.document),
            "evidence": [evidence_as_json(each) for each in evidence],
            "calls": [call.model_dump(exclude={"compilation", "number"}) for call in calls],
            "reviews": [
                {"reviewer": each.reviewer, "decision": each.decision, "reason": each.reason, "at": each.at}
                for each in self._store.reviews(row.digest)
            ],
            "health": counts(self._store, row.digest),
        }

    def decide(self, digest: str, reviewer: str | None, decision: str, reason: str) -> Json:
        """See `Desk`."""
        who, row = _named(reviewer), find(self._store, digest)
        from seglam.gateway.reviewing import decision_of

        with self._reviews() as reviews:
            reviews.decide(row.digest, who, decision_of(decision), reason)
        return self.revision(row.digest)

    def rollback(self, name: str, target: str | None, reviewer: str | None, reason: str) -> Json:
        """Serve an older revision of a procedure again; that revision. By default the one that was retired last."""
        who = _named(reviewer)
        with self._reviews() as reviews:
            row, _ = reviews.rollback(name, target, who, reason)
        return self.revision(row.digest)

    @contextmanager
    def _reviews(self) -> Iterator[Reviews]:
        from seglam.gateway.catalog import Catalog
        from seglam.gateway.packs.admission import Admission
        from seglam.gateway.reviewing import Reviews
        from seglam.gateway.store import ReviewRefused

        admission = Admission(self._store, self._data_dir, os.environ)
        catalog = Catalog(self._store, admission.refused)
        catalog.load(report)  # what is approved may overlap with nothing that is served
        try:
            yield Reviews(self._store, catalog, report=report)
        except ReviewRefused as refused:
            raise split(str(refused), "see `seglam review show`", Exit.NEGATIVE) from refused


class ServerDesk:
    """A server's API."""

    def __init__(self, server: str) -> None:
        self._server = server

    def revisions(self, everything: bool) -> list[Json]:
        """See `Desk`."""
        if everything:
            raise CliError(
                "a server lists only what waits", "leave --all out, or stop it and use the store", Exit.USAGE
            )
        waiting: list[Json] = []
        then: str | None = ""
        while then is not None:
            found = client.get(self._server, "/v1/reviews" + (f"?after={then}" if then else ""))
            waiting += found["reviews"]
            then = found.get("next")
        return waiting

    def revision(self, digest: str) -> Json:
        """See `Desk`."""
        found = client.get(self._server, f"/v1/revisions/{self._whole(digest)}")
        compilation = found.pop("compilation") or {}
        return {**found, "evidence": compilation.get("evidence", []), "calls": compilation.get("calls", [])}

    def decide(self, digest: str, reviewer: str | None, decision: str, reason: str) -> Json:
        """See `Desk`."""
        who = _named(reviewer)
        whole = self._whole(digest)
        body = {"decision": decision, "reviewer": who, "reason": reason}
        client.post(self._server, f"/v1/revisions/{whole}/reviews", body)
        return self.revision(whole)

    def _whole(self, digest: str) -> str:
        """The digest that some characters begin, among what waits and what is served."""
        served = client.get(self._server, "/v1/procedures")["procedures"]
        known = {each["digest"]: each["name"] for each in self.revisions(everything=False)}
        known |= {each["revision"]: each["name"] for each in served}
        return chosen(digest, known)


def _named(reviewer: str | None) -> str:
    if reviewer is None:
        raise CliError("nobody is named who decides", "name yourself with --as", Exit.USAGE)
    return reviewer


def find(opened: Store, digest: str) -> RevisionRow:
    """The row of `chosen` among all revisions of a store, active ones before newer ones before older ones."""
    rows = sorted(opened.revisions(), key=lambda row: row.state == "Active")
    wanted = chosen(digest, {row.digest: row.name for row in rows})
    return next(row for row in rows if row.digest == wanted)


def evidence_as_json(row: EvidenceRow) -> Json:
    """What one gate found."""
    return {"gate": row.gate, "passed": row.passed, "summary": row.summary, "detail": json.loads(row.detail)}


def _brief(row: RevisionRow) -> Json:
    from seglam.gateway.store import authors_of

    return {
        "digest": row.digest,
        "name": row.name,
        "state": str(row.state),
        "origin": row.origin,
        "authors": authors_of(row),
        "replaces": row.replaces,
        "created": row.created,
    }
