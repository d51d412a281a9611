"""Making objects as they are wanted, and only those that the operator owns."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from seglam.cluster import Client, Conflict
from seglam.cluster.kinds import Kind
from seglam.operator.metrics import Metrics
from seglam.resources.names import LABEL_MANAGED_BY, OPERATOR

Object = dict[str, Any]

ANNOTATION_WANTED = "seglam.dev/wanted"
"""SHA-256 of the object as it was wanted when it was last applied: fields that are wanted no more are noticed by it."""


class NotOwned(Exception):
    """An object of a wanted name is there and is not the operator's: it is left as it is."""

    def __init__(self, kind: Kind, obj: Mapping[str, Any]) -> None:
        meta = obj["metadata"]
        place = f"{meta['namespace']}/{meta['name']}" if meta.get("namespace") else meta["name"]
        self.message = (
            f"{kind.kind} {place} exists and lacks the label {LABEL_MANAGED_BY}={OPERATOR}; delete it, or rename it"
        )
        super().__init__(self.message)


def is_owned(obj: Mapping[str, Any]) -> bool:
    """Whether the operator made an object."""
    return (obj["metadata"].get("labels") or {}).get(LABEL_MANAGED_BY) == OPERATOR


class Owner:
    """Brings objects to their wanted state, with as few writes as that takes.

    An object that is as wanted costs one read. Fields that somebody else set in a spec, or data that they added, go
    with the next reconcile; annotations of a pod template stay, so that `kubectl rollout restart` works.
    """

    def __init__(self, client: Client, metrics: Metrics) -> None:
        self._client = client
        self._metrics = metrics

    async def ensure(self, kind: Kind, wanted: Mapping[str, Any]) -> Object:
        """The object as it is after it was made as wanted.

        Raises:
            NotOwned: an object of this name is there that the operator did not make.
            Conflict: somebody else made or replaced the object just now; the next attempt sees theirs.
        """
        stamped = _stamped(wanted)
        meta = stamped["metadata"]
        live = await self._client.find(kind, meta["name"], meta.get("namespace"))
        if live is None:
            return await self._apply(kind, stamped, force=False)
        if not is_owned(live):
            raise NotOwned(kind, live)
        if live["metadata"].get("deletionTimestamp"):
            raise Conflict(409, "Terminating", "the object is being deleted", f"{kind.kind} {meta['name']}")
        if added_by_others(live):
            live = await self._restore(kind, live, stamped)
        if contains(live, stamped):
            return live
        stamped["metadata"]["uid"] = live["metadata"]["uid"]
        return await self._apply(kind, stamped, force=True)

    async def remove(self, kind: Kind, name: str, namespace: str | None) -> bool:
        """Delete an object if it is there and the operator's; whether it was."""
        live = await self._client.find(kind, name, namespace)
        if live is None or not is_owned(live):
            return False
        if live["metadata"].get("deletionTimestamp"):
            return True
        await self._client.delete(kind, name, namespace, uid=live["metadata"]["uid"])
        self._metrics.writes.labels(kind.kind, "delete").inc()
        return True

    async def _apply(self, kind: Kind, wanted: Object, *, force: bool) -> Object:
        made = await self._client.apply(kind, wanted, manager=OPERATOR, force=force)
        self._metrics.writes.labels(kind.kind, "apply").inc()
        return made

    async def _restore(self, kind: Kind, live: Object, wanted: Object) -> Object:
        """Put the wanted content in place of the whole; apply alone would leave what others added."""
        version, uid = live["metadata"]["resourceVersion"], live["metadata"]["uid"]
        # Not the version: it changes with every status, and the wanted content is wanted whatever came between.
        steps: list[Object] = [{"op": "test", "path": "/metadata/uid", "value": uid}]
        for part in CONTENT:
            if part in wanted:
                steps.append({"op": "add", "path": f"/{part}", "value": _merged(wanted[part], live.get(part))})
        meta = live["metadata"]
        made = await self._client.patch(kind, meta["name"], steps, meta.get("namespace"), type="json", manager=OPERATOR)
        if made["metadata"]["resourceVersion"] != version:
            self._metrics.writes.labels(kind.kind, "patch").inc()
        return made


CONTENT = ("spec", "data", "stringData", "binaryData")
"""Members of an object that say what it is."""


def added_by_others(live: Mapping[str, Any]) -> bool:
    """Whether somebody else than the operator set fields of what the object is; controllers set only its status."""
    return any(
        entry.get("manager") != OPERATOR
        and not entry.get("subresource")
        and any(f"f:{part}" in (entry.get("fieldsV1") or {}) for part in CONTENT)
        for entry in live["metadata"].get("managedFields") or ()
    )


def contains(live: Any, wanted: Any) -> bool:
    """Whether everything that is wanted is there. Lists must have the same length; mappings may hold more."""
    if isinstance(wanted, Mapping):
        return isinstance(live, Mapping) and all(
            contains(live.get(name), value) for name, value in wanted.items() if not _empty(value) or name in live
        )
    if isinstance(wanted, Sequence) and not isinstance(wanted, str):
        return (
            isinstance(live, Sequence)
            and not isinstance(live, str)
            and len(live) == len(wanted)
            and all(contains(each, value) for each, value in zip(live, wanted, strict=True))
        )
    return bool(live == wanted)


def _empty(value: Any) -> bool:
    return value is None or value == {} or value == []


def _merged(wanted: Any, live: Any) -> Any:
    """The wanted content, with the annotations of the pod template that is there, and with what cannot be changed."""
    if not (isinstance(wanted, Mapping) and isinstance(live, Mapping)):
        return wanted
    kept = {name: live[name] for name in ("clusterIPs", "ipFamilies", "ipFamilyPolicy", "finalizers") if name in live}
    merged = {**kept, **wanted}
    annotations = ((live.get("template") or {}).get("metadata") or {}).get("annotations")
    if annotations and "template" in wanted:
        template = wanted["template"]
        merged["template"] = {**template, "metadata": {**template["metadata"], "annotations": annotations}}
    return merged


def _stamped(wanted: Mapping[str, Any]) -> Object:
    text = json.dumps(wanted, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    meta = wanted["metadata"]
    mark = hashlib.sha256(text.encode()).hexdigest()[:32]
    return {**wanted, "metadata": {**meta, "annotations": {**meta.get("annotations", {}), ANNOTATION_WANTED: mark}}}
