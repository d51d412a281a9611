"""TrustPolicy and TrustRoot: whether they can be used, and how new an index was seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from seglam.cluster import Listing, Object, Selection
from seglam.operator.context import Context
from seglam.operator.controllers import Controller, Watch
from seglam.operator.gather.imports import policy_from, root_from
from seglam.operator.gather.pools import meta_from, status_from
from seglam.operator.gather.registries import Refused, Registries, Unreachable
from seglam.operator.keys import DONE, Key, Result
from seglam.operator.policies.chain import Verdict
from seglam.operator.policies.imports import reason_of
from seglam.operator.status import ready
from seglam.packs.trust.policy import TrustPolicy
from seglam.packs.trust.roots import TrustRoot
from seglam.resources.conditions import Reason, timestamp
from seglam.resources.names import TRUST_POLICY, TRUST_ROOT, Kind

WARNINGS = frozenset({Reason.INVALID, Reason.ROOT_MISSING, "IndexRollback", "IndexSignature", "IndexExpired"})


class Policies:
    """Reconciles trust policies."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def reconcile(self, key: Key) -> Result:
        """Say whether a policy can decide."""
        found = await self._context.client.find(TRUST_POLICY, key.name)
        if found is None or found["metadata"].get("deletionTimestamp"):
            self._context.status.forget(TRUST_POLICY, "", key.name)
            return DONE
        policy = policy_from(found)
        verdict = await self._verdict(policy)
        await self._context.status.write(
            TRUST_POLICY, meta_from(found), status_from(found), {}, [ready(verdict)], warnings=WARNINGS
        )
        return DONE

    async def _verdict(self, policy: TrustPolicy | str) -> Verdict:
        if isinstance(policy, str):
            return Verdict(Reason.INVALID, f"{policy}; no import is accepted while a policy cannot be read")
        name = policy.spec.trust_root
        root = await self._context.client.find(TRUST_ROOT, name)
        if root is None:
            return Verdict(Reason.ROOT_MISSING, f"there is no TrustRoot {name}, so everything is denied")
        return Verdict(Reason.ACCEPTED, f"decides by TrustRoot {name}", ready=True)

    async def everything(self) -> Iterable[Key]:
        """All policies."""
        return await _all(self._context, TRUST_POLICY)


class Roots:
    """Reconciles trust roots."""

    def __init__(self, context: Context, registries: Registries) -> None:
        self._context = context
        self._registries = registries

    async def reconcile(self, key: Key) -> Result:
        """Say whether a root can be used, and remember how new its index is: no restart makes an older one believed."""
        found = await self._context.client.find(TRUST_ROOT, key.name)
        if found is None or found["metadata"].get("deletionTimestamp"):
            self._context.status.forget(TRUST_ROOT, "", key.name)
            return DONE
        status = self._context.status.latest(TRUST_ROOT, meta_from(found), status_from(found))
        fields = {name: status.field(name) for name in ("indexVersion", "indexExpires")}
        root = root_from(found)
        if isinstance(root, str):
            verdict = Verdict(Reason.INVALID, root)
        else:
            verdict, fields = await self._look(root, fields)
        await self._context.status.write(
            TRUST_ROOT, meta_from(found), status, fields, [ready(verdict)], warnings=WARNINGS
        )
        return DONE

    async def _look(
        self, root: TrustRoot, fields: dict[str, str | int | None]
    ) -> tuple[Verdict, dict[str, str | int | None]]:
        origins = [source.origin for source in root.spec.sources or ()]
        if root.spec.tuf is None or not origins:
            return Verdict(Reason.ACCEPTED, "has no index to look at", ready=True), fields
        trouble = Verdict(Reason.SOURCE_UNREACHABLE, "")
        for origin in origins:
            try:
                state = await self._registries.refreshed(root, origin)
            except Unreachable as problem:
                trouble = Verdict(Reason.SOURCE_UNREACHABLE, str(problem))
                continue
            except Refused as problem:
                trouble = Verdict(reason_of(problem.code), problem.words)
                continue
            seen = int(fields["indexVersion"] or 0)
            if state.snapshot_version < seen:
                words = f"the index of {origin} shows snapshot {state.snapshot_version}; {seen} was seen before"
                return Verdict("IndexRollback", words), fields
            said = f"snapshot {state.snapshot_version} of the index of {origin}"
            fields = {"indexVersion": state.snapshot_version, "indexExpires": timestamp(state.expires)}
            return Verdict(Reason.SOURCE_REACHABLE, said, ready=True), fields
        return trouble, fields

    async def everything(self) -> Iterable[Key]:
        """All roots."""
        return await _all(self._context, TRUST_ROOT)


async def _all(context: Context, kind: Kind) -> Iterable[Key]:
    found: Listing[Object] = await context.client.list(kind, Selection(), metadata_only=True)
    return [Key(kind.kind, "", each["metadata"]["name"]) for each in found.items]


def controllers(policies: Policies, roots: Roots) -> tuple[Controller, Controller]:
    """The controllers of policies and of roots; a policy looks again when its root comes or goes."""

    def policy(found: Mapping[str, Any]) -> Iterable[Key]:
        return (Key(TRUST_POLICY.kind, "", found["metadata"]["name"]),)

    def root(found: Mapping[str, Any]) -> Iterable[Key]:
        return (Key(TRUST_ROOT.kind, "", found["metadata"]["name"]),)

    return (
        Controller(TRUST_POLICY.kind, policies.reconcile, (Watch(TRUST_POLICY, policy),), policies.everything, 1),
        Controller(TRUST_ROOT.kind, roots.reconcile, (Watch(TRUST_ROOT, root),), roots.everything, 1),
    )
