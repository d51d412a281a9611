"""The runners of code that nobody has approved: one pool for all tenants, in a namespace of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from seglam.cluster.kinds import DEPLOYMENT, NAMESPACE, NETWORK_POLICY, SERVICE
from seglam.operator.context import Context
from seglam.operator.controllers import Controller, Watch
from seglam.operator.desired.runners import verification
from seglam.operator.keys import DONE, Key, Result
from seglam.operator.reconcile.runners import RunnerNamespaces
from seglam.operator.reconcile.tenants import OWNED, TERMINATING_S

KIND = "VerificationRunners"
KEY = Key(KIND, "", "all")


class VerificationRunners:
    """Keeps the verification runners."""

    def __init__(self, context: Context, namespaces: RunnerNamespaces) -> None:
        self._settings = context.settings
        self._namespaces = namespaces

    async def reconcile(self, _: Key) -> Result:
        """Namespace, policies, certificate and pool."""
        pool = verification(self._settings)
        if not await self._namespaces.prepare(pool.namespace, None):
            return Result(TERMINATING_S)
        await self._namespaces.ensure(pool)
        return DONE

    async def everything(self) -> Iterable[Key]:
        """The one key."""
        return (KEY,)

    def concerned(self, obj: Mapping[str, Any]) -> Iterable[Key]:
        """The key, for the namespace and what is in it."""
        meta = obj["metadata"]
        place = meta.get("namespace") or meta["name"]
        return (KEY,) if place == self._settings.verification_namespace else ()


def controller(context: Context, namespaces: RunnerNamespaces) -> Controller:
    """The controller of the verification runners."""
    kept = VerificationRunners(context, namespaces)
    owned = (DEPLOYMENT, SERVICE, NETWORK_POLICY, NAMESPACE)
    watches = tuple(Watch(kind, kept.concerned, labels=OWNED) for kind in owned)
    return Controller(KIND, kept.reconcile, watches, kept.everything, workers=1)
