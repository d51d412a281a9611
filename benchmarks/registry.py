"""A registry with 10,000 versions and a million audit entries, on SQLite and PostgreSQL, over HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import registry_corpus as corpus
from benchmarks.report import Report
from benchmarks.timing import NOISE, each, interleave, quantile
from seglam.packs.index.layout import Listing, Status
from seglam.packs.index.storage import MemoryStorage
from seglam.packs.names import PackName
from seglam.packs.trust import gate
from seglam.packs.trust.decision import Asked
from seglam.packs.versions import Version
from seglam.registry import migrations
from seglam.registry.database import Database
from seglam.registry.indexing.keeper import BATCH
from seglam.registry.publishing.reading import read
from seglam.registry.publishing.sealing import release_statement
from seglam.registry.settings import Settings
from seglam.registry.signing import ROOT, open_signing
from tests.index_keys import make
from tests.postgres import Unavailable, cluster
from tests.registries import ORIGIN, Person, archive, good_pack
from tests.registry_process import API, RegistryProcess, running

PUBLISHERS = 32
NAMESPACE = "acme"
PUBLISHER = Person("publisher", issuer="seglam:local")


def run(quick: bool) -> Report:
    """Everything on both databases; `quick` takes 500 versions and 20,000 entries."""
    report = Report("registry")
    with TemporaryDirectory(prefix="seglam-benchmark-") as directory:
        here = Path(directory)
        _one(report, "SQLite", f"sqlite:///{here / 'registry.sqlite3'}", here / "sqlite", quick)
        try:
            with cluster({}) as server:
                _one(report, "PostgreSQL", server.create(), here / "postgresql", quick)
        except Unavailable as missing:
            report.notes.append(f"PostgreSQL was not measured: {missing}.")
        _verify(report, here, quick)
        _index(report, here, quick)
    report.notes.append(
        "One registry process with 2 workers, its client in another process with one kept connection; both databases "
        "wait for the disk at each commit. A publication is one procedure with one example: read strictly, gate, "
        "sandbox on two engine builds, two signatures by a key, one transaction, the index signed anew. None is lost: "
        "each of the versions that publishers were told is published was read again."
    )
    return report


def _one(report: Report, kind: str, url: str, data: Path, quick: bool) -> None:
    database = Database(url)
    try:
        migrations.upgrade(database)
        namespaces, entries = (5, 20_000) if quick else (corpus.NAMESPACES, 1_000_000)
        versions, entries = corpus.fill(database, ORIGIN, namespaces=namespaces, audit_rows=entries)
    finally:
        database.close()
    report.notes.append(
        f"{kind}: {versions:,} versions of {versions // corpus.VERSIONS_EACH:,} packs, {entries:,} audit entries."
    )
    with running(url, data, WORKERS="2") as registry:
        _reads(report, kind, registry, namespaces, entries, quick)
        _audit(report, kind, registry, entries)
        _publishes(report, kind, registry, quick)


def _reads(report: Report, kind: str, registry: RegistryProcess, namespaces: int, entries: int, quick: bool) -> None:
    rounds, calls = (3, 10) if quick else (5, 20)
    pack = f"{corpus.namespace_of(namespaces - 1)}/{corpus.pack_of(namespaces * corpus.PACKS_EACH - 1)}"
    addresses = {
        "search for a word": "/packs?q=easter&limit=20",
        "search for two words and a facet": "/packs?q=calendar+answers&language=en&limit=20",
        "list all packs, a page of 100": "/packs?limit=100",
        "list a pack's versions": f"/packs/{pack}/versions",
        "one version": f"/packs/{pack}/versions/1.3.0",
        "changes, a page of 100 in the middle": f"/changes?since={namespaces * 50}&limit=100",
        "audit, a page of 100 in the middle": f"/audit?since={entries // 2}&limit=100",
    }
    subjects: dict[str, Callable[[], list[float]]] = {
        name: (lambda address=address: each(lambda _: _get(registry, address), range(calls)))  # type: ignore[misc]
        for name, address in {"no-op": "", **addresses}.items()
    }
    series = interleave(subjects, rounds)
    report.noise = max(report.noise, series[NOISE].spread)
    for name in subjects:
        for label, share in (("p50", 0.5), ("p99", 0.99)):
            report.add(
                f"{kind}: {name} {label}",
                series[name].at(share) / 1000,
                "ms",
                series[name].ratio(series["no-op"], share),
                "no-op",
            )


def _get(registry: RegistryProcess, address: str) -> None:
    response = registry.client.get(f"{API}{address}" if address else "/healthz")
    if response.status_code != 200:
        raise RuntimeError(f"{address}: {response.status_code} {response.text[:300]}")


def _audit(report: Report, kind: str, registry: RegistryProcess, entries: int) -> None:
    started = time.perf_counter()
    since = checked = 0
    while checked < entries:
        verdict = registry.client.get(f"{API}/audit/verify", params={"since": since}).json()
        if not verdict["whole"]:
            raise RuntimeError(f"the log does not hold: {verdict}")
        checked += int(verdict["checked"])
        since = int(verdict["last"]["seq"]) if isinstance(verdict.get("last"), dict) else checked
    report.add(f"{kind}: verify the whole audit log", time.perf_counter() - started, "s")


def _publishes(report: Report, kind: str, registry: RegistryProcess, quick: bool) -> None:
    signer = PUBLISHER.signer
    registry.claim(NAMESPACE, PUBLISHER.subject, mode="Key", keys=[signer.public.pem])  # type: ignore[attr-defined]
    headers = registry.token(NAMESPACE, PUBLISHER.subject)

    def publish(version: str) -> float:
        body = archive(good_pack(version), PUBLISHER)
        started = time.perf_counter()
        response = registry.publish(body, headers, key=version, wait=290)
        if response.status_code != 201:
            raise RuntimeError(f"{version}: {response.status_code} {response.text[:500]}")
        return time.perf_counter() - started

    publish("0.1.0")  # loads the engines
    alone = [publish(f"1.{number}.0") for number in range(3 if quick else 10)]
    report.add(f"{kind}: publish, one after the other p50", quantile(alone, 0.5) * 1000, "ms")
    report.add(f"{kind}: publish, one after the other, longest", max(alone) * 1000, "ms")
    started = time.perf_counter()
    with ThreadPoolExecutor(PUBLISHERS) as crowd:
        together = list(crowd.map(publish, [f"2.{number}.0" for number in range(PUBLISHERS)]))
    report.add(f"{kind}: {PUBLISHERS} publishers at once, all done", time.perf_counter() - started, "s")
    report.add(f"{kind}: {PUBLISHERS} publishers at once, the longest waited", max(together), "s")
    lost = sum(
        registry.client.get(f"{API}/packs/{NAMESPACE}/basics/versions/2.{number}.0").status_code != 200
        for number in range(PUBLISHERS)
    )
    report.add(f"{kind}: publications lost", lost, "versions", aim=0)


def _verify(report: Report, here: Path, quick: bool) -> None:
    """What an importer's gate takes for a pack with the registry's bundles, by key and without a network."""
    signing = open_signing(Settings(data=here / "verify", origin=ORIGIN))
    received = read(archive(good_pack(), PUBLISHER))
    bundles = [signing.sign(release_statement(received, "0"))]
    facts = received.facts
    policy = signing.policy(facts.name, "release")
    asked = Asked(facts.name, facts.version, facts.digest)

    def decide(_: int) -> None:
        now = datetime.now(UTC)
        decision = gate.decide(
            facts, bundles, [policy], {ROOT: signing.root}, namespace="x", asked=asked, index=None, now=now
        )
        if not decision.allowed:
            raise RuntimeError(decision.words)

    times = each(decide, range(50 if quick else 500))
    report.add("verify a release by the gate p50", quantile(times, 0.5) / 1000, "ms")
    report.add("verify a release by the gate p99", quantile(times, 0.99) / 1000, "ms")


def _index(report: Report, here: Path, quick: bool) -> None:
    """What the index takes to list one more pack of a namespace with 10,000: its role names them all."""
    count, more = (500, 3) if quick else (10_000, 10)
    storage = MemoryStorage()
    repository, _, _ = make(storage=storage, origin=ORIGIN)
    for start in range(0, count, BATCH):
        repository.put(dict(map(_listing, range(start, start + BATCH))))
    times = each(lambda number: repository.put(dict([_listing(count + number)])), range(more))
    report.add(f"index: list one more of {count:,} packs in a namespace p50", quantile(times, 0.5) / 1000, "ms")


def _listing(number: int) -> tuple[PackName, list[Listing]]:
    name = PackName(ORIGIN, NAMESPACE, f"pack-{number}")
    version = Version.parse("1.0.0")
    return name, [Listing(version, f"sha256:{number:064x}", 1000, Status.LISTED, "2026-01-01T00:00:00Z")]
