"""PackImports, TrustPolicies and TrustRoots as they are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from seglam.cluster import Client, Listing, Object, Selection
from seglam.operator.gather.pools import meta_from, status_from
from seglam.operator.seen import Meta, PackImport, StatusSeen
from seglam.packs.trust.policy import TrustPolicy, TrustPolicySpec, matching
from seglam.packs.trust.roots import TrustRoot, TrustRootSpec
from seglam.resources.conditions import ConditionType
from seglam.resources.imports import AcceptedRelease, PackImportSpec, PackImportStatus
from seglam.resources.names import TRUST_POLICY, TRUST_ROOT, authors_of


@dataclass(frozen=True, slots=True)
class ImportRead:
    """A PackImport as it is now.

    Attributes:
        spec: what it asks for, or what is wrong with it.
        decided: its status, as far as it can be read.
    """

    meta: Meta
    spec: PackImportSpec | str
    authors: tuple[str, ...]
    decided: PackImportStatus
    status: StatusSeen

    @property
    def accepted(self) -> tuple[AcceptedRelease, ...] | None:
        """Releases that may be served; None where nothing was decided yet, or a backup lost it.

        The API server keeps no empty list where there was one, so the condition tells the two apart.
        """
        if self.decided.accepted is None and self.status.condition(ConditionType.VERIFIED) is None:
            return None
        return tuple(self.decided.accepted or ())


def import_from(obj: Mapping[str, Any]) -> ImportRead:
    """A PackImport of the API server."""
    spec: PackImportSpec | str
    try:
        spec = PackImportSpec.model_validate(obj.get("spec") or {})
    except ValidationError as error:
        spec = fault_of(error)
    try:
        decided = PackImportStatus.model_validate(obj.get("status") or {})
    except ValidationError:
        decided = PackImportStatus()  # of another version: everything is decided anew
    authors = authors_of(obj["metadata"].get("annotations"))
    return ImportRead(meta_from(obj), spec, authors, decided, status_from(obj))


def import_seen(obj: Mapping[str, Any]) -> PackImport:
    """What is remembered of a PackImport."""
    read = import_from(obj)
    accepted = None
    if read.accepted is not None:
        accepted = {
            (procedure.name, procedure.digest): release.approval
            for release in reversed(read.accepted)  # the first is the current one, and has the last word
            for procedure in release.procedures
        }
    # Not Ready: that repeats what the procedures say, who repeat this.
    said = read.status.condition(ConditionType.VERIFIED)
    met = read.status.condition(ConditionType.REQUIREMENTS_MET)
    return PackImport(
        read.meta,
        accepted,
        f"{said.reason}: {said.message}" if said else "not decided yet",
        tuple(each.release for each in read.accepted or ()),
        met is not None and met.status != "True",
    )


@dataclass(frozen=True, slots=True)
class Trust:
    """All policies and roots that can be read, and the versions of indexes that were seen by root."""

    policies: tuple[TrustPolicy, ...]
    roots: Mapping[str, TrustRoot]
    seen: Mapping[str, int]

    def deciding(self, namespace: str, pack: str) -> tuple[TrustPolicy, ...]:
        """The policies that decide about a pack in a namespace, all of which must allow it."""
        return matching(self.policies, namespace, pack)


async def trust(client: Client) -> Trust:
    """What administrators say, read now: there are few of these, and a decision must not rest on an old one.

    Raises:
        TrustUnreadable: some policy cannot be read.
    """
    policies: Listing[Object] = await client.list(TRUST_POLICY, Selection())
    roots: Listing[Object] = await client.list(TRUST_ROOT, Selection())
    read: list[TrustPolicy] = []
    for item in policies.items:
        policy = policy_from(item)
        if isinstance(policy, str):
            raise TrustUnreadable(f"TrustPolicy {item['metadata']['name']} cannot be read: {policy}")
        read.append(policy)
    found = {root.name: root for item in roots.items if isinstance(root := root_from(item), TrustRoot)}
    seen = {item["metadata"]["name"]: int((item.get("status") or {}).get("indexVersion") or 0) for item in roots.items}
    return Trust(tuple(sorted(read, key=lambda policy: policy.name)), found, seen)


class TrustUnreadable(Exception):
    """Some policy contradicts itself. Nobody can tell what it would have denied, so nothing new is accepted."""


def policy_from(obj: Mapping[str, Any]) -> TrustPolicy | str:
    """A TrustPolicy, or what is wrong with it."""
    try:
        return TrustPolicy(obj["metadata"]["name"], TrustPolicySpec.model_validate(obj.get("spec") or {}))
    except ValidationError as error:
        return fault_of(error)


def root_from(obj: Mapping[str, Any]) -> TrustRoot | str:
    """A TrustRoot, or what is wrong with it."""
    try:
        return TrustRoot(obj["metadata"]["name"], TrustRootSpec.model_validate(obj.get("spec") or {}))
    except ValidationError as error:
        return fault_of(error)


def fault_of(error: ValidationError) -> str:
    """The first fault of a spec, with its place."""
    first = error.errors()[0]
    return f"{'.'.join(('spec', *(str(part) for part in first['loc'])))}: {first['msg']}"
