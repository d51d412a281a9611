"""What all objects that the operator makes have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seglam.resources.names import ANNOTATION_TRACEPARENT, LABEL_COMPONENT, LABEL_MANAGED_BY, LABEL_TENANT, OPERATOR
from seglam.telemetry import SpanReference

Object = dict[str, Any]
"""An object of the API as JSON."""

NAME = "app.kubernetes.io/name"
COMPONENT = "app.kubernetes.io/component"
USER = 65532
"""The user of our images, who owns nothing in them."""

NO_RESOLVER: Object = {"dnsPolicy": "None", "dnsConfig": {"nameservers": ["127.0.0.1"]}}
"""Members of a pod that resolves no names: without them each look-up would wait for a resolver that no policy lets it
reach."""

RESTRICTED_CONTAINER: Object = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}


def restricted_pod() -> Object:
    """The security context of a pod under the restricted profile."""
    return {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "fsGroup": USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def labels(component: str, tenant: str | None = None, **more: str) -> dict[str, str]:
    """Labels of an object that the operator makes; `more` are labels of `seglam.dev/`, hyphens as underscores."""
    stated = {NAME: "seglam", COMPONENT: component, LABEL_COMPONENT: component, LABEL_MANAGED_BY: OPERATOR}
    if tenant is not None:
        stated[LABEL_TENANT] = tenant
    return stated | {f"seglam.dev/{name.replace('_', '-')}": value for name, value in more.items()}


def traced(traceparent: str | None) -> dict[str, str]:
    """The annotation that names the span in which an object is made; nothing for what is no valid one."""
    return {ANNOTATION_TRACEPARENT: traceparent} if traceparent and SpanReference.parse(traceparent) else {}


def meta(name: str, namespace: str | None, marks: Mapping[str, str]) -> Object:
    """The metadata of an object that the operator makes."""
    stated: Object = {"name": name, "labels": dict(marks)}
    if namespace is not None:
        stated["namespace"] = namespace
    return stated


def memory(mib: int) -> str:
    """A quantity of memory as the API server writes it."""
    return f"{mib // 1024}Gi" if mib % 1024 == 0 else f"{mib}Mi"


def cpu(millis: int) -> str:
    """A quantity of CPU as the API server writes it."""
    return str(millis // 1000) if millis % 1000 == 0 else f"{millis}m"


def emptied(name: str, mib: int) -> Object:
    """A volume in memory, gone with the pod."""
    return {"name": name, "emptyDir": {"medium": "Memory", "sizeLimit": memory(mib)}}
