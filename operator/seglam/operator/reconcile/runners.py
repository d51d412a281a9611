"""Runner namespaces and the pools in them, of tenants and of verification alike."""

from __future__ import annotations

import base64
import logging

from seglam.cluster import Client, Conflict
from seglam.cluster.kinds import DEPLOYMENT, NAMESPACE, NETWORK_POLICY, POD_DISRUPTION_BUDGET, SECRET, SERVICE
from seglam.operator import certificates
from seglam.operator.desired import runner_namespace, runners
from seglam.operator.desired.common import Object, labels
from seglam.operator.desired.runners import Pool
from seglam.operator.owned import Owner
from seglam.operator.reconcile.certificates import Authority, keep_secret
from seglam.operator.settings import Settings
from seglam.resources.names import COMPONENT_RUNNER, RUNNER_TLS, runner_server_name

log = logging.getLogger(__name__)


class RunnerNamespaces:
    """Makes runner namespaces and what is in them. All methods may be repeated."""

    def __init__(self, client: Client, owner: Owner, authority: Authority, settings: Settings) -> None:
        self._client = client
        self._owner = owner
        self._authority = authority
        self._settings = settings

    async def prepare(self, namespace: str, tenant: str | None) -> bool:
        """The namespace with its policies and its certificate, before any pod is in it.

        False while a namespace of this name is being deleted: it cannot be made before that has ended.

        Raises:
            NotOwned: the namespace, or something in it, is not the operator's.
        """
        try:
            await self._owner.ensure(NAMESPACE, runner_namespace.namespace(namespace, tenant))
        except Conflict as conflict:
            if conflict.reason == "Terminating":
                return False
            raise
        for policy in runner_namespace.network_policies(namespace, tenant, self._settings.namespace):
            await self._owner.ensure(NETWORK_POLICY, policy)
        await self._keep_credentials(namespace, tenant)
        subject = certificates.server("seglam-runner", [runner_server_name(tenant)])
        marks = labels(COMPONENT_RUNNER, tenant)
        await keep_secret(self._client, self._owner, self._authority, RUNNER_TLS, namespace, subject, marks)
        return True

    async def _keep_credentials(self, namespace: str, tenant: str | None) -> None:
        """Copy what pods need to pull their image. As everywhere, a Secret that is not there stops no pod by itself."""
        found = []
        for name in self._settings.runners.pull_secrets:
            secret = await self._client.find(SECRET, name, self._settings.namespace)
            text = ((secret or {}).get("data") or {}).get(runner_namespace.DOCKER_CONFIG)
            if text is None:
                log.warning(
                    "%s/%s is no Secret with %s", self._settings.namespace, name, runner_namespace.DOCKER_CONFIG
                )
            else:
                found.append(base64.b64decode(text))
        if found:
            await self._owner.ensure(SECRET, runner_namespace.pull_secret(namespace, tenant, found))

    async def ensure(self, pool: Pool, procedure: str | None = None) -> Object:
        """A pool's objects; its Deployment is returned. `procedure` is whose own the runners are.

        Raises:
            NotOwned: one of them is there and not the operator's.
        """
        await self._owner.ensure(SERVICE, runners.service(pool))
        budget = runners.disruption_budget(pool)
        if budget is not None:
            await self._owner.ensure(POD_DISRUPTION_BUDGET, budget)
        else:
            await self._owner.remove(POD_DISRUPTION_BUDGET, pool.name, pool.namespace)
        wanted = runners.deployment(pool, self._settings.runners, procedure)
        return await self._owner.ensure(DEPLOYMENT, wanted)

    async def remove(self, namespace: str, name: str) -> None:
        """Everything of a pool."""
        for kind in (POD_DISRUPTION_BUDGET, SERVICE, DEPLOYMENT):
            await self._owner.remove(kind, name, namespace)

    async def vacate(self, namespace: str) -> bool:
        """Delete a namespace with all that is in it, if it is the operator's; whether it was there."""
        return await self._owner.remove(NAMESPACE, namespace, None)
