"""The Job that compiles one missed type.

Its pod reads what users and models wrote, so it gets no more than it needs: a token for the gateway and one for the API
server, whose rights end at its own result; no key of a model; no resolver, since the gateway's address is written into
its hosts file.
"""

from __future__ import annotations

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
    traced,
)
from seglam.operator.settings import CompileSettings, Settings
from seglam.resources import ProcedureCompilationSpec
from seglam.resources.names import CA, COMPILE, GATEWAY

COMPONENT = "compile"
LABEL_ATTEMPT = "seglam.dev/attempt"
LABEL_UID = "seglam.dev/compilation-uid"
WIND_UP_S = 60
"""Seconds of the deadline that are left for starting and for keeping the result."""
GATEWAY_PORT = 8443
AUDIENCE = "seglam-gateway"
TOKEN_S = 3600
"""Seconds for which a projected token is good; the kubelet renews it in time."""
GATEWAY_DIRECTORY = "/etc/seglam/gateway"
RECORDINGS_DIRECTORY = "/etc/seglam/recordings"
CHOICES_DIRECTORY = "/etc/seglam/choices"
CHOICES_KEY = "choices.txt"
ACCOUNT_DIRECTORY = "/var/run/secrets/kubernetes.io/serviceaccount"
CONTROLLER_UID = "metadata.labels['batch.kubernetes.io/controller-uid']"


def compile_job(name: str, tenant: str, uid: str, spec: ProcedureCompilationSpec, settings: Settings) -> Object:
    """The Job of one attempt at a compilation, whose `name` and `uid` are given.

    Its labels say which attempt of which compilation it is: a compilation that was deleted and made again begins at the
    first attempt anew.
    """
    compiling = settings.compiling
    marks = labels(COMPONENT, tenant, compilation=name) | {LABEL_ATTEMPT: str(spec.attempt), LABEL_UID: uid}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {**meta(name, settings.compile_namespace, marks), **_annotations(spec)},
        "spec": {
            "backoffLimit": 1,
            "activeDeadlineSeconds": compiling.deadline_s,
            "ttlSecondsAfterFinished": compiling.ttl_s,
            # Never two pods at one time: both would spend the compilation's budget.
            "podReplacementPolicy": "Failed",
            "template": {"metadata": {"labels": marks}, "spec": _pod(name, spec, settings)},
        },
    }


def _annotations(spec: ProcedureCompilationSpec) -> Object:
    found = traced(spec.traceparent)
    return {"annotations": found} if found else {}


def gateway_host(settings: Settings) -> str:
    """The name in the gateway's certificate."""
    return f"{GATEWAY}.{settings.namespace}.svc"


def _pod(name: str, spec: ProcedureCompilationSpec, settings: Settings) -> Object:
    compiling = settings.compiling
    return {
        "restartPolicy": "Never",
        "serviceAccountName": COMPILE,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        **NO_RESOLVER,
        "hostAliases": [{"ip": spec.reference.host, "hostnames": [gateway_host(settings)]}],
        "securityContext": restricted_pod(),
        "terminationGracePeriodSeconds": 10,
        "containers": [_container(name, spec, settings)],
        "volumes": [_for_gateway(), _for_api_server(), emptied("tmp", 64), *_inputs(compiling)],
    }


def _container(name: str, spec: ProcedureCompilationSpec, settings: Settings) -> Object:
    compiling = settings.compiling
    mounts = {"gateway": GATEWAY_DIRECTORY, "account": ACCOUNT_DIRECTORY}
    mounts |= {volume: f"{RECORDINGS_DIRECTORY}/{source}" for volume, source in _recordings(compiling).items()}
    if compiling.choices:
        mounts["choices"] = CHOICES_DIRECTORY
    controller = {"fieldRef": {"apiVersion": "v1", "fieldPath": CONTROLLER_UID}}
    stated = _environment(name, spec, settings)
    return {
        "name": COMPONENT,
        "image": compiling.image,
        "imagePullPolicy": compiling.pull_policy,
        "command": ["python", "-m", "seglam.compiler.job"],
        "env": [
            *({"name": variable, "value": value} for variable, value in stated.items()),
            {"name": "SEGLAM_JOB_UID", "valueFrom": controller},
        ],
        "resources": {
            "requests": {"cpu": cpu(min(100, compiling.cpu_millis)), "memory": memory(compiling.memory_mib)},
            "limits": {"cpu": cpu(compiling.cpu_millis), "memory": memory(compiling.memory_mib)},
        },
        "securityContext": RESTRICTED_CONTAINER,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            *({"name": volume, "mountPath": path, "readOnly": True} for volume, path in mounts.items()),
            {"name": "tmp", "mountPath": "/tmp"},
        ],
    }


def _environment(name: str, spec: ProcedureCompilationSpec, settings: Settings) -> dict[str, str]:
    compiling = settings.compiling
    stated = {
        "SEGLAM_COMPILATION": name,
        "SEGLAM_ATTEMPT": str(spec.attempt),
        "SEGLAM_COMPILE_SECONDS": str(max(compiling.deadline_s - WIND_UP_S, compiling.deadline_s // 2, 1)),
        "SEGLAM_GATEWAY": f"https://{gateway_host(settings)}:{GATEWAY_PORT}",
        "SEGLAM_CA_FILE": f"{GATEWAY_DIRECTORY}/ca.crt",
        "SEGLAM_TOKEN_FILE": f"{GATEWAY_DIRECTORY}/token",
        "SEGLAM_MODEL": compiling.model,
        "SEGLAM_VERIFIER_MODEL": compiling.verifier_model,
        "SEGLAM_RECORDINGS": RECORDINGS_DIRECTORY if compiling.recordings else "",
        "SEGLAM_CHOICES": f"{CHOICES_DIRECTORY}/{CHOICES_KEY}" if compiling.choices else "",
        "TRACEPARENT": spec.traceparent or "",
    }
    return {variable: value for variable, value in stated.items() if value}


def _recordings(compiling: CompileSettings) -> dict[str, str]:
    """Volumes of recorded completions, with the ConfigMap of each."""
    return {f"recordings-{number}": source for number, source in enumerate(compiling.recordings)}


def _inputs(compiling: CompileSettings) -> list[Object]:
    sources = _recordings(compiling) | ({"choices": compiling.choices} if compiling.choices else {})
    return [{"name": volume, "configMap": {"name": source, "defaultMode": 0o444}} for volume, source in sources.items()]


def _for_gateway() -> Object:
    token = {"audience": AUDIENCE, "expirationSeconds": TOKEN_S, "path": "token"}
    return _projected("gateway", {"serviceAccountToken": token}, _certificate(CA))


def _for_api_server() -> Object:
    """What the service account's own mount would hold."""
    token = {"expirationSeconds": TOKEN_S, "path": "token"}
    field = {"apiVersion": "v1", "fieldPath": "metadata.namespace"}
    return _projected(
        "account",
        {"serviceAccountToken": token},
        _certificate("kube-root-ca.crt"),
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": field}]}},
    )


def _certificate(source: str) -> Object:
    return {"configMap": {"name": source, "items": [{"key": "ca.crt", "path": "ca.crt"}]}}


def _projected(name: str, *sources: Object) -> Object:
    return {"name": name, "projected": {"defaultMode": 0o440, "sources": list(sources)}}
