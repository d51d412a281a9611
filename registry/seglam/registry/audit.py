"""The audit log: append-only, each entry bound to the one before it, its head signed by the registry.

The hash of an entry is SHA-256 of the hash before it (64 hexadecimal digits; zeros before the first) and the RFC 8785
bytes of the entry. Who alters or removes an entry must alter all hashes after it, and the signed heads tell on that.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from json.encoder import encode_basestring
from pathlib import Path
from typing import Any

from sqlmodel import Session, col, select

from seglam.packs import strictjson
from seglam.registry.changes import locked_head
from seglam.registry.tables import AuditRow, AuditSignatureRow, HeadRow, stamp

SEQUENCE = "audit"
FIRST = "0" * 64
"""What stands before the first entry."""
HEAD_PREDICATE = "https://seglam.dev/attestation/audit-head/v1"
PAGE = 2_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as it is hashed and exported. `detail` is RFC 8785 text."""

    seq: int
    time: str
    actor_issuer: str
    actor_subject: str
    action: str
    subject: str
    detail: str
    previous: str
    hash: str

    @classmethod
    def of(cls, row: AuditRow) -> Entry:
        """An entry from its row."""
        return cls(
            row.seq,
            row.time,
            row.actor_issuer,
            row.actor_subject,
            row.action,
            row.subject,
            row.detail,
            row.previous,
            row.hash,
        )

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Entry:
        """An entry from `document()`. `ValueError` if it is none."""
        try:
            actor = document["actor"]
            made = cls(
                seq=document["seq"],
                time=document["time"],
                actor_issuer=actor["issuer"],
                actor_subject=actor["subject"],
                action=document["action"],
                subject=document["subject"],
                detail=strictjson.write(document["detail"]).decode(),
                previous=document["previous"],
                hash=document["hash"],
            )
        except (KeyError, TypeError, ValueError):
            raise ValueError("it is no entry of an audit log") from None
        if type(made.seq) is not int or not all(isinstance(getattr(made, name), str) for name in _FIELDS[1:]):
            raise ValueError("it is no entry of an audit log")
        return made

    def document(self) -> dict[str, Any]:
        """As the API and an export show it."""
        return {
            "seq": self.seq,
            "time": self.time,
            "actor": {"issuer": self.actor_issuer, "subject": self.actor_subject},
            "action": self.action,
            "subject": self.subject,
            "detail": json.loads(self.detail),
            "previous": self.previous,
            "hash": self.hash,
        }

    def computed(self) -> str:
        """The hash that it must have."""
        # RFC 8785 by hand, members in order: a million entries are to be checked in seconds.
        words = [self.action, self.actor_issuer, self.actor_subject, self.subject, self.time]
        action, issuer, subject, about, time = (encode_basestring(each) for each in words)
        entry = (
            f'{{"action":{action},"actor":{{"issuer":{issuer},"subject":{subject}}},"detail":{self.detail},'
            f'"seq":{self.seq},"subject":{about},"time":{time}}}'
        )
        return hashlib.sha256((self.previous + entry).encode("utf-8", "surrogatepass")).hexdigest()


_FIELDS = tuple(each.name for each in fields(Entry))


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in a log that is not as it was written."""

    seq: int
    code: str
    words: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found.

    Attributes:
        checked: entries that were looked at.
        last: number and hash of the last of them.
        findings: at most `MOST_FINDINGS`; empty if the log is whole.
    """

    checked: int
    last: tuple[int, str]
    findings: tuple[Finding, ...]

    @property
    def whole(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


MOST_FINDINGS = 20


def append(
    session: Session,
    *,
    actor_issuer: str,
    actor_subject: str,
    action: str,
    subject: str,
    detail: Mapping[str, Any] | None = None,
) -> AuditRow:
    """Add an entry to the session's transaction; it holds the log's lock until it ends.

    Args:
        action: a verb in the past, such as `published`.
        subject: what it was done to: a release, a pack, `origin/namespace`.
        detail: JSON of strings, whole numbers, lists and objects; no secret, nothing that a user sent as text.
    """
    head = locked_head(session, SEQUENCE, FIRST)
    entry = Entry(
        head.seq + 1,
        stamp(),
        actor_issuer,
        actor_subject,
        action,
        subject,
        strictjson.write(dict(detail or {})).decode(),
        head.hash or FIRST,
        "",
    )
    row = AuditRow(
        seq=entry.seq,
        time=entry.time,
        actor_issuer=actor_issuer,
        actor_subject=actor_subject,
        action=action,
        subject=subject,
        detail=entry.detail,
        previous=entry.previous,
        hash=entry.computed(),
    )
    head.seq, head.hash = row.seq, row.hash
    session.add(row)
    session.add(head)
    session.flush()
    return row


def check(entries: Iterable[Entry], *, previous: tuple[int, str], heads: Mapping[int, str]) -> Verdict:
    """Check entries that follow each other.

    Args:
        previous: number and hash of the entry before the first; (0, `FIRST`) for a whole log.
        heads: hashes by number that are known otherwise, such as from signed heads.
    """
    findings: list[Finding] = []
    checked = 0
    seq, last = previous
    for entry in entries:
        checked += 1
        if entry.seq != seq + 1:
            findings.append(Finding(entry.seq, "gap", f"entry {seq} is followed by entry {entry.seq}"))
        elif entry.previous != last:
            findings.append(Finding(entry.seq, "chain", f"entry {entry.seq} is not bound to the entry before it"))
        if entry.computed() != entry.hash:
            findings.append(Finding(entry.seq, "altered", f"entry {entry.seq} does not have its hash"))
        known = heads.get(entry.seq)
        if known is not None and known != entry.hash:
            findings.append(Finding(entry.seq, "head", f"entry {entry.seq} is not the one that was signed as the head"))
        if len(findings) >= MOST_FINDINGS:
            break
        seq, last = entry.seq, entry.hash
    return Verdict(checked, (seq, last), tuple(findings))


def verify(session: Session, *, since: int = 0, limit: int | None = None) -> Verdict:
    """Check the log in the database against itself, its head and the heads that were signed.

    Args:
        since: the number of the entry before the first to check.
        limit: how many to check; all by default.
    """
    before: tuple[int, str] = (0, FIRST)
    if since:
        row = session.get(AuditRow, since)
        if row is None:
            return Verdict(0, (since, ""), (Finding(since, "gap", f"entry {since} is not there"),))
        before = (since, row.hash)
    heads = {each.seq: each.hash for each in session.exec(select(AuditSignatureRow)).all()}
    verdict = check(_entries(session, since, limit), previous=before, heads=heads)
    if limit is not None and verdict.checked >= limit:
        return verdict
    head = session.get(HeadRow, SEQUENCE)
    end = (head.seq, head.hash or FIRST) if head is not None else (0, FIRST)
    missing = []
    if verdict.whole and verdict.last != end:
        missing.append(Finding(end[0], "end", f"the log ends at entry {verdict.last[0]}, its head is entry {end[0]}"))
    missing += [
        Finding(seq, "head", f"entry {seq} was signed as the head and is not there")
        for seq in sorted(heads)
        if seq > verdict.last[0]
    ]
    return Verdict(verdict.checked, verdict.last, verdict.findings + tuple(missing[:MOST_FINDINGS]))


def _entries(session: Session, since: int, limit: int | None) -> Iterator[Entry]:
    asked = select(AuditRow).where(col(AuditRow.seq) > since).order_by(col(AuditRow.seq)).limit(limit)
    table = AuditRow.__table__  # type: ignore[attr-defined]
    columns = [table.c[name] for name in _FIELDS]
    rows = session.connection().execution_options(yield_per=PAGE).execute(asked.with_only_columns(*columns))
    for row in rows:
        yield Entry(*row)


def entries(session: Session, since: int, limit: int) -> Sequence[Entry]:
    """Entries after a number, oldest first."""
    return list(_entries(session, since, limit))


def head_statement(origin: str, seq: int, digest: str, time: str) -> bytes:
    """What is signed of the log's head."""
    return strictjson.write(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": f"seglam:audit:{origin}", "digest": {"sha256": digest}}],
            "predicateType": HEAD_PREDICATE,
            "predicate": {"origin": origin, "seq": seq, "hash": digest, "time": time},
        }
    )


def unsigned_head(session: Session) -> tuple[int, str] | None:
    """Number and hash of the last entry, unless that was signed already or there is none."""
    head = session.get(HeadRow, SEQUENCE)
    if head is None or head.seq == 0 or session.get(AuditSignatureRow, head.seq) is not None:
        return None
    return head.seq, head.hash


def signed_head(seq: int, digest: str, origin: str, sign: Callable[[bytes], bytes]) -> AuditSignatureRow:
    """Sign a head; what `sign` raises passes through. Not within a transaction: signing takes seconds."""
    time = stamp()
    bundle = sign(head_statement(origin, seq, digest, time))
    return AuditSignatureRow(seq=seq, hash=digest, time=time, bundle=bundle)


def verify_export(lines: Iterable[str]) -> Verdict:
    """Check an export (`GET /api/v1/audit/export`) without the registry.

    A line is `{"entry": ...}`, or `{"head": {seq, hash, time, bundle}}` for a signed head. Whether the registry signed
    the heads is for `seglam.packs.trust` to say; here they must name the entries that are there.
    """
    heads: dict[int, str] = {}
    found: list[Entry] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            document = json.loads(line)
            if "head" in document:
                heads[int(document["head"]["seq"])] = str(document["head"]["hash"])
            else:
                found.append(Entry.read(document["entry"]))
        except (ValueError, KeyError, TypeError) as error:
            return Verdict(len(found), (0, FIRST), (Finding(0, "malformed", f"line {number}: {error}"),))
    verdict = check(found, previous=(0, FIRST), heads=heads)
    beyond = [
        Finding(seq, "head", f"entry {seq} was signed as the head and is not there")
        for seq in sorted(heads)
        if seq > verdict.last[0]
    ]
    return Verdict(verdict.checked, verdict.last, verdict.findings + tuple(beyond[:MOST_FINDINGS]))


def main(arguments: Sequence[str]) -> int:
    """`python -m seglam.registry.audit EXPORT`: check an exported log; 1 if it is not whole."""
    if len(arguments) != 1:
        print("usage: python -m seglam.registry.audit EXPORT.ndjson", file=sys.stderr)
        return 2
    with Path(arguments[0]).open(encoding="utf-8") as lines:
        verdict = verify_export(lines)
    for finding in verdict.findings:
        print(f"{finding.code}: {finding.words}")
    print(f"{verdict.checked} entries, the last is {verdict.last[0]} with hash {verdict.last[1]}")
    return 0 if verdict.whole else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
