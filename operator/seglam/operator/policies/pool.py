"""Whether a pool's runners are as they are wanted: a chain over the pool and what its Deployment says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seglam.operator.policies.chain import Policy, Verdict, decide
from seglam.resources.conditions import Reason
from seglam.resources.names import DEDICATED_PREFIX, MAX_NAME

_SERVICE_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
"""What the name of a Service may be (RFC 1035); a pool's Service has the pool's name."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """What a Deployment says of its pods: how many are wanted, exist, are of the newest template, and are ready.

    `current` says whether the controller of Deployments has seen the newest spec, `trouble` what keeps pods away.
    """

    wanted: int
    exist: int = 0
    updated: int = 0
    ready: int = 0
    current: bool = False
    trouble: str = ""


def fleet_of(deployment: Mapping[str, Any]) -> Fleet:
    """What a Deployment says."""
    status = deployment.get("status") or {}
    troubles = [
        each.get("message", "")
        for each in status.get("conditions") or ()
        if (each.get("type"), each.get("status")) in (("ReplicaFailure", "True"), ("Progressing", "False"))
    ]
    return Fleet(
        wanted=int(deployment["spec"].get("replicas", 1)),
        exist=int(status.get("replicas", 0)),
        updated=int(status.get("updatedReplicas", 0)),
        ready=int(status.get("readyReplicas", 0)),
        current=int(status.get("observedGeneration", 0)) >= int(deployment["metadata"].get("generation", 0)),
        trouble="; ".join(sorted(filter(None, troubles))),
    )


def name_fault(name: str) -> str | None:
    """Why a RunnerPool cannot have a name, or None."""
    if name.startswith(DEDICATED_PREFIX):
        return f"names that begin with {DEDICATED_PREFIX!r} are those of dedicated procedures; choose another"
    if len(name) > MAX_NAME or not _SERVICE_NAME.fullmatch(name):
        return f"the name of a pool is also that of a Service: at most {MAX_NAME} of a-z, 0-9 and -, a letter first"
    return None


def judge(fleet: Fleet) -> Verdict:
    """Whether the runners are as they are wanted."""
    return decide(CHAIN, fleet)


def _unseen(fleet: Fleet) -> Verdict | None:
    if not fleet.current:
        return Verdict(Reason.PROGRESSING, "the runners are being changed")
    return None


def _none_wanted(fleet: Fleet) -> Verdict | None:
    if fleet.wanted == 0:
        if fleet.exist:
            return Verdict(Reason.PROGRESSING, f"{fleet.exist} runners are ending")
        return Verdict(Reason.SCALED_TO_ZERO, "no runner is wanted: nothing is served from this pool", ready=True)
    return None


def _available(fleet: Fleet) -> Verdict | None:
    if fleet.ready >= fleet.wanted and fleet.updated >= fleet.wanted and fleet.exist == fleet.wanted:
        return Verdict(Reason.AVAILABLE, f"{fleet.ready} of {fleet.wanted} runners are ready", ready=True)
    return None


def _troubled(fleet: Fleet) -> Verdict | None:
    if fleet.trouble:
        return Verdict(Reason.RUNNERS_NOT_READY, f"{fleet.ready} of {fleet.wanted} runners are ready: {fleet.trouble}")
    return None


def _progressing(fleet: Fleet) -> Verdict:
    return Verdict(Reason.PROGRESSING, f"{fleet.ready} of {fleet.wanted} runners are ready")


CHAIN: tuple[Policy[Fleet], ...] = (_unseen, _none_wanted, _available, _troubled, _progressing)
