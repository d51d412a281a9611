"""A tenant with people in it: Alice writes procedures, Bob approves them, a workload asks."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from seglam.procedures import Spec
from seglam.procedures import digest as digest_of
from seglam.resources import names
from tests.cluster.caller import Caller
from tests.cluster.kubectl import Kubectl, condition, eventually
from tests.cluster.release import ensure_namespace

ROOT = Path(__file__).resolve().parents[2]
PROCEDURES = ROOT / "examples" / "procedures"
READY_S = 180
"""Enough for a first verification on a busy machine; no test is judged by it."""


def example(name: str) -> dict[str, Any]:
    """A procedure of `examples/procedures`, as kubectl would send it."""
    return dict(yaml.safe_load((PROCEDURES / f"{name}.yaml").read_text()))


def digest(document: dict[str, Any]) -> str:
    """The digest of a procedure's document."""
    return digest_of(Spec.model_validate(document["spec"]))


@dataclass(frozen=True, slots=True)
class Tenant:
    """A namespace, its people as they see the cluster, and a pod that asks."""

    namespace: str
    admin: Kubectl
    alice: Kubectl
    bob: Kubectl
    caller: Caller

    @property
    def runners(self) -> str:
        """The namespace of its runner pods."""
        return names.runner_namespace(self.namespace)

    def furnish(self) -> None:
        """Let its people in, and start the pod that asks; again in a namespace that was made anew."""
        self.admin.apply(
            _binding("writers", "edit", "alice", "bob"),
            _binding("approvers", "seglam-approver", "alice", "bob"),
            namespace=self.namespace,
        )
        self.caller.start()

    def apply(self, *documents: dict[str, Any]) -> None:
        """Alice applies procedures."""
        self.alice.apply(*documents, namespace=self.namespace)

    def get(self, kind: str, name: str) -> dict[str, Any]:
        """An object of the tenant."""
        return dict(self.admin.json("get", kind, name, "-n", self.namespace))

    def wait_for_review(self, procedure: str, document_digest: str) -> dict[str, Any]:
        """The review of a revision, once the gates have been passed and it waits for a decision."""
        name = names.revision_name(procedure, document_digest)

        def verified() -> dict[str, Any] | None:
            revision = self.get("rprev", name)
            return self.get("rpr", name) if condition(revision, "Verified").get("status") == "True" else None

        return dict(eventually(f"{name} is verified", verified, seconds=READY_S))

    def decide(self, review: dict[str, Any], decision: str, *, who: Kubectl | None = None) -> None:
        """Bob, or somebody else, adds a decision to a review by a plain patch."""
        who = who or self.bob
        who("patch", "rpr", review["metadata"]["name"], "-n", self.namespace, *decision_patch(who, review, decision))

    def activate(self, *documents: dict[str, Any]) -> None:
        """Alice applies procedures, Bob approves them, and they are served."""
        self.apply(*documents)
        for document in documents:
            self.decide(self.wait_for_review(document["metadata"]["name"], digest(document)), "Approve")
        for document in documents:
            self.wait_until_ready(document["metadata"]["name"])

    def wait_until_ready(self, procedure: str) -> None:
        """As people wait: `kubectl wait --for=condition=Ready`."""
        waiting = ("wait", "--for=condition=Ready", f"rp/{procedure}", f"--timeout={READY_S}s")
        self.admin(*waiting, "-n", self.namespace, seconds=READY_S + 30)

    def wait_until_hit(self, text: str) -> dict[str, Any]:
        """The first hit of a request: the gateway's index follows a moment after the operator's status."""

        def hit() -> dict[str, Any] | None:
            answer = self.caller.ask(text, only_if_cached=True)
            return answer if answer.get("outcome") == "hit" else None

        return dict(eventually(f"{text!r} is a hit", hit, seconds=30))

    def token(self) -> str:
        """A token of the tenant's workload, for the gateway."""
        return self.admin("create", "token", "default", "-n", self.namespace, "--audience=seglam").strip()

    def trace(self, answer: str, gateway: str, *more: str) -> dict[str, Any]:
        """What `seglam trace` says of an answer, with the administrator's kubeconfig and the workload's token."""
        where = ("--server", gateway, "--token-file", "/dev/stdin", "-n", self.namespace)
        cluster = ("--kubeconfig", str(self.admin.kubeconfig), "--context", self.admin.context)
        words = [sys.executable, "-m", "seglam.cli.app", "trace", answer, *where, *cluster, *more, "--json"]

        def walked() -> dict[str, Any] | None:
            done = subprocess.run(words, input=self.token(), env=given, capture_output=True, text=True, check=False)
            assert done.returncode in (0, 1), done.stderr
            found = dict(json.loads(done.stdout))
            return None if "error" in found else found  # records are written once a second

        with tempfile.TemporaryDirectory() as empty:
            given = {**os.environ, "SEGLAM_CONFIG_DIR": empty, "SEGLAM_DATA_DIR": empty}
            return dict(eventually("the answer is recorded", walked))


def decision_patch(who: Kubectl, review: dict[str, Any], decision: str, reviewer: str | None = None) -> list[str]:
    """Arguments of `kubectl patch` that add a decision to a review."""
    entry = {"reviewer": reviewer or who.user, "decision": decision, "reason": "read and tried"}
    decisions = [*review["spec"].get("decisions", []), entry]
    return ["--type=merge", "-p", json.dumps({"spec": {"decisions": decisions}})]


@contextmanager
def tenant_in(kubectl: Kubectl, prefix: str, image: str) -> Iterator[Tenant]:
    """A tenant in a namespace of its own, gone at the end."""
    namespace = f"{prefix}-{secrets.token_hex(3)}"
    ensure_namespace(kubectl, namespace)
    try:
        alice, bob = (kubectl.as_user(name, "system:authenticated") for name in ("alice", "bob"))
        made = Tenant(namespace, kubectl, alice, bob, Caller(kubectl, namespace, image))
        made.furnish()
        yield made
    finally:
        kubectl("delete", "namespace", namespace, "--wait=false", "--ignore-not-found")


def _binding(name: str, role: str, *users: str) -> dict[str, Any]:
    group = "rbac.authorization.k8s.io"
    return {
        "apiVersion": f"{group}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": group, "kind": "User", "name": user} for user in users],
    }
