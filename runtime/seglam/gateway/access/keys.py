"""API keys: `sgl_ID_SECRET`, shown once, kept as a hash.

The hash is one SHA-256 of the secret. A secret has 256 random bits, so that nobody finds it by trying, however fast the
hash is; slow hashes are for passwords, which people choose, and would cost every request their time.

All keys that are in force are held in memory, and read again every `REFRESH_S`: checking one asks no database. So a key
that is made or revoked elsewhere counts here within that time; while the database cannot be read, the keys that are
known stay in force for `STALE_S`, and then none is.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import insert, select, update
from sqlmodel import Session

from seglam.gateway.access.caller import Scope
from seglam.gateway.access.limits import Limits
from seglam.gateway.faults import StoreError
from seglam.gateway.ledger.database import Keeping
from seglam.gateway.ledger.tables import KEYS

REFRESH_S = 5.0
STALE_S = 300.0
USED_S = 30.0
"""Seconds between two writings of when keys were used last."""
PREFIX = "sgl_"
_SHAPE = re.compile(r"sgl_([0-9a-f]{16})_([0-9a-f]{64})")
_NOTHING = hashlib.sha256(b"").hexdigest()


class KeyRefused(Exception):
    """A key that is not accepted. `code` is stable, the message says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class KeysUnknown(Exception):
    """The database of keys has not been read for too long, so no key can be checked."""


@dataclass(frozen=True, slots=True)
class Key:
    """An API key without its secret. Times are RFC 3339 texts in UTC.

    Attributes:
        owner: who uses it; becomes an author of what its misses compile, and is who decides in reviews.
        limits: besides those of its tenant.
        used: when it was used last, exact to `USED_S`.
    """

    id: str
    tenant: str
    owner: str
    scopes: frozenset[str]
    limits: Limits
    created: str
    creator: str
    expires: str | None = None
    revoked: str | None = None
    used: str | None = None
    digest: str = field(default="", repr=False)

    def as_json(self) -> dict[str, Any]:
        """The key as it is shown, without its hash."""
        return {
            "id": self.id,
            "tenant": self.tenant,
            "owner": self.owner,
            "scopes": sorted(self.scopes),
            "limits": limits_as_json(self.limits),
            "created": self.created,
            "creator": self.creator,
            "expires": self.expires,
            "revoked": self.revoked,
            "used": self.used,
        }


class Keys:
    """The keys of all tenants.

    Args:
        keeping: the database that holds them.
        report: called with a message when it cannot be read or written.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        keeping: Keeping,
        report: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keeping = keeping
        self._report = report
        self._clock = clock
        self._known: Mapping[str, Key] = {}
        self._read_at: float | None = None
        self._used: dict[str, str] = {}
        self._changing = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Read the keys now and again and again, in a thread."""
        self._try(self.refresh)
        self._thread = threading.Thread(target=self._run, name="seglam-keys", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop, and write when keys were used last."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._try(self.write_used)

    def check(self, text: str) -> Key:
        """The key that a text is. Reads no database.

        Raises:
            KeyRefused: `key-invalid` or `key-expired`.
            KeysUnknown: it cannot be told.
        """
        if self._read_at is None or self._clock() - self._read_at > STALE_S:
            raise KeysUnknown
        shape = _SHAPE.fullmatch(text)
        found = self._known.get(shape[1]) if shape else None
        # The same work whether or not there is such a key.
        digest = _digest(shape[2]) if shape else _NOTHING
        if not hmac.compare_digest(digest, found.digest if found else _NOTHING[::-1]):
            found = None
        return self._in_force(found)

    def held(self, identity: str) -> Key:
        """The key of an id whose holder has shown it before; as `check`, without its secret."""
        if self._read_at is None or self._clock() - self._read_at > STALE_S:
            raise KeysUnknown
        return self._in_force(self._known.get(identity))

    def _in_force(self, found: Key | None) -> Key:
        if found is None:
            raise KeyRefused("key-invalid", "this API key is not known, or was revoked")
        if found.expires is not None and found.expires <= _now():
            raise KeyRefused("key-expired", f"this API key expired at {found.expires}")
        self._used[found.id] = _now()
        return found

    def create(
        self,
        tenant: str,
        owner: str,
        scopes: Collection[str],
        *,
        creator: str,
        expires: datetime | None = None,
        limits: Limits | None = None,
    ) -> tuple[Key, str]:
        """Make a key. Its text is returned here and can be learned nowhere else."""
        secret = secrets.token_hex(32)
        key = Key(
            secrets.token_hex(8),
            tenant,
            owner,
            frozenset(Scope(each).value for each in scopes),
            limits or Limits(),
            _now(),
            creator,
            None if expires is None else _stamp(expires),
            digest=_digest(secret),
        )
        self._keeping.write(lambda session: _insert(session, key))
        with self._changing:
            self._known = {**self._known, key.id: key}
        return key, f"{PREFIX}{key.id}_{secret}"

    def all(self, tenant: str | None = None) -> list[Key]:
        """The keys of a tenant or of all, also those that are not in force any more; reads the database."""
        chosen = select(KEYS).order_by(KEYS.c.created, KEYS.c.id)
        if tenant is not None:
            chosen = chosen.where(KEYS.c.tenant == tenant)
        with self._keeping.read() as session:
            return [_key(row) for row in session.execute(chosen).mappings()]

    def revoke(self, identity: str, tenant: str | None = None) -> Key | None:
        """End a key; None if there is none of that id, or it is another tenant's. In this process it is over at
        once."""

        def work(session: Session) -> Key | None:
            chosen = select(KEYS).where(KEYS.c.id == identity)
            if tenant is not None:
                chosen = chosen.where(KEYS.c.tenant == tenant)
            row = session.execute(chosen).mappings().first()
            if row is None:
                return None
            key = _key(row)
            if key.revoked is None:
                key = replace(key, revoked=_now())
                session.execute(update(KEYS).where(KEYS.c.id == identity).values(revoked=key.revoked))
            return key

        found = self._keeping.write(work)
        if found is not None:
            with self._changing:
                self._known = {id_: key for id_, key in self._known.items() if id_ != identity}
        return found

    def refresh(self) -> None:
        """Read the keys that are in force. `StoreError` if that fails; those known stay."""
        with self._changing:  # a key that is made meanwhile must not be lost by an older reading
            began = self._clock()
            with self._keeping.read() as session:
                rows = session.execute(select(KEYS).where(KEYS.c.revoked.is_(None))).mappings().all()
            self._known = {row["id"]: _key(row) for row in rows}
            self._read_at = began

    def write_used(self) -> None:
        """Write when keys were used last. `StoreError` if that fails; it is tried again."""
        taken, self._used = self._used, {}
        used = dict(taken)  # in one step: a check that began before may still be noting its key
        if not used:
            return
        try:
            self._keeping.write(lambda session: _note(session, used))
        except StoreError:
            self._used = {**used, **self._used}
            raise

    def _run(self) -> None:
        written = 0.0
        while not self._stop.wait(REFRESH_S):
            self._try(self.refresh)
            written += REFRESH_S
            if written >= USED_S:
                written = 0.0
                self._try(self.write_used)

    def _try(self, work: Callable[[], None]) -> None:
        try:
            work()
        except StoreError as error:
            self._report(f"API keys cannot be read or written; those known stay for {STALE_S:g} s: {error}")


def limits_as_json(limits: Limits) -> dict[str, Any]:
    """Limits as they are kept and shown; only those that are set."""
    found = {
        "requestsPerSecond": limits.requests_per_second,
        "burst": limits.burst,
        "concurrent": limits.concurrent,
        "dailyTokens": limits.daily_tokens,
        "dailyMoney": None if limits.daily_money is None else str(limits.daily_money),
    }
    return {name: value for name, value in found.items() if value is not None}


def limits_of(content: Mapping[str, Any]) -> Limits:
    """Limits from JSON that `limits_as_json` made."""
    money = content.get("dailyMoney")
    return Limits(
        content.get("requestsPerSecond"),
        content.get("burst"),
        content.get("concurrent"),
        content.get("dailyTokens"),
        None if money is None else Decimal(money),
    )


def _insert(session: Session, key: Key) -> None:
    session.execute(
        insert(KEYS).values(
            id=key.id,
            tenant=key.tenant,
            owner=key.owner,
            digest=key.digest,
            scopes=json.dumps(sorted(key.scopes)),
            limits=json.dumps(limits_as_json(key.limits)),
            created=key.created,
            creator=key.creator,
            expires=key.expires,
        )
    )


def _note(session: Session, used: Mapping[str, str]) -> None:
    """A later time stays: replicas write in any order."""
    for identity, at in sorted(used.items()):
        older = KEYS.c.used.is_(None) | (KEYS.c.used < at)
        session.execute(update(KEYS).where(KEYS.c.id == identity, older).values(used=at))


def _key(row: Mapping[Any, Any]) -> Key:
    return Key(
        row["id"],
        row["tenant"],
        row["owner"],
        frozenset(json.loads(row["scopes"])),
        limits_of(json.loads(row["limits"])),
        row["created"],
        row["creator"],
        row["expires"],
        row["revoked"],
        row["used"],
        row["digest"],
    )


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _now() -> str:
    return _stamp(datetime.now(UTC))


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
