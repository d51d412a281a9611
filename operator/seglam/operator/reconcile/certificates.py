"""The authority and the certificates of the cluster's own traffic, kept as Secrets and renewed in time."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from seglam.cluster import AlreadyExists, Client, NotFound
from seglam.cluster.kinds import CONFIG_MAP, SECRET
from seglam.operator import certificates
from seglam.operator.certificates import AUTHORITY, Data, Subject
from seglam.operator.context import Context
from seglam.operator.controllers import Controller
from seglam.operator.desired.common import Object, labels, meta
from seglam.operator.desired.compile_job import gateway_host
from seglam.operator.desired.runner_namespace import tls_secret
from seglam.operator.keys import Key, Result
from seglam.operator.owned import NotOwned, Owner, is_owned
from seglam.operator.settings import Settings
from seglam.resources.names import CA, GATEWAY, GATEWAY_TLS, OPERATOR
from seglam.sandbox.tls import Identity

KIND = "Certificates"
KEY = Key(KIND, "", "all")
COMPONENT = "certificates"
LOOK_S = 3600.0
"""Seconds between two looks at what has to be renewed; a third of 90 days is left for it."""


class Authority:
    """The one authority, in its Secret. It is created where there is none, so that two replicas never make two."""

    def __init__(self, client: Client, settings: Settings, clock: Callable[[], datetime]) -> None:
        self._client = client
        self._settings = settings
        self._clock = clock
        self._own: Data | None = None

    async def read(self) -> Data:
        """The authority's data.

        Raises:
            NotOwned: a Secret of its name is there that the operator did not make.
            Conflict: another replica renewed it just now; the next attempt reads theirs.
        """
        found = await self._client.find(SECRET, CA, self._settings.namespace)
        if found is None:
            made = await asyncio.to_thread(certificates.authority, None, self._clock())
            try:
                return data_of(await self._client.create(SECRET, self._secret(made), manager=OPERATOR))
            except AlreadyExists:
                found = await self._client.get(SECRET, CA, self._settings.namespace)
        if not is_owned(found):
            raise NotOwned(SECRET, found)
        existing = data_of(found)
        wanted = await asyncio.to_thread(certificates.authority, existing, self._clock())
        if wanted == existing:
            return existing
        body = self._secret(wanted)
        body["metadata"]["resourceVersion"] = found["metadata"]["resourceVersion"]
        return data_of(await self._client.apply(SECRET, body, manager=OPERATOR))

    async def issue(self, existing: Data | None, subject: Subject) -> Data:
        """A certificate for `subject`: the existing one as long as it is good."""
        return await asyncio.to_thread(certificates.issued, existing, subject, await self.read(), self._clock())

    async def identity(self) -> Identity:
        """The operator as a client of runners. Its key never leaves this process; renewed like every other."""
        self._own = await self.issue(self._own, certificates.client(OPERATOR))
        return Identity(self._own[AUTHORITY], self._own[certificates.CERTIFICATE], self._own[certificates.KEY])

    def _secret(self, data: Data) -> Object:
        return tls_secret(CA, self._settings.namespace, data, labels(COMPONENT))


class Certificates:
    """Keeps the gateway's certificate, and the authority's where compile Jobs find it."""

    def __init__(self, context: Context, authority: Authority, owner: Owner) -> None:
        self._client = context.client
        self._settings = context.settings
        self._authority = authority
        self._owner = owner

    async def reconcile(self, _: Key) -> Result:
        """Look at everything, and again in an hour."""
        settings = self._settings
        subject = certificates.peer(GATEWAY, [gateway_host(settings), f"{gateway_host(settings)}.cluster.local"])
        await keep_secret(
            self._client, self._owner, self._authority, GATEWAY_TLS, settings.namespace, subject, labels(COMPONENT)
        )
        trusted = (await self._authority.read())[AUTHORITY].decode("ascii")
        config: Object = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": meta(CA, settings.compile_namespace, labels(COMPONENT)),
            "data": {AUTHORITY: trusted},
        }
        await self._owner.ensure(CONFIG_MAP, config)
        return Result(LOOK_S)

    async def everything(self) -> Iterable[Key]:
        """The one key."""
        return (KEY,)


async def keep_secret(
    client: Client,
    owner: Owner,
    authority: Authority,
    name: str,
    namespace: str,
    subject: Subject,
    marks: Mapping[str, str],
) -> None:
    """A Secret with a good certificate for `subject`."""
    try:
        found = await client.get(SECRET, name, namespace)
    except NotFound:
        found = None
    if found is not None and not is_owned(found):
        raise NotOwned(SECRET, found)
    data = await authority.issue(data_of(found) if found else None, subject)
    await owner.ensure(SECRET, tls_secret(name, namespace, data, marks))


def data_of(secret: Mapping[str, Any]) -> Data:
    """What a Secret holds. What is no base64 is left out, and so made anew."""
    found = {}
    for name, text in (secret.get("data") or {}).items():
        try:
            found[name] = base64.b64decode(text, validate=True)
        except binascii.Error:
            continue
    return found


def controller(context: Context, authority: Authority, owner: Owner) -> Controller:
    """The controller of certificates."""
    kept = Certificates(context, authority, owner)
    return Controller(KIND, kept.reconcile, everything=kept.everything, workers=1)
