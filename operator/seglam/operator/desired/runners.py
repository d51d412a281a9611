"""The pods that run procedures: what a pool is, and its Deployment, Service and disruption budget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from seglam.operator.desired.common import (
    NO_RESOLVER,
    RESTRICTED_CONTAINER,
    Object,
    cpu,
    emptied,
    labels,
    memory,
    meta,
    restricted_pod,
)
from seglam.operator.settings import RunnerSettings, Settings
from seglam.resources import RunnerPoolSpec
from seglam.resources.names import (
    COMPONENT_RUNNER,
    LABEL_COMPONENT,
    LABEL_POOL,
    LABEL_PROCEDURE,
    LABEL_RUNNER,
    RUNNER_TLS,
    VERIFICATION,
    dedicated_pool,
    runner_namespace,
)

PORT, PROBE_PORT = 8443, 8080
PULL_SECRET = "seglam-runner-pull"
"""Secret of a runner namespace with the credentials for its image."""
TLS_DIRECTORY = "/etc/seglam/tls"
GRACE_S = 30
"""Seconds that a pod has to end: the runner stops taking work for 2 s, then finishes what it has within 20 s."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Runners that are alike.

    Attributes:
        namespace: runner namespace that they are in.
        name: of Deployment and Service, and value of the label `seglam.dev/pool`.
        tenant: whose procedures they run; None for the verification runners.
        builds: engine builds that they hold.
        replicas, image, runtime_class, memory_mib, cpu_millis: of the pods.
    """

    namespace: str
    name: str
    tenant: str | None
    builds: str
    replicas: int
    image: str
    runtime_class: str | None
    memory_mib: int
    cpu_millis: int

    @property
    def selector(self) -> dict[str, str]:
        """Labels by which the pods are found."""
        return {LABEL_COMPONENT: COMPONENT_RUNNER, LABEL_POOL: self.name}

    @property
    def selector_text(self) -> str:
        """The selector as autoscalers and `kubectl -l` take it."""
        return ",".join(f"{name}={value}" for name, value in self.selector.items())


def stated_pool(tenant: str, name: str, spec: RunnerPoolSpec, settings: RunnerSettings) -> Pool:
    """The pool that a RunnerPool asks for."""
    return Pool(
        namespace=runner_namespace(tenant),
        name=name,
        tenant=tenant,
        builds="a",
        replicas=spec.replicas,
        image=spec.image or settings.image,
        runtime_class=spec.runtime_class_name or settings.runtime_class,
        memory_mib=spec.memory_mib or settings.memory_mib,
        cpu_millis=spec.cpu_millis or settings.cpu_millis,
    )


def dedicated(tenant: str, procedure: str, runtime_class: str | None, settings: RunnerSettings) -> Pool:
    """The pool of one procedure with runners of its own."""
    spec = RunnerPoolSpec(isolation="dedicated", replicas=settings.replicas, runtime_class_name=runtime_class)
    return stated_pool(tenant, dedicated_pool(procedure), spec, settings)


def verification(settings: Settings) -> Pool:
    """The runners of code that nobody has approved, with both engine builds."""
    runners = settings.runners
    return Pool(
        namespace=settings.verification_namespace,
        name=VERIFICATION,
        tenant=None,
        builds="a,b",
        replicas=runners.verification_replicas,
        image=runners.image,
        runtime_class=runners.runtime_class,
        memory_mib=runners.memory_mib,
        cpu_millis=runners.cpu_millis,
    )


def marks(pool: Pool) -> dict[str, str]:
    """Labels of a pool's objects."""
    return labels(COMPONENT_RUNNER, pool.tenant, pool=pool.name)


def deployment(pool: Pool, settings: RunnerSettings, procedure: str | None = None) -> Object:
    """The Deployment of a pool. A new pod is ready before an old one goes, so that a change leaves hits unharmed.

    `procedure` is whose own the runners are; its label leads back from the Deployment.
    """
    own = {LABEL_PROCEDURE: procedure} if procedure else {}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": meta(pool.name, pool.namespace, marks(pool) | own),
        "spec": {
            "replicas": pool.replicas,
            "revisionHistoryLimit": 2,
            "progressDeadlineSeconds": 120,
            "selector": {"matchLabels": pool.selector},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {"metadata": {"labels": marks(pool)}, "spec": _pod(pool, settings)},
        },
    }


def service(pool: Pool) -> Object:
    """The headless Service of a pool; its label is mirrored to the EndpointSlices that the gateway watches.

    Only ready pods are listed, so that whoever dials an address meets a runner that has proved to have no egress.
    """
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta(pool.name, pool.namespace, marks(pool) | {LABEL_RUNNER: "true"}),
        "spec": {
            "type": "ClusterIP",
            "clusterIP": "None",
            "selector": pool.selector,
            "ports": [{"name": "runner", "port": PORT, "protocol": "TCP", "targetPort": "runner"}],
        },
    }


def disruption_budget(pool: Pool) -> Object | None:
    """At most one pod of a pool is drained at a time; None where there is only one, which would block the draining."""
    if pool.replicas < 2:
        return None
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": meta(pool.name, pool.namespace, marks(pool)),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": pool.selector}},
    }


def _pod(pool: Pool, settings: RunnerSettings) -> Object:
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": pool.selector},
    }
    pod: Object = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        **NO_RESOLVER,
        "securityContext": restricted_pod(),
        "terminationGracePeriodSeconds": GRACE_S,
        "topologySpreadConstraints": [spread],
        "containers": [_container(pool, settings)],
        "volumes": [
            {"name": "tls", "secret": {"secretName": RUNNER_TLS, "defaultMode": 0o440}},
            emptied("tmp", 16),
        ],
    }
    if settings.pull_secrets:
        pod["imagePullSecrets"] = [{"name": PULL_SECRET}]
    if pool.runtime_class:
        pod["runtimeClassName"] = pool.runtime_class
    return pod


def _container(pool: Pool, settings: RunnerSettings) -> Object:
    request = min(settings.cpu_request_millis, pool.cpu_millis)
    return {
        "name": "runner",
        "image": pool.image,
        "imagePullPolicy": settings.pull_policy,
        "env": [{"name": name, "value": str(value)} for name, value in _environment(pool).items()],
        "ports": [
            {"name": "runner", "containerPort": PORT, "protocol": "TCP"},
            {"name": "probes", "containerPort": PROBE_PORT, "protocol": "TCP"},
        ],
        # Memory is not lent: a pod that had to give it back would lose its warm instances all at once.
        "resources": {
            "requests": {"cpu": cpu(request), "memory": memory(pool.memory_mib)},
            "limits": {"cpu": cpu(pool.cpu_millis), "memory": memory(pool.memory_mib)},
        },
        "securityContext": RESTRICTED_CONTAINER,
        "startupProbe": _probe("/healthz", period=1, failures=60),
        "readinessProbe": _probe("/readyz", period=2, failures=2),
        "livenessProbe": _probe("/healthz", period=10, failures=3),
        "volumeMounts": [
            {"name": "tls", "mountPath": TLS_DIRECTORY, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},
        ],
    }


def _environment(pool: Pool) -> dict[str, Any]:
    return {
        "SEGLAM_RUNNER_BUILDS": pool.builds,
        "SEGLAM_RUNNER_TLS_DIR": TLS_DIRECTORY,
        "SEGLAM_RUNNER_PORT": PORT,
        "SEGLAM_RUNNER_PROBE_PORT": PROBE_PORT,
        # One call takes one core; the node's number of cores says nothing about the pod's share of them.
        "SEGLAM_RUNNER_CONCURRENCY": max(1, -(-pool.cpu_millis // 1000)),
        # The interpreter, the engine and calls at work need the other half.
        "SEGLAM_RUNNER_WARM_MIB": pool.memory_mib // 2,
        "SEGLAM_RUNNER_REVISIONS_MIB": max(4, pool.memory_mib // 16),
        "SEGLAM_RUNNER_DRAIN_S": 2,
        "SEGLAM_RUNNER_GRACE_S": 20,
    }


def _probe(path: str, *, period: int, failures: int) -> Object:
    return {
        "httpGet": {"path": path, "port": "probes", "scheme": "HTTP"},
        "periodSeconds": period,
        "timeoutSeconds": 2,
        "failureThreshold": failures,
        "successThreshold": 1,
    }
