"""What is known of missed types: compilations that are at work or have ended, and negative entries among them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from seglam.cluster import Change, Key
from seglam.compiler import Negative, NegativeIndex
from seglam.gateway.answering import Declined
from seglam.gateway.outcomes import Reason
from seglam.resources import NegativeEntry, ProcedureCompilation

PAUSE = timedelta(minutes=1)
"""How long a type rests after a failed attempt of which nobody has said when to try again."""
_WAITING = frozenset({"Proposed", "Extended"})
_REASONS = {
    "NotCompilable": Reason.NOT_COMPILABLE,
    "NoCompletion": Reason.NO_COMPLETION,
    "Budget": Reason.BUDGET,
    "Rejected": "rejected",
    "ModelFailed": "model-failed",
}
"""Outcomes of compilations as reasons of misses; any other is `failed`."""

_log = logging.getLogger("seglam.gateway.compilations")


def decode(raw: bytes) -> ProcedureCompilation:
    """A ProcedureCompilation. `ValueError` if it is none that this release knows."""
    return ProcedureCompilation.model_validate_json(raw)


class Step(StrEnum):
    """What a miss of a known type leads to."""

    CREATE = "create"
    RETRY = "retry"
    JOIN = "join"


def next_step(known: ProcedureCompilation | None, now: datetime, serves: Callable[[str], bool]) -> Step | Declined:
    """Whether a miss starts a compilation, another attempt of it, joins the one there is, or rests.

    Args:
        serves: whether a revision of some digest answers requests now.
    """
    if known is None:
        return Step.CREATE
    status = known.status
    if not ended(known) or status.outcome is None:
        return Step.JOIN
    again = _again_at(known)
    if status.outcome in _WAITING:
        # What it made is served and the request still misses: a type of its own. Or somebody has decided against it.
        served = status.digest is not None and serves(status.digest)
        return Step.RETRY if served or (again is not None and now >= again) else Step.JOIN
    if again is not None and now < again:
        when = again.isoformat(timespec="seconds")
        return Declined(_reason(status.outcome), f"{_words(known)}; this type is tried again after {when}")
    return Step.RETRY


def outcome(known: ProcedureCompilation) -> Declined | None:
    """Why an attempt answers nobody, for those who waited for its end; None while it lasts or its proposal waits."""
    status = known.status
    if not ended(known) or status.outcome is None or status.outcome in _WAITING or status.outcome == "KnownByNow":
        return None
    return Declined(_reason(status.outcome), _words(known))


def _reason(outcome: str) -> str:
    return _REASONS.get(outcome, "failed")


def _words(known: ProcedureCompilation) -> str:
    return known.status.message or known.status.outcome or ""


def ended(known: ProcedureCompilation) -> bool:
    """Whether the last attempt has ended; a status may be that of the attempt before it."""
    status = known.status
    return status.outcome is not None and (status.attempt is None or status.attempt >= known.spec.attempt)


def _again_at(known: ProcedureCompilation) -> datetime | None:
    """When a new attempt may be made; None if that was not said of what waits for review."""
    status = known.status
    if status.retry_after is not None:
        return moment(status.retry_after)
    if status.negative is not None:
        return moment(status.negative.expires)
    if status.outcome in _WAITING or status.finished_at is None:
        return None
    return moment(status.finished_at) + PAUSE


def moment(text: str) -> datetime:
    """A time as resources write it."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


@dataclass(slots=True)
class _Entry:
    known: ProcedureCompilation
    negative: Negative | None


class Compilations:
    """The compilations of all tenants, as a watch tells of them. Everything here runs on the event loop."""

    def __init__(self) -> None:
        self._entries: dict[Key, _Entry] = {}
        self._negatives: dict[str, NegativeIndex] = {}
        self._waiting: dict[Key, asyncio.Event] = {}

    def get(self, tenant: str, name: str) -> ProcedureCompilation | None:
        """A compilation of a tenant."""
        found = self._entries.get(Key(tenant, name))
        return None if found is None else found.known

    def traceparent(self, tenant: str, name: str) -> str | None:
        """The trace to which a compilation belongs."""
        known = self.get(tenant, name)
        return None if known is None else known.spec.traceparent

    def negatives(self, tenant: str) -> NegativeIndex:
        """The types that a tenant's model is not asked about."""
        found = self._negatives.get(tenant)
        return found if found is not None else NegativeIndex(_now)

    async def heard(self, tenant: str, name: str) -> None:
        """Return once something new is known of a compilation."""
        await self._waiting.setdefault(Key(tenant, name), asyncio.Event()).wait()

    def note(self, known: ProcedureCompilation) -> None:
        """What an answer of the API server said, unless something newer is known."""
        key = Key(*known.key)
        before = self._entries.get(key)
        if before is None or _version(before.known) < _version(known):
            self._put(key, known)

    def forget(self, tenant: str, name: str) -> None:
        """The API server says that there is none."""
        self._drop(Key(tenant, name))

    def apply(self, changes: Sequence[Change[ProcedureCompilation]]) -> None:
        """Take in what a watch has learned."""
        for change in changes:
            if change.new is None:
                self._drop(change.key)
            else:
                self._put(change.key, change.new)

    def at_work(self) -> int:
        """Number of compilations that have not ended."""
        return sum(not ended(entry.known) for entry in self._entries.values())

    def _put(self, key: Key, known: ProcedureCompilation) -> None:
        self._tell(key)
        before = self._entries.get(key)
        stated = known.status.negative
        if before is not None and before.negative is not None:
            if before.known.status.negative == stated:
                self._entries[key] = _Entry(known, before.negative)
                return
            self._drop(key)
        negative = None if stated is None else _negative(known.spec.fingerprint, stated)
        if negative is not None:
            negative = self._add(key, negative)
        self._entries[key] = _Entry(known, negative)

    def _add(self, key: Key, negative: Negative) -> Negative:
        index = self._negatives.setdefault(key.namespace, NegativeIndex(_now))
        try:
            index.add(negative)
        except ValueError as error:
            _log.error("the patterns of %s/%s cannot be read, so only its fingerprint counts: %s", *key, error)
            negative = Negative(negative.fingerprint, negative.reason, negative.model, negative.expires)
            index.add(negative)
        return negative

    def _tell(self, key: Key) -> None:
        if (waiting := self._waiting.pop(key, None)) is not None:
            waiting.set()

    def _drop(self, key: Key) -> None:
        self._tell(key)
        before = self._entries.pop(key, None)
        if before is not None and before.negative is not None:
            self._negatives[key.namespace].remove(before.negative)


def _negative(fingerprint: str, stated: NegativeEntry) -> Negative:
    return Negative(
        fingerprint,
        stated.reason,
        stated.model,
        moment(stated.expires),
        tuple(stated.patterns or ()),
        tuple({"name": each.name, "type": each.type} for each in stated.parameters or ()),
    )


def _version(known: ProcedureCompilation) -> int:
    """Versions of one API server grow."""
    text = known.metadata.resource_version
    return int(text) if text.isdecimal() else 0


def _now() -> datetime:
    return datetime.now(UTC)
