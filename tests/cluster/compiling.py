"""Compilations whose Jobs get no pods: a test writes what a Job would, or would not."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from seglam.procedures import Spec
from seglam.procedures import digest as digest_of
from seglam.resources import names
from tests.cluster.kinds import GATEWAY, compilation, procedure
from tests.cluster.kubectl import Kubectl, eventually
from tests.cluster.tenant import READY_S

POLICY = "seglam-test-no-compile-pods"
CODE = "def solve(number):\n    return 2 * number\n"
VERIFIER = {
    "readings": [{"reading": "multiplication", "fixedBy": "twice"}],
    "code": "def solve(number):\n    return number + number\n",
    "properties": None,
    "cases": [{"arguments": {"number": "3"}, "answer": "6"}],
}


@contextmanager
def without_compile_pods(kubectl: Kubectl, tenant: str) -> Iterator[None]:
    """The compile Jobs of a tenant get no pods meanwhile."""
    policy = f"{POLICY}-{tenant}"
    label = f"object.metadata.?labels['{names.LABEL_TENANT}'].orValue('') == '{tenant}'"
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}
    group = "admissionregistration.k8s.io/v1"
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [rule]},
        "matchConditions": [{"name": "a-test", "expression": label}],
        "validations": [{"expression": f"object.metadata.namespace != '{names.COMPILE}'", "message": "a test"}],
    }
    binding = {"policyName": policy, "validationActions": ["Deny"]}
    kubectl.apply(
        {"apiVersion": group, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": policy}, "spec": spec},
        {
            "apiVersion": group,
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": policy},
            "spec": binding,
        },
    )
    probe = json.dumps(restricted_pod({names.LABEL_TENANT: tenant}))
    dry = ("create", "--dry-run=server", "-f", "-")
    eventually("the policy is in effect", lambda: "a test" in kubectl.attempt(*dry, stdin=probe).stderr)
    yield
    kubectl("delete", "validatingadmissionpolicy,validatingadmissionpolicybinding", policy)


def restricted_pod(labels: dict[str, str]) -> dict[str, Any]:
    """A pod that the compile namespace would take."""
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    pod = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    containers = [{"name": "probe", "image": "x", "securityContext": security}]
    metadata = {"name": "seglam-test-probe", "namespace": names.COMPILE, "labels": labels}
    spec = {"securityContext": pod, "containers": containers, "serviceAccountName": names.COMPILE}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


@dataclass(frozen=True, slots=True)
class Compiling:
    """One compilation and its Job, as the test sees them."""

    kubectl: Kubectl
    tenant: str
    name: str

    def get(self) -> dict[str, Any]:
        """The ProcedureCompilation."""
        return dict(self.kubectl.json("get", "rpc", self.name, "-n", self.tenant))

    def job(self) -> dict[str, Any]:
        """Its Job, once there is one."""
        where = ("get", "job", self.name, "-n", names.COMPILE)
        return dict(eventually("the Job", lambda: self.kubectl.json(*where)))

    def leave(self, text: str | None, *, owner: str | None = None) -> None:
        """What a Job would leave behind."""
        uid = owner or self.job()["metadata"]["uid"]
        reference = {"apiVersion": "batch/v1", "kind": "Job", "name": self.name, "uid": uid}
        metadata = {"name": self.name, "namespace": names.COMPILE, "ownerReferences": [reference]}
        data = {} if text is None else {names.RESULT_KEY: text}
        self.kubectl.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})

    def end(self) -> None:
        """The Job runs past its deadline."""
        patch = json.dumps({"spec": {"activeDeadlineSeconds": 1}})
        self.kubectl("patch", "job", self.name, "-n", names.COMPILE, "--type=merge", "-p", patch)

    def outcome(self, attempt: int = 1) -> dict[str, Any]:
        """The status, once it says how an attempt ended."""

        def ended() -> dict[str, Any] | None:
            status = self.get().get("status", {})
            return status if status.get("attempt") == attempt and status.get("outcome") else None

        return dict(eventually("the outcome", ended, seconds=READY_S))

    def came_to(self, result: dict[str, Any] | str | None) -> dict[str, Any]:
        """The status after a Job that left `result` and ended."""
        self.leave(result if isinstance(result, str) or result is None else json.dumps(result))
        self.end()
        return self.outcome()


def begin(kubectl: Kubectl, tenant: str) -> Compiling:
    fingerprint = secrets.token_hex(16)
    name = names.compilation_name(tenant, fingerprint)
    ask(kubectl, compilation(tenant, name, fingerprint=fingerprint))
    return Compiling(kubectl, tenant, name)


def ask(kubectl: Kubectl, body: dict[str, Any]) -> None:
    """The gateway writes a compilation."""
    kubectl.as_user(GATEWAY, "system:masters").apply(body)


def spec(**changes: Any) -> dict[str, Any]:
    """A document whose patterns nobody else has."""
    word = "x" + secrets.token_hex(4).translate(str.maketrans("0123456789", "ghijklmnop"))
    text = f"what is twice {{number}} in {word}"
    example = {"request": text.replace("{number}", "4"), "arguments": [{"name": "number", "value": "4"}], "answer": "8"}
    made: dict[str, Any] = procedure("", "")["spec"]
    return (
        made
        | {
            "parameters": [{"name": "number", "type": "integer"}],
            "match": {"patterns": [{"text": text}]},
            "code": CODE,
            "examples": [example],
        }
        | changes
    )


def proposed(compiling: Compiling, document: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """What a Job writes that made a procedure."""
    result = {
        "compilation": compiling.name,
        "attempt": 1,
        "outcome": "Proposed",
        "message": "a procedure of its own",
        "name": f"twice-{secrets.token_hex(3)}",
        "document": document,
        "digest": digest_of(Spec.model_validate(document)),
        "evidence": [{"gate": "agreement", "passed": True, "summary": "8 is 8", "detail": {"answer": "8"}}],
        "authors": ["mallory", "model:m-1"],
        "verification": {"reply": VERIFIER, "arguments": {"number": "4"}},
        "answer": "8",
        "arguments": {"number": "4"},
    }
    return result | changes
