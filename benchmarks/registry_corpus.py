"""A registry's database with many versions and a long audit log, written without publishing each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from sqlalchemy import insert
from sqlmodel import Session

from seglam.packs.versions import Version
from seglam.registry import audit, names
from seglam.registry.audit import FIRST
from seglam.registry.database import Database
from seglam.registry.publishing.position import position
from seglam.registry.tables import (
    BundleRow,
    ChangeRow,
    FacetRow,
    HeadRow,
    MemberRow,
    NamespaceRow,
    PackRow,
    Row,
    TermRow,
    VersionRow,
)

NAMESPACES, PACKS_EACH, VERSIONS_EACH = 100, 20, 5
WORDS = (
    "calendar easter date money tax currency unit length weight temperature capital country city planet prime factor "
    "matrix fraction percent ratio roman numeral binary hexadecimal cipher anagram palindrome vowel sorting median"
).split()
LANGUAGES = ("en", "de", "es", "fr")
ISSUER = "https://issuer.example"
TIME = "2026-01-01T00:00:00.000000Z"
CHUNK = 5_000


def fill(database: Database, origin: str, *, namespaces: int = NAMESPACES, audit_rows: int) -> tuple[int, int]:
    """Write packs and an audit log whose hashes hold; how many versions and entries there are.

    Versions are marked as listed, so that the index is not made anew for them.
    """
    for table, rows in (
        (NamespaceRow, _namespaces(origin, namespaces)),
        (MemberRow, _members(origin, namespaces)),
        (PackRow, _packs(origin, namespaces)),
        (VersionRow, _versions(origin, namespaces)),
        (BundleRow, _bundles(origin, namespaces)),
        (TermRow, _terms(origin, namespaces)),
        (FacetRow, _facets(origin, namespaces)),
        (ChangeRow, _changes(origin, namespaces)),
    ):
        _write(database, table, rows)
    count = namespaces * PACKS_EACH * VERSIONS_EACH
    last = [FIRST]
    _write_audit(database, _audit(origin, audit_rows, last))

    def heads(session: Session) -> None:
        session.add(HeadRow(sequence=audit.SEQUENCE, seq=audit_rows, hash=last[0]))
        session.add(HeadRow(sequence="changes", seq=count))

    database.transact(heads)
    return count, audit_rows


def pack_of(number: int) -> str:
    """The name of a pack within its namespace."""
    return f"{WORDS[number % len(WORDS)]}-{_spelled(number)}"


def namespace_of(number: int) -> str:
    """The name of a namespace."""
    return f"team-{_spelled(number)}"


def _spelled(number: int) -> str:
    """A number in letters none of which looks like another: names with look-alike digits are refused."""
    return f"{number:04d}".translate(str.maketrans("0123456789", "abcefghjkn"))


def _write(database: Database, table: type[Row], rows: Iterable[dict[str, Any]]) -> None:
    left = iter(rows)
    while some := list(islice(left, CHUNK)):
        database.transact(lambda session, some=some: session.connection().execute(insert(table), some))  # type: ignore[misc]


def _each(origin: str, namespaces: int) -> Iterator[tuple[str, str, str, int]]:
    for number in range(namespaces):
        space = namespace_of(number)
        for one in range(PACKS_EACH):
            pack = pack_of(number * PACKS_EACH + one)
            yield f"{origin}/{space}/{pack}", space, pack, number * PACKS_EACH + one


def _each_version(origin: str, namespaces: int) -> Iterator[tuple[str, str, str, int]]:
    for name, _, _, number in _each(origin, namespaces):
        for minor in range(VERSIONS_EACH):
            version = f"1.{minor}.0"
            yield name, version, _digest(f"{name}@{version}"), number * VERSIONS_EACH + minor


def _namespaces(origin: str, namespaces: int) -> Iterator[dict[str, Any]]:
    for number in range(namespaces):
        space = namespace_of(number)
        given = {"origin": origin, "name": space, "skeleton": names.skeleton(space), "mode": "Key"}
        yield {**given, "state": "active", "reviews": 0, "revision": 1, "created": TIME, "changed": TIME}


def _members(origin: str, namespaces: int) -> Iterator[dict[str, Any]]:
    for number in range(namespaces):
        who = {"issuer": "https://issuer.example", "subject": f"owner-{number}", "role": "owner", "added_by": "{}"}
        yield {"origin": origin, "namespace": namespace_of(number), "since": TIME, "active_from": TIME, **who}


def _packs(origin: str, namespaces: int) -> Iterator[dict[str, Any]]:
    for name, space, pack, number in _each(origin, namespaces):
        yield {
            "name": name,
            "origin": origin,
            "namespace": space,
            "pack": pack,
            "skeleton": names.skeleton(pack),
            "description": f"What {pack} answers, in {LANGUAGES[number % 4]}.",
            "licence": "Apache-2.0" if number % 3 else "MIT",
            "newest": f"1.{VERSIONS_EACH - 1}.0",
            "versions": VERSIONS_EACH,
            "revision": VERSIONS_EACH,
            "created": TIME,
            "changed": TIME,
        }


def _versions(origin: str, namespaces: int) -> Iterator[dict[str, Any]]:
    for name, version, digest, number in _each_version(origin, namespaces):
        procedures = [{"name": "answer", "digest": digest, "path": "procedures/answer.yaml"}]
        yield {
            "name": name,
            "version": version,
            "position": position(Version.parse(version)),
            "digest": digest,
            "length": 500,
            "config": _digest(f"config {number}"),
            "content": _digest(f"content {number}"),
            "size": 4096,
            "description": "What it answers.",
            "licence": "Apache-2.0",
            "procedures": json.dumps(procedures),
            "requires": "[]",
            "engines": "[]",
            "publisher_issuer": "https://issuer.example",
            "publisher_subject": "somebody",
            "publication": f"{number:032x}",
            "state": "available",
            "indexed": "available",
            "revision": 1,
            "published": TIME,
            "changed": TIME,
        }


def _bundles(origin: str, namespaces: int) -> Iterator[dict[str, Any]]:
    kinds = ("https://slsa.dev/provenance/v1", "https://in-toto.io/attestation/release/v0.1")
    for name, version, digest, number in _each_version(origin, namespaces):
        for kind in kinds:
            yield {
                "digest": _digest(f"{kind} {number}"),
                "referrer": _digest(f"referrer {kind} {number}"),
                "name": name,
                "version": version,
                "subject": digest,
                "predicate_type": kind,
                "mode": "Key",
                "key_id": "0" * 64,
                "size": 4096,
                "at": TIME,
            }


def _terms(origin: str, namespaces: int) -> Iterator[dict[str, Any]]:
    for name, _, pack, number in _each(origin, namespaces):
        words = {pack.partition("-")[0]: 8, str(number): 8, "answers": 2, WORDS[number * 7 % len(WORDS)]: 4}
        yield from ({"term": term, "name": name, "weight": weight} for term, weight in words.items())


def _facets(origin: str, namespaces: int) -> Iterator[dict[str, Any]]:
    for name, _, _, number in _each(origin, namespaces):
        values = {"language": LANGUAGES[number % 4], "valueType": ("integer", "text", "date")[number % 3]}
        yield from ({"facet": facet, "value": value, "name": name} for facet, value in values.items())


def _changes(origin: str, namespaces: int) -> Iterator[dict[str, Any]]:
    for name, version, digest, number in _each_version(origin, namespaces):
        given = {"kind": "published", "name": name, "version": version, "digest": digest}
        yield {"serial": number + 1, "time": TIME, "detail": "{}", **given}


def _audit(origin: str, count: int, last: list[str]) -> Iterator[tuple[object, ...]]:
    """A chained log; `last` holds the newest hash. The benchmark checks it: a hash made otherwise would be found."""
    for seq in range(1, count + 1):
        subject = f"{origin}/{namespace_of(seq % NAMESPACES)}/{pack_of(seq % 2000)}@1.0.0"
        entry = (
            f'{last[0]}{{"action":"published","actor":{{"issuer":"{ISSUER}","subject":"owner"}},"detail":{{}},'
            f'"seq":{seq},"subject":"{subject}","time":"{TIME}"}}'
        )
        previous, last[0] = last[0], hashlib.sha256(entry.encode()).hexdigest()
        yield (seq, TIME, ISSUER, "owner", "published", subject, "{}", previous, last[0])


AUDIT = ("seq", "time", "actor_issuer", "actor_subject", "action", "subject", "detail", "previous", "hash")


def _write_audit(database: Database, rows: Iterator[tuple[object, ...]]) -> None:
    """A million rows by the driver's own means."""
    columns = ", ".join(AUDIT)
    raw = database.engine.raw_connection()
    try:
        driver: Any = raw.driver_connection
        if database.sqlite:
            driver.execute("BEGIN IMMEDIATE")
            driver.executemany(f"INSERT INTO audit ({columns}) VALUES ({', '.join('?' * len(AUDIT))})", rows)
        else:
            with driver.cursor() as cursor, cursor.copy(f"COPY audit ({columns}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        driver.commit()
    finally:
        raw.close()


def _digest(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()
