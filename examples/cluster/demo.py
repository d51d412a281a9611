"""`make demo-cluster`: from nothing to an answer out of a sandboxed pod, on a cluster that it is given.

Installs the chart, lets Alice apply a procedure and Bob approve it, asks the gateway from a pod of the tenant, and then
lets a request miss: a Job compiles it, Bob approves what it proposes, and the next request of that type is a hit.
Alice and Bob are impersonated, with the rights of the chart's roles and no others. Without a model the completions
recorded in examples/recordings stand in for one. Everything is removed at the end but what --keep leaves.

Only clusters of kind, k3d, minikube and the project's own test node are touched, or the one whose context is named in
SEGLAM_CLUSTER_CONTEXT.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from examples.cluster.commands import Cluster, Failed, condition, until  # noqa: E402
from examples.steps import Steps  # noqa: E402

CHART = ROOT / "charts" / "seglam"
RECORDINGS = ROOT / "examples" / "recordings"
CHOICES = ROOT / "examples" / "choices.txt"
RELEASE, SYSTEM, COMPILE, TENANT = "seglam", "seglam-system", "seglam-compile", "seglam-demo"
ALICE, BOB, POD = "alice", "bob", "asker"
GATEWAY = f"http://seglam-gateway.{SYSTEM}.svc"
PROCEDURE = ROOT / "examples" / "procedures" / "greatest-common-divisor.yaml"
KNOWN = "Find the Greatest Common Divisor (GCD) of these numbers: 84, 36, 60. Give only the GCD as your final answer."
KNOWN_ANSWER = "12"
NEW = "Determine if the year 1936 is a leap year. Answer with Yes or No."
NEXT, NEXT_ANSWER = "Determine if the year 2100 is a leap year. Answer with Yes or No.", "No"
ABOUT = "leap year"
"""What recordings must speak of to be taken along."""


@dataclass
class Demonstration(Steps):
    """The cluster, and how long each step took."""

    cluster: Cluster
    options: argparse.Namespace

    def ask(self, text: str, cache_control: str = "") -> dict[str, Any]:
        """What the gateway says to the tenant's pod."""
        command = ("exec", "-n", TENANT, POD, "--", "python", "/demo/ask.py", GATEWAY, text, cache_control)
        said: dict[str, Any] = json.loads(self.cluster.kubectl(*command))
        return said

    def hit(self, text: str) -> dict[str, Any]:
        """The first hit: the gateway follows the operator's word a moment later."""

        def probe() -> dict[str, Any] | None:
            said = self.ask(text, "only-if-cached")
            return said if said.get("outcome") == "hit" else None

        return until(f"{text!r} is a hit", probe, 60)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        prog="examples/cluster/demo.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kubeconfig", help="the cluster's kubeconfig (default: KUBECONFIG)")
    parser.add_argument("--context", help="its context (default: SEGLAM_CLUSTER_CONTEXT, else the current one)")
    parser.add_argument(
        "--platform-image", help="name:tag that the cluster has or can pull (default: built from this tree)"
    )
    parser.add_argument(
        "--runner-image", help="name:tag that the cluster has or can pull (default: built from this tree)"
    )
    parser.add_argument(
        "--installed", action="store_true", help="take the release that is there, with its images and its model"
    )
    parser.add_argument("--keep", action="store_true", help="leave the release and the tenant in the cluster")
    options = parser.parse_args(arguments)
    if bool(options.platform_image) != bool(options.runner_image):
        parser.error("--platform-image and --runner-image are given together")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demonstration; 0 if every step came to its end, 1 if one did not, 2 if the cluster may not be used."""
    options = parse(arguments)
    try:
        cluster = Cluster.chosen(options.kubeconfig, options.context)
        version = json.loads(cluster.kubectl("version", "--output=json"))["serverVersion"]["gitVersion"]
    except Failed as problem:
        print(f"demo: {problem}", file=sys.stderr)
        return 2
    print(f"SEGLAM on Kubernetes {version}, context {cluster.context}")
    demonstration = Demonstration(cluster, options)
    try:
        install(demonstration)
        people(demonstration)
        first_procedure(demonstration)
        a_miss(demonstration)
        return 0
    except Failed as problem:
        print(f"demo: {problem}", file=sys.stderr)
        return 1
    finally:
        try:
            if not options.keep:
                remove(demonstration)
        finally:
            conclude(demonstration)


def images(options: argparse.Namespace) -> tuple[str, str]:
    """Names of both images; built and brought to the test node where none are given."""
    if options.platform_image:
        return options.platform_image, options.runner_image
    command = [sys.executable, "-m", "tests.cluster.images"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed(
            f"the images were not built: {done.stderr.strip()[-400:]}; give --platform-image and --runner-image"
        )
    platform, runner = done.stdout.split()[-2:]
    return platform, runner


def install(demonstration: Demonstration) -> None:
    """The chart, with recordings in place of a model; or what is there already."""
    cluster = demonstration.cluster
    if demonstration.options.installed:
        pod = cluster.get("deployment", "seglam-gateway", "-n", SYSTEM)["spec"]["template"]["spec"]
        demonstration.options.platform_image = pod["containers"][0]["image"]
        return
    with demonstration.step("Images of this tree"):
        platform, runner = images(demonstration.options)
        demonstration.options.platform_image = platform
        demonstration.say(f"{platform}\n{runner}")
    with demonstration.step("helm install, until operator and gateway are ready"):
        values: dict[str, Any] = {"images": {}, "compile": {"recordingsConfigMaps": ["demo-recordings"]}}
        values["compile"]["choicesConfigMap"] = "demo-choices"
        for part, image in (("platform", platform), ("runner", runner)):
            repository, _, tag = image.rpartition(":")
            values["images"][part] = {"repository": repository, "tag": tag}
        given = [f"--set-json={key}={json.dumps(value)}" for key, value in values.items()]
        where = ("--namespace", SYSTEM, "--create-namespace", "--wait", "--timeout", "5m")
        cluster.helm("upgrade", "--install", RELEASE, str(CHART), *where, *given)
        cluster.kubectl("apply", "--filename=-", body=_list(recordings()))
        demonstration.say(cluster.kubectl("get", "pods", "-n", SYSTEM))


def recordings() -> list[dict[str, Any]]:
    """The completions that the missed type needs, and how contested names are read, as ConfigMaps for compile Jobs."""
    found = {
        f"{path.parent.name}-{path.name}": text
        for path in sorted(RECORDINGS.glob("*/*.json"))
        if ABOUT in (text := path.read_text(encoding="utf-8"))
    }
    data = {"demo-recordings": found, "demo-choices": {"choices.txt": CHOICES.read_text(encoding="utf-8")}}
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": COMPILE}, "data": content}
        for name, content in data.items()
    ]


def people(demonstration: Demonstration) -> None:
    """A tenant, who may do what in it, and a pod that asks."""
    cluster = demonstration.cluster
    with demonstration.step("A tenant: Alice writes procedures, both may approve them, a pod asks"):
        if cluster.attempt("get", "namespace", TENANT).returncode == 0:
            raise Failed(f"namespace {TENANT} is there from another time; delete it, so that this begins from nothing")
        cluster.kubectl("apply", "--filename=-", body=_list([_of(TENANT, "v1", "Namespace", None)]))
        script = {"data": {"ask.py": Path(__file__).with_name("ask.py").read_text(encoding="utf-8")}}
        objects = [
            _binding("writers", "edit", ALICE),
            _binding("approvers", "seglam-approver", ALICE, BOB),
            _of("demo", "v1", "ConfigMap", TENANT, **script),
            _asker(demonstration.options.platform_image),
        ]
        cluster.kubectl("apply", "--filename=-", body=_list(objects))
        cluster.kubectl("wait", "-n", TENANT, "--for=condition=Ready", f"pod/{POD}", "--timeout=120s")
        said = until("the gateway answers", lambda: demonstration.ask(KNOWN, "only-if-cached"), 60)
        demonstration.say(f"before: {said.get('outcome') or said.get('title')} ({said['ms']} ms) {KNOWN}")


def first_procedure(demonstration: Demonstration) -> None:
    """Apply, verify, approve, ask."""
    cluster, document = demonstration.cluster, yaml.safe_load(PROCEDURE.read_text(encoding="utf-8"))
    name = document["metadata"]["name"]
    with demonstration.step(f"Alice applies {PROCEDURE.relative_to(ROOT)}; the gates run it in sandboxed pods"):
        cluster.kubectl("apply", "-n", TENANT, "--filename=-", user=ALICE, body=document)
        review = waiting_review(demonstration, name)
        demonstration.say(cluster.kubectl("get", "rpr", "-n", TENANT))
    with demonstration.step("Alice cannot approve what she wrote; Bob can"):
        decide(demonstration, review, ALICE, refused=True)
        decide(demonstration, review, BOB)
        cluster.kubectl("wait", "-n", TENANT, "--for=condition=Ready", f"rp/{name}", "--timeout=180s", seconds=200)
        demonstration.say(cluster.kubectl("get", "rp", "-n", TENANT))
    with demonstration.step("A hit, from a sandboxed pod"):
        answered(demonstration, KNOWN, KNOWN_ANSWER)
        demonstration.say(cluster.kubectl("get", "pods", "-n", f"seglam-run-{TENANT}"))


def a_miss(demonstration: Demonstration) -> None:
    """Miss, Job, proposal, approval, hit."""
    cluster = demonstration.cluster
    with demonstration.step(f"A miss: {NEW}"):
        said = demonstration.ask(NEW)
        name = said.get("compilation")
        if name is None:
            raise Failed(f"no compilation was begun: {said}")
        demonstration.say(f"status {said['status']}, compilation {name}")
        outcome = until("the compilation ends", lambda: _outcome(cluster.get("rpc", name, "-n", TENANT)))
        demonstration.say(cluster.kubectl("get", "rpc", "-n", TENANT))
        if outcome["outcome"] != "Proposed":
            raise Failed(f"the compilation ended as {outcome['outcome']}: {outcome.get('message')}")
    with demonstration.step(f"{outcome['procedure']} was proposed; Bob reads the evidence and approves it"):
        review = waiting_review(demonstration, outcome["procedure"])
        revision = cluster.get("rprev", review["metadata"]["name"], "-n", TENANT)
        for gate in revision["status"]["evidence"]:
            verdict = "passed" if gate["passed"] else "FAILED"
            demonstration.say(f"{verdict}  {gate['gate']:<13} by the {gate['by']}: {gate['summary']}")
        decide(demonstration, review, BOB)
        ready = ("--for=condition=Ready", f"rp/{outcome['procedure']}", "--timeout=180s")
        cluster.kubectl("wait", "-n", TENANT, *ready, seconds=200)
    with demonstration.step("The next request of that type is a hit"):
        answered(demonstration, NEXT, NEXT_ANSWER)


def _outcome(found: dict[str, Any]) -> dict[str, Any] | None:
    status: dict[str, Any] = found.get("status", {})
    return status if status.get("outcome") else None


def waiting_review(demonstration: Demonstration, procedure: str) -> dict[str, Any]:
    """The review of a procedure's current text, once it has passed the gates."""

    def probe() -> dict[str, Any] | None:
        found = demonstration.cluster.get("rp", procedure, "-n", TENANT)
        ready = condition(found, "Ready")
        if ready.get("reason") in ("Invalid", "VerificationFailed", "AuthorUnknown", "NotOwned", "Overlaps"):
            raise Failed(f"{procedure}: {ready['reason']}: {ready['message']}")
        if ready.get("reason") != "AwaitingReview":
            return None
        return demonstration.cluster.get("rpr", found["status"]["review"], "-n", TENANT)

    return until(f"{procedure} waits for a review", probe)


def decide(demonstration: Demonstration, review: dict[str, Any], who: str, refused: bool = False) -> None:
    """Add a decision as kubectl edit would; the API server must take it, or refuse it."""
    decisions = [
        *review["spec"].get("decisions", []),
        {"reviewer": who, "decision": "Approve", "reason": "read and tried"},
    ]
    patch = json.dumps({"spec": {"decisions": decisions}})
    command = ("patch", "rpr", review["metadata"]["name"], "-n", TENANT, "--type=merge", "--patch", patch)
    done = demonstration.cluster.attempt(*command, user=who)
    demonstration.say(f"{who}: {(done.stdout + done.stderr).strip()}")
    if (done.returncode != 0) is not refused:
        raise Failed(f"{who}'s approval was {'taken' if refused else 'refused'}")


def answered(demonstration: Demonstration, text: str, answer: str) -> None:
    """Ask until it is a hit, then once more for its time; the answer must be right."""
    demonstration.hit(text)
    said = demonstration.ask(text, "only-if-cached")
    demonstration.say(f"{said['outcome']} in {said['ms']} ms by {said['procedure']}: {text} -> {said['answer']}")
    if said["answer"] != answer:
        raise Failed(f"the answer is {said['answer']!r}; right is {answer!r}")


def remove(demonstration: Demonstration) -> None:
    """Everything that was made; the kinds too, which the chart keeps."""
    cluster = demonstration.cluster
    with demonstration.step("Everything is removed again"):
        cluster.kubectl("delete", "namespace", TENANT, "--ignore-not-found", "--timeout=120s", seconds=150)
        if demonstration.options.installed:
            return
        cluster.helm("uninstall", RELEASE, "--namespace", SYSTEM, "--ignore-not-found", "--wait", "--timeout", "5m")
        left = cluster.kubectl(
            "get", "namespaces", "--selector=app.kubernetes.io/managed-by=seglam-operator", "-o", "name"
        )
        demonstration.say(f"left of the operator's: {left.split() or 'nothing'}; kept: the kinds (crds.keep)")


def conclude(demonstration: Demonstration) -> None:
    """How long each step took."""
    print("\nTimes")
    for title, seconds in demonstration.times:
        print(f"  {seconds:7.1f} s  {title}")
    print(f"  {sum(seconds for _, seconds in demonstration.times):7.1f} s  in all")


def _list(objects: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "List", "items": list(objects)}


def _of(name: str, version: str, kind: str, namespace: str | None = TENANT, **members: Any) -> dict[str, Any]:
    metadata = {"name": name} if namespace is None else {"name": name, "namespace": namespace}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **members}


def _binding(name: str, role: str, *users: str) -> dict[str, Any]:
    group = "rbac.authorization.k8s.io"
    reference = {"apiGroup": group, "kind": "ClusterRole", "name": role}
    return _of(
        name,
        f"{group}/v1",
        "RoleBinding",
        roleRef=reference,
        subjects=[{"apiGroup": group, "kind": "User", "name": user} for user in users],
    )


def _asker(image: str) -> dict[str, Any]:
    """A pod with a token for the gateway, and no other."""
    token = {"serviceAccountToken": {"path": "token", "audience": "seglam", "expirationSeconds": 3600}}
    container = {
        "name": "asker",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sleep", "infinity"],
        "volumeMounts": [
            {"name": "script", "mountPath": "/demo"},
            {"name": "token", "mountPath": "/var/run/secrets/seglam"},
        ],
    }
    spec = {
        "terminationGracePeriodSeconds": 0,
        "automountServiceAccountToken": False,
        "containers": [container],
        "volumes": [
            {"name": "script", "configMap": {"name": "demo"}},
            {"name": "token", "projected": {"sources": [token]}},
        ],
    }
    return _of(POD, "v1", "Pod", spec=spec)


if __name__ == "__main__":
    sys.exit(main())
