"""RunnerPools as they are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from seglam.operator.owned import is_owned
from seglam.operator.seen import ConditionSeen, Meta, StatusSeen
from seglam.resources import RunnerPoolSpec


@dataclass(frozen=True, slots=True)
class PoolSeen:
    """A RunnerPool.

    Attributes:
        spec: what it asks for; the defaults where that cannot be read.
        fault: why it cannot be read, or None.
        on_demand: whether the operator opened it.
    """

    meta: Meta
    spec: RunnerPoolSpec
    status: StatusSeen
    fault: str | None
    on_demand: bool


def meta_from(obj: Mapping[str, Any]) -> Meta:
    """The metadata that decisions need."""
    meta = obj["metadata"]
    return Meta(
        meta.get("namespace", ""),
        meta["name"],
        meta["uid"],
        meta["resourceVersion"],
        int(meta.get("generation", 0)),
        meta.get("creationTimestamp", ""),
        "deletionTimestamp" in meta,
    )


def status_from(obj: Mapping[str, Any]) -> StatusSeen:
    """A status as it was last written: its scalars and its conditions."""
    status = obj.get("status") or {}
    fields = {name: value for name, value in status.items() if isinstance(value, str | int)}
    conditions = [
        ConditionSeen(
            each["type"],
            each["status"],
            each.get("reason", ""),
            each.get("message", ""),
            each.get("lastTransitionTime", ""),
            each.get("observedGeneration"),
        )
        for each in status.get("conditions") or ()
    ]
    return StatusSeen(tuple(sorted(fields.items())), tuple(sorted(conditions)))


def pool_from(obj: Mapping[str, Any]) -> PoolSeen:
    """A RunnerPool of the API server."""
    fault = None
    try:
        spec = RunnerPoolSpec.model_validate(obj.get("spec") or {})
    except ValidationError as error:
        first = error.errors()[0]
        fault = f"spec.{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
        spec = RunnerPoolSpec()
    return PoolSeen(meta_from(obj), spec, status_from(obj), fault, is_owned(obj))
