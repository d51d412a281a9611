"""The one writer of statuses: server-side apply of the status subresource, and only when it says something new."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from seglam.cluster import Client, NotFound
from seglam.operator.events import Events, EventType
from seglam.operator.metrics import Metrics
from seglam.operator.policies.chain import Verdict
from seglam.operator.seen import ConditionSeen, Meta, StatusSeen
from seglam.resources.conditions import MAX_MESSAGE, timestamp
from seglam.resources.names import OPERATOR, Kind

Fields = Mapping[str, str | int | None]


def condition(type_: str, state: bool | str, reason: str, message: str) -> ConditionSeen:
    """A condition as it shall be; when it last changed is the writer's to say. `state` may also be Unknown."""
    text = message if len(message) <= MAX_MESSAGE else message[: MAX_MESSAGE - 1] + "…"
    return ConditionSeen(type_, str(state), str(reason), text, "")


def ready(verdict: Verdict) -> ConditionSeen:
    """The condition Ready that a verdict amounts to."""
    return condition("Ready", verdict.ready, verdict.reason, verdict.message)


def status_of(
    before: StatusSeen, generation: int, fields: Fields, conditions: Sequence[ConditionSeen], moment: datetime
) -> StatusSeen:
    """The status to write. Fields that are None are left out; conditions keep their time while their status stays."""
    said: dict[str, str | int] = {name: value for name, value in fields.items() if value is not None}
    said["observedGeneration"] = generation
    stamped = []
    for each in sorted(conditions):
        known = before.condition(each.type)
        since = known.last_transition_time if known and known.status == each.status else timestamp(moment)
        stamped.append(each._replace(last_transition_time=since, observed_generation=generation))
    return StatusSeen(tuple(sorted(said.items())), tuple(stamped))


def body_of(status: StatusSeen) -> dict[str, Any]:
    """The status as JSON."""
    conditions = [
        {
            "type": each.type,
            "status": each.status,
            "reason": each.reason,
            "message": each.message,
            "lastTransitionTime": each.last_transition_time,
            "observedGeneration": each.observed_generation,
        }
        for each in status.conditions
    ]
    return {**dict(status.fields), "conditions": conditions}


class StatusWriter:
    """Writes statuses, and remembers those that the watches have not brought back yet."""

    def __init__(
        self,
        client: Client,
        events: Events,
        metrics: Metrics,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client
        self._events = events
        self._metrics = metrics
        self._clock = clock
        self._written: dict[tuple[str, str, str], tuple[str, int, StatusSeen]] = {}
        self._counted: dict[tuple[str, str, str], tuple[ConditionSeen, ...]] = {}

    def latest(self, kind: Kind, meta: Meta, seen: StatusSeen) -> StatusSeen:
        """The newest status that is known: what a watch brought, or what was written since then."""
        key = (kind.kind, meta.namespace, meta.name)
        uid, version, status = self._written.get(key, ("", 0, seen))
        # Versions of one kind are numbers that grow, which the API guarantees since Kubernetes 1.35.
        if uid == meta.uid and int(meta.version or 0) < version:
            return status
        self._written.pop(key, None)
        return seen

    async def write(
        self,
        kind: Kind,
        meta: Meta,
        seen: StatusSeen,
        fields: Fields,
        conditions: Sequence[ConditionSeen],
        *,
        warnings: frozenset[str] = frozenset(),
    ) -> bool:
        """Write a status where it differs from the one that is known; True if it did.

        A change of Ready's status or reason is also an event; `warnings` are the reasons that make it a warning. An
        object that is gone by now is passed over.
        """
        before = self.latest(kind, meta, seen)
        status = status_of(before, meta.generation, fields, conditions, self._clock())
        self.count(kind, meta, status.conditions)
        if status == before:
            return False
        body = {
            "apiVersion": kind.api_version,
            "kind": kind.kind,
            "metadata": {
                "name": meta.name,
                **({"namespace": meta.namespace} if kind.namespaced else {}),
                "uid": meta.uid,
            },
            "status": body_of(status),
        }
        try:
            written = await self._client.apply(kind, body, manager=OPERATOR, subresource="status")
        except NotFound:
            return False
        self._metrics.writes.labels(kind.kind, "status").inc()
        version = int(written["metadata"]["resourceVersion"])
        self._written[kind.kind, meta.namespace, meta.name] = (meta.uid, version, status)
        self._report(kind, meta, before.condition("Ready"), status.condition("Ready"), warnings)
        return True

    def _report(
        self, kind: Kind, meta: Meta, before: ConditionSeen | None, now: ConditionSeen | None, warnings: frozenset[str]
    ) -> None:
        if now is None or (before is not None and (before.status, before.reason) == (now.status, now.reason)):
            return
        type_: EventType = "Warning" if now.reason in warnings else "Normal"
        self._events.report(kind, meta, type_, now.reason, now.message, "Reconcile")

    def count(self, kind: Kind, meta: Meta, conditions: Sequence[ConditionSeen]) -> None:
        """Show an object's conditions in the metrics, in place of those that it had."""
        key = (kind.kind, meta.namespace, meta.name)
        for each in self._counted.pop(key, ()):
            self._metrics.conditions.labels(kind.kind, each.type, each.status, each.reason).dec()
        kept = tuple(ConditionSeen(each.type, each.status, each.reason, "", "") for each in conditions)
        for each in kept:
            self._metrics.conditions.labels(kind.kind, each.type, each.status, each.reason).inc()
        if kept:
            self._counted[key] = kept

    def forget(self, kind: Kind, namespace: str, name: str) -> None:
        """An object is gone."""
        self._written.pop((kind.kind, namespace, name), None)
        self.count(kind, Meta(namespace, name, "", ""), ())
