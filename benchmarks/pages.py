"""`python -m benchmarks.pages`: first byte and size of every page, over as much as a registry and a service hold.

The marketplace has 10,000 versions and one pack whose procedure has 64 KiB of code; the console's store has 100,000
proposals that wait, each with its evidence, 100,000 reviews, counts of 10,000 revisions that were checked, and that
procedure beside them. `--quick` takes a twentieth and keeps no result.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter_ns

import httpx2
from sqlalchemy import insert
from sqlmodel import Session

from benchmarks import registry_corpus as corpus
from benchmarks.machine import circumstances
from benchmarks.report import Report
from benchmarks.timing import NOISE, interleave
from seglam.gateway.pages import Console
from seglam.gateway.pages.embedded import EmbeddedBoard, EmbeddedDesk
from seglam.gateway.pages.people import Neighbours
from seglam.gateway.store import DEFAULT_TENANT, State
from seglam.gateway.store.tables import CompilationRow, EvidenceRow, HealthRow, ReviewRow, RevisionRow, stamp
from seglam.procedures import ReasoningProcedure
from seglam.registry import migrations
from seglam.registry.database import Database
from seglam.web.pages import LocalTokens, Sessions
from tests import origins
from tests.packs import pack
from tests.registries import doubling
from tests.services import listening, running

P95_MS, MOST_KB = 200.0, 300.0
ROUNDS, CALLS = 5, 20
KEY = b"a key of this benchmark: 32 bytes"
ORIGIN = "localhost"
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Site:
    """Pages that are served."""

    name: str
    client: httpx2.Client
    pages: dict[str, str]


def large() -> ReasoningProcedure:
    """A procedure whose code has nearly 64 KiB, of what takes the most room when it is shown."""
    line = "    # \"quoted\" & <escaped> text, 'as it is written' in comments of code\n"
    body = "def solve(n):\n" + line * ((65_000 - 40) // len(line)) + "    return 2 * n\n"
    return doubling("large-one", code=body)


@contextmanager
def marketplace(directory: Path, namespaces: int) -> Iterator[Site]:
    """The registry."""
    (directory / "data").mkdir()
    database = Database(f"sqlite:///{directory / 'data' / 'registry.sqlite3'}")
    try:
        migrations.upgrade(database)
        corpus.fill(database, ORIGIN, namespaces=namespaces, audit_rows=10)
    finally:
        database.close()
    with origins.serving(directory / "data", ORIGIN) as origin:
        origin.put(pack("localhost/large/largest", documents=[large()]), index=False)
        with httpx2.Client(base_url=origin.url, timeout=60) as client:
            version = "/marketplace/packs/large/largest/versions/1.0.0"
            pages = {
                "all packs": "/marketplace",
                "search for a word": "/marketplace?q=easter",
                "search with facets": "/marketplace?q=answers&language=en&valueType=integer",
                "a pack of 64 KiB": "/marketplace/packs/large/largest",
                "its version": version,
                "its procedure": f"{version}/procedures/large-one",
            }
            yield Site("marketplace", client, pages)


@contextmanager
def console(directory: Path, reviews: int) -> Iterator[Site]:
    """The embedded service."""
    directory.mkdir()
    with running(directory, documents=[large(), doubling("small-one")]) as service:
        digests = {row.name: row.digest for row in service.tenant().store.revisions()}
        known = service.tenant().store.revision(digests["small-one"])
        assert known is not None
        # Ten on each of many revisions that are served no more.
        old = [
            {**known.model_dump(), "digest": f"sha256:{number:064x}", "name": f"old-{number}", "state": State.RETIRED}
            for number in range(reviews // 10)
        ]
        waiting = [
            {
                **known.model_dump(),
                "digest": f"sha256:{number:064x}",
                "name": f"new-{number}",
                "state": State.PROPOSED,
                "compilation": f"c{number}",
                "created": stamp(BEGAN + timedelta(seconds=number)),
            }
            for number in range(len(old), len(old) + reviews)
        ]
        compiled = [
            {
                "id": each["compilation"], "fingerprint": "f" * 32, "tenant": DEFAULT_TENANT, "requester": "ana",
                "request": "{}", "reason": "unknown", "explanation": "", "progress": "finished", "message": "passed",
                "arguments": "{}", "engines": "[]", "created": each["created"],
            }
            for each in waiting
        ]  # fmt: skip
        found = [
            {
                "compilation": each["id"],
                "number": number,
                "gate": gate,
                "passed": True,
                "summary": "held",
                "detail": "{}",
            }
            for each in compiled
            for number, gate in enumerate(("static", "match", "differential"))
        ]
        checked = [
            {"tenant": DEFAULT_TENANT, "digest": each["digest"], "agreed": number, "changed": stamp()}
            for number, each in enumerate(old)
        ]
        row = {"tenant": DEFAULT_TENANT, "reviewer": "ada", "decision": "approve", "reason": "read", "at": stamp()}
        rows = [{**row, "digest": each["digest"]} for each in old for _ in range(10)]

        def write(session: Session) -> None:
            for table, some in (
                (RevisionRow, [*old, *waiting]),
                (CompilationRow, compiled),
                (EvidenceRow, found),
                (HealthRow, checked),
            ):
                session.connection().execute(insert(table), some)
            session.connection().execute(insert(ReviewRow), rows)

        service.tenant().store._database.write(write)
        tokens = LocalTokens(KEY)
        people = Neighbours(Sessions(KEY, secure=False), tokens)
        pages = Console(EmbeddedDesk(service), EmbeddedBoard(service), people)
        with listening(service, pages.beside) as client:
            given = {"token": tokens.new(), "name": "ada"}
            client.post("/console/enter", data=given)
            answer = client.post("/v1/requests", json={"text": "double 4"}).json()["id"]
            yield Site(
                "console",
                client,
                {
                    "queue": "/console",
                    "queue, its last page": f"/console?after={waiting[-50]['digest']}",
                    "a proposal": f"/console/revisions/{waiting[-1]['digest']}",
                    "a revision of 64 KiB": f"/console/revisions/{digests['large-one']}",
                    "an answer": f"/console/answers?id={answer}",
                    "operations": "/console/operations",
                    "the curve": "/console/operations/curve.svg",
                },
            )


def measure(report: Report, site: Site, calls: int) -> None:
    """Time until the first byte, interleaved, and the size."""

    def once(path: str) -> float:
        began = perf_counter_ns()
        with site.client.stream("GET", path) as response:
            next(response.iter_raw(), b"")
            taken = (perf_counter_ns() - began) / 1000
            if response.status_code != 200:
                raise RuntimeError(f"{path}: {response.status_code}")
        return taken

    for path in site.pages.values():
        once(path)  # what is read once is read
    subjects = {name: (lambda path=path: [once(path) for _ in range(calls)]) for name, path in site.pages.items()}
    series = interleave(subjects, ROUNDS)
    report.noise = max(report.noise, series[NOISE].spread)
    for name, path in site.pages.items():
        report.add(f"{site.name}: {name}, first byte p95", series[name].at(0.95) / 1000, "ms", aim=P95_MS)
        report.add(f"{site.name}: {name}", len(site.client.get(path).content) / 1000, "KB", aim=MOST_KB)


def run(quick: bool) -> Report:
    """All pages."""
    report = Report("pages")
    share = 20 if quick else 1
    with TemporaryDirectory(prefix="seglam-benchmark-") as directory:
        here = Path(directory)
        with marketplace(here, corpus.NAMESPACES // share) as site:
            measure(report, site, CALLS // (4 if quick else 1))
        with console(here / "console", 100_000 // share) as site:
            measure(report, site, CALLS // (4 if quick else 1))
    report.notes.append("Server and client share a process, whose threads take turns; one request at a time.")
    return report


def main(arguments: list[str]) -> int:
    """Measure, print and keep; the exit code."""
    if arguments not in ([], ["--quick"]):
        print(__doc__, file=sys.stderr)
        return 2
    report = run(bool(arguments))
    print(report.table())
    if not arguments:
        print(report.write(circumstances(["pages"])))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
