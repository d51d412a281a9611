"""Tenants: a runner namespace with its pools for each namespace that has procedures or pools.

One reconcile looks after all of a tenant's runners, so that nothing in its runner namespace has two writers. It reads
what there is each time; what is remembered only saves questions, and never leads to a deletion by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from seglam.cluster import AlreadyExists, Client, Listing, Object, Selection
from seglam.cluster.kinds import DEPLOYMENT, NAMESPACE, NETWORK_POLICY, SERVICE
from seglam.operator.context import Context
from seglam.operator.controllers import Controller, Watch
from seglam.operator.desired.runners import Pool, dedicated, stated_pool
from seglam.operator.gather.pools import PoolSeen, pool_from
from seglam.operator.keys import DONE, Key, Result
from seglam.operator.owned import NotOwned
from seglam.operator.policies.chain import Verdict
from seglam.operator.policies.pool import Fleet, fleet_of, judge, name_fault
from seglam.operator.queue import Mark
from seglam.operator.reconcile.runners import RunnerNamespaces
from seglam.operator.runners import Readiness
from seglam.operator.seen import Procedure
from seglam.operator.status import ready
from seglam.resources import RunnerPoolSpec
from seglam.resources.conditions import Reason
from seglam.resources.names import (
    DEDICATED_PREFIX,
    DEFAULT_POOL,
    LABEL_MANAGED_BY,
    LABEL_PROCEDURE,
    LABEL_TENANT,
    MANAGED_LABELS,
    OPERATOR,
    REASONING_PROCEDURE,
    RUNNER_POOL,
    dedicated_pool,
    runner_namespace,
)

KIND = "Tenant"
OWNED = f"{LABEL_MANAGED_BY}={OPERATOR}"
TERMINATING_S = 2.0
WARNINGS = frozenset({Reason.NOT_OWNED, Reason.INVALID, Reason.RUNNERS_NOT_READY})


class Procedures(Protocol):
    """What is known of procedures."""

    def procedures(self, namespace: str | None = None) -> Iterator[Procedure]:
        """All procedures, or those of a namespace."""


class Tenants:
    """Looks after the runners of all tenants; the `Runners` of procedures."""

    def __init__(self, context: Context, known: Procedures, namespaces: RunnerNamespaces) -> None:
        self._client: Client = context.client
        self._status = context.status
        self._settings = context.settings
        self._mark: Mark = context.mark
        self._known = known
        self._namespaces = namespaces
        self._readiness: dict[tuple[str, str], Readiness] = {}
        self._idle: dict[str, float] = {}

    # What procedures ask

    def want(self, namespace: str, pool: str) -> None:
        """A procedure is to be served by a pool: make it, if nobody has."""
        if (namespace, pool) not in self._readiness:
            self._mark(tenant_key(namespace))

    def readiness(self, namespace: str, pool: str) -> Readiness:
        """Whether a pool can run procedures."""
        return self._readiness.get((namespace, pool), Readiness(None, "the runners are not known yet"))

    # The reconcile

    async def reconcile(self, key: Key) -> Result:
        """Bring a tenant's runners to the state that its procedures and pools ask for."""
        tenant = key.name
        pools = await self._pools(tenant)
        served = {each.pool: each.meta.name for each in self._known.procedures(tenant) if not each.meta.deleting}
        if not served and all(pool.on_demand for pool in pools) and not await self._has_procedures(tenant):
            if (rest := self._rest_of_idling(tenant, pools)) <= 0:
                await self._leave(tenant, pools)
                return DONE
        else:
            rest = 0.0
            self._idle.pop(tenant, None)
        if DEFAULT_POOL in served and all(pool.meta.name != DEFAULT_POOL for pool in pools):
            await self._open_default(tenant)
            pools = await self._pools(tenant)
        namespace = runner_namespace(tenant)
        try:
            if not await self._namespaces.prepare(namespace, tenant):
                return Result(TERMINATING_S)
        except NotOwned as foreign:
            await self._refused(tenant, pools, served, foreign.message)
            return DONE
        kept = [await self._stated(tenant, pool) for pool in pools]
        own = {pool: name for pool, name in served.items() if pool.startswith(DEDICATED_PREFIX)}
        kept += [await self._own(tenant, name) for name in own.values()]
        await self._clear(tenant, namespace, {name for name in kept if name})
        return Result(rest) if rest > 0 else DONE

    async def _pools(self, tenant: str) -> list[PoolSeen]:
        found: Listing[Object] = await self._client.list(RUNNER_POOL, Selection(tenant))
        pools = [pool_from(item) for item in found.items]
        return [pool for pool in pools if not pool.meta.deleting]

    async def _has_procedures(self, tenant: str) -> bool:
        """Asked of the API server, since what is known is empty at the start; a page of one is enough."""
        pages = self._client.pages(REASONING_PROCEDURE, Selection(tenant), decoder=bool, metadata_only=True, limit=1)
        async for page in pages:
            return bool(page.items)
        return False

    def _rest_of_idling(self, tenant: str, pools: list[PoolSeen]) -> float:
        """Seconds for which the runners of a tenant without procedures are kept, since some may come back."""
        if not pools:
            return 0.0
        now = asyncio.get_running_loop().time()
        return self._idle.setdefault(tenant, now) + self._settings.runners.idle_s - now

    async def _leave(self, tenant: str, pools: list[PoolSeen]) -> None:
        for pool in pools:
            await self._client.delete(RUNNER_POOL, pool.meta.name, tenant, uid=pool.meta.uid)
            self._status.forget(RUNNER_POOL, tenant, pool.meta.name)
        await self._namespaces.vacate(runner_namespace(tenant))
        self._idle.pop(tenant, None)
        for name in [pool for of, pool in self._readiness if of == tenant]:
            del self._readiness[tenant, name]

    async def _open_default(self, tenant: str) -> None:
        namespace = await self._client.find(NAMESPACE, tenant)
        if namespace is None or namespace["metadata"].get("deletionTimestamp"):
            return
        spec = RunnerPoolSpec(replicas=self._settings.runners.replicas)
        body = {
            "apiVersion": RUNNER_POOL.api_version,
            "kind": RUNNER_POOL.kind,
            "metadata": {"name": DEFAULT_POOL, "namespace": tenant, "labels": dict(MANAGED_LABELS)},
            "spec": spec.model_dump(mode="json", by_alias=True, exclude_none=True),
        }
        try:
            await self._client.create(RUNNER_POOL, body, manager=OPERATOR)
        except AlreadyExists:
            return  # somebody opened one just now, and it is theirs

    async def _stated(self, tenant: str, pool: PoolSeen) -> str | None:
        """A RunnerPool's runners and its status; the pool's name, unless it asks for something impossible."""
        name = pool.meta.name
        if (fault := name_fault(name)) or pool.fault:
            await self._say(tenant, pool, None, Verdict(Reason.INVALID, fault or pool.fault or "", stalled=True))
            return None
        wanted = stated_pool(tenant, name, pool.spec, self._settings.runners)
        try:
            fleet = fleet_of(await self._namespaces.ensure(wanted))
        except NotOwned as foreign:
            await self._say(tenant, pool, wanted, Verdict(Reason.NOT_OWNED, foreign.message))
            return name
        await self._say(tenant, pool, wanted, judge(fleet), fleet)
        return name

    async def _own(self, tenant: str, procedure: str) -> str | None:
        """The runners of a procedure that has its own; None if it has none any more."""
        found = await self._client.find(REASONING_PROCEDURE, procedure, tenant)
        sandbox = ((found or {}).get("spec") or {}).get("sandbox") or {}
        if sandbox.get("isolation") != "dedicated":
            return None
        pool = dedicated(tenant, procedure, sandbox.get("runtimeClassName"), self._settings.runners)
        try:
            fleet = fleet_of(await self._namespaces.ensure(pool, procedure))
        except NotOwned as foreign:
            self._know(tenant, pool.name, Readiness(False, foreign.message))
            return pool.name
        self._know(tenant, pool.name, readiness_of(fleet))
        return pool.name

    async def _clear(self, tenant: str, namespace: str, kept: set[str]) -> None:
        """Remove the runners that nobody asks for any more."""
        whose: dict[str, str | None] = {}
        for kind in (SERVICE, DEPLOYMENT):
            found: Listing[Object] = await self._client.list(kind, Selection(namespace, OWNED), metadata_only=True)
            for item in found.items:
                whose[item["metadata"]["name"]] = item["metadata"]["labels"].get(LABEL_PROCEDURE)
        for name in sorted(whose.keys() - kept):
            # What is known of procedures may be late: a dedicated one is asked for before its runners go.
            if (procedure := whose[name]) and await self._own(tenant, procedure) == name:
                continue
            await self._namespaces.remove(namespace, name)
            self._know(tenant, name, None)

    async def _refused(self, tenant: str, pools: list[PoolSeen], served: Mapping[str, str], message: str) -> None:
        """The runner namespace is not the operator's: nothing can be served."""
        for pool in pools:
            await self._say(tenant, pool, None, Verdict(Reason.NOT_OWNED, message))
        for name in served:
            self._know(tenant, name, Readiness(False, message))

    async def _say(
        self, tenant: str, pool: PoolSeen, wanted: Pool | None, verdict: Verdict, fleet: Fleet | None = None
    ) -> None:
        fields = {
            "namespace": wanted.namespace if wanted else None,
            "selector": wanted.selector_text if wanted else None,
            "replicas": fleet.exist if fleet else 0,
            "readyReplicas": fleet.ready if fleet else 0,
        }
        await self._status.write(RUNNER_POOL, pool.meta, pool.status, fields, [ready(verdict)], warnings=WARNINGS)
        self._know(tenant, pool.meta.name, readiness_of(fleet) if fleet else Readiness(False, verdict.message))

    def _know(self, tenant: str, pool: str, readiness: Readiness | None) -> None:
        """Remember a pool's readiness, and mark the procedures whose own readiness it changes."""
        before = self._readiness.get((tenant, pool))
        if readiness is None:
            self._readiness.pop((tenant, pool), None)
        else:
            self._readiness[tenant, pool] = readiness
        if (before.ready if before else None) == (readiness.ready if readiness else None):
            return
        for procedure in self._known.procedures(tenant):
            if procedure.pool == pool:
                self._mark(Key(REASONING_PROCEDURE.kind, tenant, procedure.meta.name))

    # What marks tenants

    async def everything(self) -> Iterable[Key]:
        """Tenants with procedures, pools or a runner namespace."""
        tenants = {each.meta.namespace for each in self._known.procedures()}
        for namespace in self._settings.watch_namespaces or (None,):
            pools: Listing[Object] = await self._client.list(RUNNER_POOL, Selection(namespace), metadata_only=True)
            tenants |= {item["metadata"]["namespace"] for item in pools.items}
        made = Selection(labels=f"{OWNED},{LABEL_TENANT}")
        namespaces: Listing[Object] = await self._client.list(NAMESPACE, made, metadata_only=True)
        tenants |= {item["metadata"]["labels"][LABEL_TENANT] for item in namespaces.items}
        return [tenant_key(tenant) for tenant in sorted(tenants) if self._watched(tenant)]

    def watches(self) -> tuple[Watch, ...]:
        """Pools, procedures that go or change their runners, and everything in runner namespaces."""
        owned = (DEPLOYMENT, SERVICE, NETWORK_POLICY, NAMESPACE)
        return (
            Watch(RUNNER_POOL, self._of_pool),
            Watch(REASONING_PROCEDURE, lambda _: (), remember=self._procedure_changed),
            *(Watch(kind, self._of_owned, labels=OWNED) for kind in owned),
        )

    def _of_pool(self, obj: Mapping[str, Any]) -> Iterable[Key]:
        return (tenant_key(obj["metadata"]["namespace"]),)

    def _of_owned(self, obj: Mapping[str, Any]) -> Iterable[Key]:
        tenant = (obj["metadata"].get("labels") or {}).get(LABEL_TENANT)
        return (tenant_key(tenant),) if tenant and self._watched(tenant) else ()

    def _procedure_changed(self, obj: Mapping[str, Any], deleted: bool) -> None:
        meta = obj["metadata"]
        tenant, own = meta["namespace"], dedicated_pool(meta["name"])
        isolation = (obj.get("spec", {}).get("sandbox") or {}).get("isolation")
        if deleted or (isolation != "dedicated" and (tenant, own) in self._readiness):
            self._mark(tenant_key(tenant))

    def _watched(self, tenant: str) -> bool:
        return not self._settings.watch_namespaces or tenant in self._settings.watch_namespaces


def tenant_key(tenant: str) -> Key:
    """The key of a tenant, which is a namespace."""
    return Key(KIND, "", tenant)


def readiness_of(fleet: Fleet) -> Readiness:
    """A single ready runner serves; that there are fewer than wanted is the pool's own condition."""
    if fleet.ready > 0:
        return Readiness(True)
    return Readiness(False, judge(fleet).message)


def controller(tenants: Tenants) -> Controller:
    """The controller of tenants' runners."""
    return Controller(KIND, tenants.reconcile, tenants.watches(), tenants.everything)
