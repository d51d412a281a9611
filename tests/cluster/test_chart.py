"""The chart on a real cluster: objects that the API server takes, pods that the restricted profile admits, `helm test`,
what people may do by the cluster's own roles, and what each part reaches through the network policies."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.charts import NAMESPACE, render
from tests.cluster import release
from tests.cluster.choosing import Cluster
from tests.cluster.images import Images
from tests.cluster.kubectl import Kubectl, eventually

_PROBE = (Path(__file__).parent / "probe_egress.py").read_text(encoding="utf-8")
_RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
_VALUES = {
    "imagePullSecrets": ["registry"],
    "model": {"name": "m-1", "baseUrl": "https://models.example/v1", "secretName": "model"},
    "admission": {"restorers": ["system:serviceaccount:velero:velero"]},
    "operator": {"podLabels": {"a": "b"}, "nodeSelector": {"kubernetes.io/os": "linux"}},
    "tenants": {"identities": [{"subject": "system:serviceaccount:web:*", "tenant": "shop"}]},
    "extraObjects": [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "extra"}}],
}


@pytest.fixture(scope="module")
def spaces(kubectl: Kubectl) -> Iterator[tuple[str, str]]:
    """Namespaces in place of the release's and the compile namespace, which enforce the restricted profile."""
    mark = secrets.token_hex(3)
    names = (f"seglam-test-system-{mark}", f"seglam-test-compile-{mark}")
    for name in names:
        release.ensure_namespace(kubectl, name, **_RESTRICTED)
    yield names
    for name in names:
        kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="module")
def objects(spaces: tuple[str, str]) -> list[dict[str, Any]]:
    """Everything that the chart makes, in namespaces of the test's own."""
    system, compiling = spaces
    text = json.dumps(render(_VALUES)).replace('"seglam-compile"', f'"{compiling}"').replace(NAMESPACE, system)
    made: list[dict[str, Any]] = json.loads(text)
    return [each for each in made if each["kind"] != "Namespace"]


def test_the_api_server_takes_every_object(kubectl: Kubectl, spaces: tuple[str, str], objects: list[Any]) -> None:
    """Schemas are strict, and expressions of policies are compiled: a field that does not exist is refused."""
    dry = ("apply", "--server-side", "--dry-run=server", "--validate=strict", "--force-conflicts")
    # kubectl's own annotation, which a kind may have from being applied by hand, belongs to kubectl's own manager.
    manager = "--field-manager=kubectl-client-side-apply"
    for each in objects:
        where = each["metadata"].get("namespace", spaces[0])
        assert kubectl(*dry, manager, "-n", where, "-f", "-", stdin=json.dumps(each))


def test_policies_are_type_checked_without_complaint(kubectl: Kubectl, installed: Cluster) -> None:
    for each in kubectl.json("get", "validatingadmissionpolicies", "-l", "app.kubernetes.io/part-of=seglam")["items"]:
        found = each.get("status", {}).get("typeChecking", {})
        assert not found.get("expressionWarnings"), each["metadata"]["name"]


def test_the_restricted_profile_admits_every_pod(kubectl: Kubectl, spaces: tuple[str, str], objects: list[Any]) -> None:
    tried = 0
    for each in objects:
        if each["kind"] not in ("Deployment", "Job", "Pod"):
            continue
        spec = dict(each["spec"] if each["kind"] == "Pod" else each["spec"]["template"]["spec"])
        spec.pop("serviceAccountName", None)
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": each["metadata"]["name"]}, "spec": spec}
        kubectl("create", "--dry-run=server", "-n", spaces[0], "-f", "-", stdin=json.dumps(pod))
        tried += 1
    assert tried == 4


def test_helm_test_passes(installed: Cluster) -> None:
    assert "Succeeded" in release.helm(installed, "test", release.RELEASE, "--timeout=2m")


@pytest.mark.parametrize(
    ("role", "may", "may_not"),
    [
        (
            "view",
            ["get rp", "list rpr", "watch rprev", "get rpc", "get rpool"],
            ["create rp", "update rpr", "delete rpc"],
        ),
        (
            "edit",
            ["get rp", "create rp", "patch rp", "delete rp", "create rpool", "delete rpc"],
            ["update rpr", "patch rpr", "approve rp", "restore rp", "create rprev", "create rpc", "delete rpr"],
        ),
        ("admin", ["create rp", "patch rpool"], ["patch rpr", "approve rp", "restore rp", "patch rprev"]),
        (
            "seglam-approver",
            ["patch rpr", "approve rp", "get rprev"],
            ["create rp", "patch rp", "restore rp", "delete rpr"],
        ),
    ],
)
def test_what_people_may_do(
    installed: Cluster, kubectl: Kubectl, namespace: str, role: str, may: list[str], may_not: list[str]
) -> None:
    """By the cluster's own roles, which the chart adds to, and by the role that reviewers are given."""
    kubectl("create", "rolebinding", "person", "-n", namespace, f"--clusterrole={role}", "--user=person")
    person = kubectl.as_user("person", "system:authenticated")

    def allowed(what: str) -> bool:
        verb, resource = what.split()
        return person.attempt("auth", "can-i", verb, resource, "-n", namespace).stdout.strip() == "yes"

    eventually(f"{role} may {may[0]}", lambda: allowed(may[0]))
    assert [what for what in may if not allowed(what)] == []
    assert [what for what in may_not if allowed(what)] == []


@pytest.fixture(scope="module")
def addresses(installed: Cluster) -> dict[str, str]:
    """What there is to reach. The parts are addressed by pod, as they address each other."""
    kubectl = installed.kubectl
    dns = kubectl.json("get", "service", "kube-dns", "-n", "kube-system")["spec"]["clusterIP"]
    api = kubectl.json("get", "service", "kubernetes", "-n", "default")["spec"]["clusterIP"]
    node = kubectl.json("get", "nodes")["items"][0]
    internal = next(each["address"] for each in node["status"]["addresses"] if each["type"] == "InternalIP")
    gateway, operator = (
        _pod(kubectl, NAMESPACE, f"app.kubernetes.io/component={part}") for part in ("gateway", "operator")
    )
    runner = _pod(kubectl, "seglam-verification", "seglam.dev/component=runner")
    return {
        "API server": f"{api}:443",
        "gateway for all": f"{gateway['status']['podIP']}:8080",
        "gateway for Jobs": f"{gateway['status']['podIP']}:8443",
        "operator": f"{operator['status']['podIP']}:8080",
        "runner": f"{runner['status']['podIP']}:8443",
        "runner's probes": f"{runner['status']['podIP']}:8080",
        "kubelet": f"{internal}:10250",
        "DNS": f"{dns}:53",
        "DNS by UDP": f"{dns}:53/udp",
        "metadata address": "169.254.169.254:80",
    }


def _pod(kubectl: Kubectl, namespace: str, selector: str) -> dict[str, Any]:
    def probe() -> dict[str, Any] | None:
        for each in kubectl.json("get", "pods", "-n", namespace, "-l", selector)["items"]:
            states = {condition["type"]: condition["status"] for condition in each["status"].get("conditions", [])}
            if states.get("Ready") == "True" and "deletionTimestamp" not in each["metadata"]:
                return dict(each)
        return None

    return dict(eventually(f"a ready pod of {selector}", probe, seconds=120))


def _reached(kubectl: Kubectl, pod: dict[str, Any], targets: dict[str, str]) -> set[str]:
    named = [f"{name}={address}" for name, address in targets.items()]
    where = ("exec", "-i", "-n", pod["metadata"]["namespace"], pod["metadata"]["name"], "--")
    return set(json.loads(kubectl(*where, "python3", "-", "1", *named, stdin=_PROBE))["reached"])


def test_the_operator_reaches_the_api_server_and_verifying_runners(
    installed: Cluster, addresses: dict[str, str]
) -> None:
    pod = _pod(installed.kubectl, NAMESPACE, "app.kubernetes.io/component=operator")
    others = {name: address for name, address in addresses.items() if name != "operator"}
    assert _reached(installed.kubectl, pod, others) == {"API server", "runner"}


def test_the_gateway_reaches_the_api_server_and_runners(installed: Cluster, addresses: dict[str, str]) -> None:
    """And names and addresses of a model, where one is set; so those are left out here."""
    pod = _pod(installed.kubectl, NAMESPACE, "app.kubernetes.io/component=gateway")
    left_out = ("gateway for all", "gateway for Jobs", "DNS", "DNS by UDP")
    others = {name: address for name, address in addresses.items() if name not in left_out}
    assert _reached(installed.kubectl, pod, others) == {"API server", "runner"}


def test_a_compile_job_reaches_the_gateway_and_the_api_server(
    installed: Cluster, images: Images, addresses: dict[str, str]
) -> None:
    kubectl, name = installed.kubectl, f"probe-{secrets.token_hex(3)}"
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"seglam.dev/component": "compile"}},
        "spec": {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [
                {"name": "c", "image": images.platform, "command": ["sleep", "600"], "securityContext": security}
            ],
        },
    }
    kubectl.apply(pod, namespace=release.COMPILE)
    try:
        kubectl("wait", "-n", release.COMPILE, "--for=condition=Ready", f"pod/{name}", "--timeout=120s")
        found = kubectl.json("get", "pod", name, "-n", release.COMPILE)
        # A policy takes a moment to be enforced for a pod that has just started.
        wanted = {"API server", "gateway for Jobs"}
        # Each look takes the time that asking for a name takes where there is no DNS.
        eventually("only these are reached", lambda: _reached(kubectl, found, addresses) == wanted, seconds=180)
    finally:
        kubectl("delete", "pod", name, "-n", release.COMPILE, "--wait=false")
