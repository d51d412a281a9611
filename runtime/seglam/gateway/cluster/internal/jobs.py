"""Which compilation a call is for: the one whose Job the caller's pod belongs to, as its bound token says."""

from __future__ import annotations

import re
from collections.abc import Mapping

from fastapi import Request as HttpRequest

from seglam.gateway.access.door import bearer, checked, unauthorized
from seglam.gateway.cluster.settings import JOB_AUDIENCE
from seglam.gateway.serving import Headers
from seglam.web import Problem
from seglam.web.keyring import Keyring

NAME = re.compile(r"rpc-[0-9a-f]{20}")
_SUFFIX = re.compile(r"-[a-z0-9]{5}")


class Jobs:
    """Admits the pods of compile Jobs.

    Args:
        namespace, account: where Jobs run and as whom.
    """

    def __init__(self, keyring: Keyring, namespace: str, account: str) -> None:
        self._keyring = keyring
        self._subject = f"system:serviceaccount:{namespace}:{account}"

    async def admit(self, http: HttpRequest, name: str) -> None:
        """Raises `Problem`: 401 without an acceptable token, 403 for a compilation that is not the caller's."""
        token = bearer(Headers(http.scope["headers"]))
        if token is None:
            raise unauthorized("token-missing", f"send a bearer token of the audience {JOB_AUDIENCE!r}")
        claims = await checked(self._keyring, token, JOB_AUDIENCE)
        if claims["sub"] != self._subject:
            raise Problem(403, "not-a-job", "only compile Jobs may call this")
        if not NAME.fullmatch(name) or not owns(claims, name):
            raise Problem(403, "not-yours", "a Job may only call for its own compilation")


def owns(claims: Mapping[str, object], name: str) -> bool:
    """Whether the pod that a token is bound to belongs to the Job of a compilation."""
    bound = claims.get("kubernetes.io")
    pod = bound.get("pod") if isinstance(bound, Mapping) else None
    pod_name = pod.get("name") if isinstance(pod, Mapping) else None
    if not isinstance(pod_name, str) or not pod_name.startswith(name):
        return False
    return _SUFFIX.fullmatch(pod_name.removeprefix(name)) is not None
