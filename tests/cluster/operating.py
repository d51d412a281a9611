"""An operator outside of the cluster, in a process of its own, and people who write and decide."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from seglam.procedures import ReasoningProcedure, digest
from seglam.resources.names import ANNOTATION_AUTHORS, LABEL_ACTIVE, OPERATOR, revision_name
from tests.cluster.kubectl import Kubectl, condition, eventually
from tests.cluster.release import LEASE_S, SYSTEM

ACCOUNT = f"system:serviceaccount:{SYSTEM}:{OPERATOR}"
LEASE = "seglam-operator"


@contextmanager
def rights(kubectl: Kubectl, namespace: str) -> Iterator[None]:
    """All rights in a namespace for the operator's account meanwhile, with or without an installed chart."""
    name, group = "seglam-operator-under-test", "rbac.authorization.k8s.io"
    who = {"subjects": [{"apiGroup": group, "kind": "User", "name": ACCOUNT}]}
    common = {"apiVersion": f"{group}/v1", "metadata": {"name": name}}
    watching = {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get", "list", "watch"]}
    # It watches the verification namespace too: a watch that is refused for two minutes ends the operator.
    kinds = {"apiGroups": ["seglam.dev"], "resources": ["*"], "verbs": ["get", "list", "watch"]}
    status = ["trustpolicies/status", "trustroots/status"]  # of what stands in no namespace
    trust = {"apiGroups": ["seglam.dev"], "resources": status, "verbs": ["patch"]}
    admin = {"apiGroup": group, "kind": "ClusterRole", "name": "cluster-admin"}
    jobs = {"apiGroup": group, "kind": "ClusterRole", "name": name}
    kubectl.apply(
        {**common, "kind": "ClusterRole", "rules": [watching, kinds, trust]},
        {**common, "kind": "ClusterRoleBinding", "roleRef": jobs, **who},
    )
    kubectl.apply({**common, "kind": "RoleBinding", "roleRef": admin, **who}, namespace=namespace)
    try:
        yield
    finally:
        kubectl("delete", "clusterrolebinding,clusterrole", name, "--ignore-not-found")


@contextmanager
def installed_one_paused(kubectl: Kubectl) -> Iterator[None]:
    """Nobody else operates: an operator that the chart installed sleeps meanwhile."""
    where = ("-n", SYSTEM, "deployment/seglam-operator")
    done = kubectl.attempt("get", *where, "-o", "jsonpath={.spec.replicas}")
    if done.returncode:
        yield
        return
    kubectl("scale", "--replicas=0", *where)
    try:
        kubectl("wait", "-n", SYSTEM, "--for=delete", "pod", "-l", "app.kubernetes.io/component=operator", seconds=90)
        yield
    finally:
        kubectl("scale", f"--replicas={done.stdout}", *where)


@dataclass
class Replica:
    """One process of the operator, looking after one namespace."""

    kubeconfig: Path
    namespace: str
    log: Path
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    port: int = 0

    def start(self) -> Replica:
        """Start it; it waits for the lease."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        environment = os.environ | {
            "KUBECONFIG": str(self.kubeconfig),
            "SEGLAM_NAMESPACE": self.namespace,
            "SEGLAM_HEALTH_PORT": str(self.port),
            "SEGLAM_LOG_FORMAT": "text",
            "SEGLAM_LEASE_SECONDS": str(LEASE_S),
            **self.environment,
        }
        command = [sys.executable, "-m", "seglam.operator", "--namespace", self.namespace]
        command += ["--local-engines", "--without-runners"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        return self

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self.process is not None and self.process.poll() is None

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End the process; its exit code."""
        assert self.process is not None
        with suppress(ProcessLookupError):
            self.process.send_signal(how)
        return self.process.wait(30)

    def metric(self, name: str, **labels: str) -> float:
        """The sum of the samples of a metric that have these labels."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as response:
            lines = response.read().decode().splitlines()
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        found = [line for line in lines if line.startswith((name + "{", name + " ")) and all(w in line for w in wanted)]
        return sum(float(line.rsplit(" ", 1)[1]) for line in found)

    @property
    def leads(self) -> bool:
        """Whether it leads; not while it cannot be asked."""
        try:
            return self.metric("seglam_operator_leader") == 1
        except OSError:
            return False

    @property
    def ready(self) -> bool:
        """Whether it leads and has looked at everything."""
        return self.leads and self.metric("seglam_operator_queue_depth") == 0


def kubeconfig_of(kubectl: Kubectl, directory: Path) -> Path:
    """The administrator's kubeconfig, acting as the operator's account: its rights, and what policies let it do."""
    document = yaml.safe_load(kubectl("config", "view", "--raw", "--minify", "--flatten"))
    for user in document["users"]:
        user["user"]["as"] = ACCOUNT
    path = directory / "operator.kubeconfig"
    path.write_text(yaml.safe_dump(document))
    path.chmod(0o600)
    return path


@dataclass(frozen=True)
class Team:
    """People at work in one namespace. Without admission policies, what they would stamp is stated."""

    kubectl: Kubectl
    namespace: str

    def write(self, document: dict[str, Any], author: str = "alice") -> str:
        """Apply a procedure as somebody does; its revision's name."""
        stated = {**document, "metadata": {**document["metadata"], "namespace": self.namespace}}
        name = stated["metadata"]["name"]
        before = self.find("rp", name)
        annotations = ((before or {}).get("metadata") or {}).get("annotations") or {}
        known = [line for line in annotations.get(ANNOTATION_AUTHORS, "").split("\n") if line]
        changed = before is None or before["spec"] != stated["spec"]
        if changed and not self.stamped:
            authors = "\n".join(dict.fromkeys([*known, author]))
            stated["metadata"]["annotations"] = {ANNOTATION_AUTHORS: authors}
        who = self.kubectl.as_user(author, "system:masters")
        who("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(stated))
        return revision_name(name, digest_of(document))

    @property
    def stamped(self) -> bool:
        """Whether an admission policy stamps authors."""
        return self.kubectl.attempt("get", "mutatingadmissionpolicy", "seglam-authors").returncode == 0

    def decide(self, revision: str, decision: str = "Approve", reviewer: str = "bob") -> None:
        """Add a decision to a review."""
        found = eventually(f"the review {revision}", lambda: self.find("rpr", revision))
        decisions = [*found["spec"].get("decisions", []), {"reviewer": reviewer, "decision": decision}]
        patch = json.dumps({"spec": {"decisions": decisions}})
        who = self.kubectl.as_user(reviewer, "system:masters")
        who("patch", "-n", self.namespace, "rpr", revision, "--type=merge", "-p", patch)

    def find(self, kind: str, name: str) -> dict[str, Any] | None:
        """An object, if there is one."""
        done = self.kubectl.attempt("get", "-n", self.namespace, kind, name, "-o", "json", "--ignore-not-found")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    def all(self, kind: str, *more: str) -> list[dict[str, Any]]:
        """All objects of a kind."""
        return list(self.kubectl.json("get", "-n", self.namespace, kind, *more)["items"])

    def authors(self, name: str) -> str | None:
        """The annotation that names a procedure's authors, one a line."""
        found = self.find("rp", name)
        return None if found is None else (found["metadata"].get("annotations") or {}).get(ANNOTATION_AUTHORS)

    def reason(self, name: str) -> str:
        """The reason of a procedure's condition Ready, if it is about the current spec."""
        found = self.find("rp", name)
        if found is None or found.get("status", {}).get("observedGeneration") != found["metadata"]["generation"]:
            return ""
        return str(condition(found, "Ready").get("reason", ""))

    def until(self, name: str, reason: str, seconds: float = 60) -> dict[str, Any]:
        """The procedure once its condition Ready has a reason."""
        eventually(f"{name} is {reason}", lambda: self.reason(name) == reason, seconds=seconds)
        found = self.find("rp", name)
        assert found is not None
        return found

    def served(self) -> set[str]:
        """Names of the revisions that are labelled as active."""
        return {each["metadata"]["name"] for each in self.all("rprev", "-l", f"{LABEL_ACTIVE}=true")}

    def serve(self, document: dict[str, Any], author: str = "alice") -> str:
        """Write a procedure, have it approved and served; its revision's name."""
        revision = self.write(document, author)
        name = document["metadata"]["name"]
        eventually("it waits for a review", lambda: self.reason(name) in ("AwaitingReview", "Active"))
        if self.reason(name) != "Active":
            self.decide(revision)
        self.until(name, "Active")
        return revision

    def versions(self) -> dict[str, str]:
        """Resource versions of everything that the operator writes."""
        found = [each for kind in ("rp", "rprev", "rpr") for each in self.all(kind)]
        return {f"{each['kind']}/{each['metadata']['name']}": each["metadata"]["resourceVersion"] for each in found}


def digest_of(document: dict[str, Any]) -> str:
    """The digest of a procedure's spec."""
    return digest(ReasoningProcedure.model_validate(document).spec)


def procedure(name: str, patterns: Sequence[str], factor: int = 2, **spec: Any) -> dict[str, Any]:
    """A procedure that multiplies; its first pattern without its slot is the example's request."""
    return {
        "apiVersion": "seglam.dev/v1alpha1",
        "kind": "ReasoningProcedure",
        "metadata": {"name": name},
        "spec": {
            "summary": f"A number, {factor} times.",
            "parameters": [{"name": "n", "type": "integer"}],
            "returns": {"type": "integer"},
            "match": {"patterns": [{"text": text} for text in patterns]},
            "code": f"def solve(n):\n    return {factor} * n\n",
            "examples": [
                {
                    "request": patterns[0].replace("{n}", "7"),
                    "arguments": [{"name": "n", "value": "7"}],
                    "answer": str(7 * factor),
                }
            ],
            **spec,
        },
    }
