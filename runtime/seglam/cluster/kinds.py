"""How a kind is addressed, and the built-in kinds that SEGLAM uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote


class Kind(Protocol):
    """What the client must know of a kind."""

    @property
    def kind(self) -> str: ...
    @property
    def plural(self) -> str: ...
    @property
    def group(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def namespaced(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Builtin:
    """A kind that every cluster has. The group of core kinds is empty."""

    kind: str
    plural: str
    group: str = ""
    version: str = "v1"
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """`apiVersion` of the kind's objects."""
        return f"{self.group}/{self.version}" if self.group else self.version


CONFIG_MAP = Builtin("ConfigMap", "configmaps")
EVENT = Builtin("Event", "events", "events.k8s.io")
NAMESPACE = Builtin("Namespace", "namespaces", namespaced=False)
NODE = Builtin("Node", "nodes", namespaced=False)
POD = Builtin("Pod", "pods")
SECRET = Builtin("Secret", "secrets")
SERVICE = Builtin("Service", "services")
SERVICE_ACCOUNT = Builtin("ServiceAccount", "serviceaccounts")
DEPLOYMENT = Builtin("Deployment", "deployments", "apps")
JOB = Builtin("Job", "jobs", "batch")
LEASE = Builtin("Lease", "leases", "coordination.k8s.io")
NETWORK_POLICY = Builtin("NetworkPolicy", "networkpolicies", "networking.k8s.io")
ENDPOINT_SLICE = Builtin("EndpointSlice", "endpointslices", "discovery.k8s.io")
POD_DISRUPTION_BUDGET = Builtin("PodDisruptionBudget", "poddisruptionbudgets", "policy")
ROLE = Builtin("Role", "roles", "rbac.authorization.k8s.io")
ROLE_BINDING = Builtin("RoleBinding", "rolebindings", "rbac.authorization.k8s.io")
CLUSTER_ROLE = Builtin("ClusterRole", "clusterroles", "rbac.authorization.k8s.io", namespaced=False)
CLUSTER_ROLE_BINDING = Builtin(
    "ClusterRoleBinding", "clusterrolebindings", "rbac.authorization.k8s.io", namespaced=False
)
CUSTOM_RESOURCE_DEFINITION = Builtin(
    "CustomResourceDefinition", "customresourcedefinitions", "apiextensions.k8s.io", namespaced=False
)
SELF_SUBJECT_ACCESS_REVIEW = Builtin(
    "SelfSubjectAccessReview", "selfsubjectaccessreviews", "authorization.k8s.io", namespaced=False
)
SELF_SUBJECT_REVIEW = Builtin("SelfSubjectReview", "selfsubjectreviews", "authentication.k8s.io", namespaced=False)


def path_of(kind: Kind, namespace: str | None, name: str = "", subresource: str = "") -> str:
    """The kind's path at the API server. `namespace` None is the whole cluster.

    Raises ValueError where an object of a namespaced kind is named without its namespace.
    """
    if kind.namespaced and name and not namespace:
        raise ValueError(f"{kind.kind} {name} needs a namespace")
    parts = ["apis", kind.group, kind.version] if kind.group else ["api", kind.version]
    if kind.namespaced and namespace:
        parts += ["namespaces", namespace]
    parts += [kind.plural, name, subresource]
    return "/" + "/".join(quote(part, safe="") for part in parts if part)
