"""A namespace for runners: nobody but the operator works in it, nothing leaves it, and only few may enter."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence

from seglam.operator.desired.common import COMPONENT, Object, labels, meta
from seglam.operator.desired.runners import PORT, PULL_SECRET
from seglam.resources.names import COMPONENT_RUNNER, LABEL_COMPONENT, RUNNER_TLS

NAMESPACE_NAME = "kubernetes.io/metadata.name"
POD_SECURITY = "pod-security.kubernetes.io/"
DOCKER_CONFIG = ".dockerconfigjson"
CALLERS = ("gateway", "operator")
"""Components of the system namespace that may call runners."""


def namespace(name: str, tenant: str | None) -> Object:
    """The namespace. The restricted profile is enforced by the API server, whoever makes the pods."""
    profile = {f"{POD_SECURITY}{mode}": "restricted" for mode in ("enforce", "warn", "audit")}
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": meta(name, None, labels(COMPONENT_RUNNER, tenant) | profile),
    }


def network_policies(name: str, tenant: str | None, system: str) -> list[Object]:
    """Nothing in and nothing out, not even names, but for the system's callers to the runners' port.

    Probes come from the node, which no policy keeps out.
    """
    callers = [
        {
            "namespaceSelector": {"matchLabels": {NAMESPACE_NAME: system}},
            "podSelector": {"matchExpressions": [{"key": COMPONENT, "operator": "In", "values": list(CALLERS)}]},
        }
    ]
    marks = labels(COMPONENT_RUNNER, tenant)
    deny: Object = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": meta("default-deny", name, marks),
        "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
    }
    admit: Object = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": meta("runners", name, marks),
        "spec": {
            "podSelector": {"matchLabels": {LABEL_COMPONENT: COMPONENT_RUNNER}},
            "policyTypes": ["Ingress"],
            "ingress": [{"from": callers, "ports": [{"port": PORT, "protocol": "TCP"}]}],
        },
    }
    return [deny, admit]


def tls_secret(name: str, namespace: str, data: Mapping[str, bytes], marks: Mapping[str, str]) -> Object:
    """A Secret with a certificate, its key and the authorities to trust."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": meta(name, namespace, marks),
        "type": "kubernetes.io/tls",
        "data": {key: base64.b64encode(value).decode("ascii") for key, value in sorted(data.items())},
    }


def pull_secret(namespace: str, tenant: str | None, configurations: Sequence[bytes]) -> Object:
    """Credentials for the registries of the runners' image: those of several dockerconfigjson in one, the first that
    names a registry wins. `ValueError` if one is no such JSON.
    """
    auths: dict[str, object] = {}
    for configuration in configurations:
        stated = json.loads(configuration)
        if not isinstance(stated, dict) or not isinstance(stated.get("auths", {}), dict):
            raise ValueError("it is no object with `auths`")
        auths = {**stated.get("auths", {}), **auths}
    text = json.dumps({"auths": auths}, sort_keys=True)
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": meta(PULL_SECRET, namespace, labels(COMPONENT_RUNNER, tenant)),
        "type": "kubernetes.io/dockerconfigjson",
        "data": {DOCKER_CONFIG: base64.b64encode(text.encode()).decode("ascii")},
    }


def runner_secret(namespace: str, tenant: str | None, data: Mapping[str, bytes]) -> Object:
    """The certificate of a namespace's runners."""
    return tls_secret(RUNNER_TLS, namespace, data, labels(COMPONENT_RUNNER, tenant))
