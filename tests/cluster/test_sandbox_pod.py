"""The pod in which procedures run, tried from inside: it reaches nothing, holds nothing, may nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.choosing import Cluster
from tests.cluster.images import Images
from tests.cluster.kubectl import Kubectl, eventually
from tests.cluster.release import SYSTEM
from tests.cluster.tenant import Tenant, example, tenant_in

_PROBE = (Path(__file__).parent / "probe_egress.py").read_text()


@pytest.fixture(scope="module")
def tenant(installed: Cluster, images: Images) -> Iterator[Tenant]:
    """A tenant whose runners are up."""
    with tenant_in(installed.kubectl, "seglam-test-sandbox", images.platform) as made:
        made.activate(example("is-leap-year"))
        yield made


@pytest.fixture(scope="module")
def targets(tenant: Tenant) -> dict[str, str]:
    """Everything that a runner must not reach, where it listens."""
    kubectl = tenant.admin
    node = kubectl.json("get", "nodes")["items"][0]
    internal = next(each["address"] for each in node["status"]["addresses"] if each["type"] == "InternalIP")
    slices = kubectl.json("get", "endpointslices", "-n", "default", "-l", "kubernetes.io/service-name=kubernetes")
    api = slices["items"][0]
    service = kubectl.json("get", "service", "kubernetes", "-n", "default")["spec"]["clusterIP"]
    dns = kubectl.json("get", "service", "kube-dns", "-n", "kube-system")["spec"]["clusterIP"]
    gateway = _running(kubectl, SYSTEM, "app.kubernetes.io/component=gateway")[0]
    other = _running(kubectl, "seglam-verification", "seglam.dev/component=runner")[0]
    return {
        "API server": f"{service}:443",
        "API server itself": f"{api['endpoints'][0]['addresses'][0]}:{api['ports'][0]['port']}",
        "kubelet": f"{internal}:10250",
        "DNS": f"{dns}:53",
        "DNS by UDP": f"{dns}:53/udp",
        "gateway": f"{gateway['status']['podIP']}:8080",
        "another runner": f"{other['status']['podIP']}:8443",
        "metadata address": "169.254.169.254:80",
        "internet": "1.1.1.1:443",
        "internet by UDP": "1.1.1.1:53/udp",
    }


def test_the_targets_are_there(tenant: Tenant, targets: dict[str, str]) -> None:
    """Otherwise that a runner does not reach them would show nothing."""
    inside = [
        f"{name}={address}" for name, address in targets.items() if name in ("API server", "DNS", "gateway", "kubelet")
    ]
    done = tenant.admin(
        "exec", "-i", "-n", tenant.namespace, "caller", "--", "python3", "-", "0", *inside, stdin=_PROBE
    )
    assert set(json.loads(done)["reached"]) == {"API server", "DNS", "gateway", "kubelet"}


def test_a_runner_reaches_nothing(tenant: Tenant, targets: dict[str, str]) -> None:
    report = _probe(tenant, _runner(tenant), targets)
    assert report["reached"] == {}
    assert not report["resolves"]


def test_a_runner_holds_nothing_and_may_nothing(tenant: Tenant) -> None:
    report = _probe(tenant, _runner(tenant), {})
    assert not report["token"]
    assert report["writable"] == ["/tmp"]
    assert report["user"] == "65532"
    assert report["capabilities"] == ["0000000000000000"] * 3
    assert (report["noNewPrivileges"], report["seccomp"]) == ("1", "2")


def test_its_probes_pass_and_it_has_proved_its_confinement(tenant: Tenant) -> None:
    pod = _running(tenant.admin, tenant.runners, "seglam.dev/component=runner")[0]
    states = {each["type"]: each["status"] for each in pod["status"]["conditions"]}
    assert states["Ready"] == "True"
    assert pod["status"]["containerStatuses"][0]["restartCount"] == 0


def test_the_namespace_enforces_the_restricted_profile(tenant: Tenant) -> None:
    labels = tenant.get("namespace", tenant.runners)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    container = {"name": "main", "image": "x", "securityContext": {"privileged": True}}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "intruder"}, "spec": {"containers": [container]}}
    said = tenant.admin.refusal("apply", "-n", tenant.runners, "-f", "-", stdin=json.dumps(pod))
    assert "violates PodSecurity" in said


def test_people_of_the_tenant_have_no_way_in(tenant: Tenant) -> None:
    for verb, resource in (
        ("create", "pods/exec"),
        ("delete", "networkpolicies"),
        ("create", "pods"),
        ("get", "secrets"),
    ):
        may = tenant.alice.attempt("auth", "can-i", verb, resource, "-n", tenant.runners).stdout.strip()
        assert may == "no", f"{verb} {resource}"


def test_a_pod_that_starts_is_confined_within_a_moment(tenant: Tenant, targets: dict[str, str], images: Images) -> None:
    """Policies lag a pod's start; this is the time in which a runner is not ready yet and takes nothing."""
    wanted = [f"{name}={address}" for name, address in targets.items()]
    with _copied_pod(tenant, tenant.runners, "starting", ["python", "-c", _PROBE, "4", *wanted]) as name:
        finished = lambda: _phase(tenant.admin, tenant.runners, name) in ("Succeeded", "Failed")  # noqa: E731
        eventually("the probe ends", finished, seconds=60)
        report = json.loads(tenant.admin("logs", "-n", tenant.runners, name))
    late = {target: times for target, times in report["reached"].items() if times[-1] > 2.0}
    assert late == {}
    print(f"reached at its start: { {target: times[-1] for target, times in report['reached'].items()} }")


def test_a_runner_whose_egress_is_open_never_becomes_ready(tenant: Tenant) -> None:
    """The same pod in a namespace without a policy."""
    kubectl = tenant.admin
    secret = tenant.admin.json("get", "secret", "seglam-runner-tls", "-n", tenant.runners)
    kept = {"apiVersion": "v1", "kind": "Secret", "type": secret["type"], "data": secret["data"]}
    kubectl.apply(kept | {"metadata": {"name": "seglam-runner-tls"}}, namespace=tenant.namespace)
    with _copied_pod(tenant, tenant.namespace, "open", None) as name:
        address = eventually("the pod runs", lambda: _address(kubectl, tenant.namespace, name), seconds=60)
        ask = f"import urllib.request as u, urllib.error as e\ntry: print(u.urlopen('http://{address}:8080/readyz').read())\n"
        ask += "except e.HTTPError as problem: print(problem.code, problem.read())"
        asking = ("exec", "-n", tenant.namespace, "caller", "--", "python3", "-c", ask)
        said = eventually(
            "the runner says why",
            lambda: (lambda text: text if "EgressNotBlocked" in text else "")(kubectl(*asking)),
            seconds=60,
        )
        assert said.startswith("503")
        waited = kubectl.attempt(
            "wait", "--for=condition=Ready", f"pod/{name}", "-n", tenant.namespace, "--timeout=10s"
        )
        assert waited.returncode != 0


def test_a_runner_takes_only_callers_with_a_client_certificate(tenant: Tenant) -> None:
    """From the system namespace, where the network policy lets callers through: TLS decides then."""
    pod = _running(tenant.admin, tenant.runners, "seglam.dev/component=runner")[0]
    gateway = _running(tenant.admin, SYSTEM, "app.kubernetes.io/component=gateway")[0]
    tried = "\n".join(
        [
            "import ssl, socket",
            "context = ssl._create_unverified_context()",
            f"raw = socket.create_connection(('{pod['status']['podIP']}', 8443), 3)",
            "try:",
            "    stream = context.wrap_socket(raw)",
            "    stream.sendall(b'GET /v1/engines HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n')",
            "    print('answered' if stream.recv(100) else 'closed')",
            "except (ssl.SSLError, OSError) as problem:",
            "    print('refused', problem)",
        ]
    )
    said = tenant.admin("exec", "-n", SYSTEM, gateway["metadata"]["name"], "--", "python", "-c", tried)
    assert said.split()[0] in ("closed", "refused")


def _running(kubectl: Kubectl, namespace: str, selector: str) -> list[dict[str, Any]]:
    pods = kubectl.json("get", "pods", "-n", namespace, "-l", selector, "--field-selector=status.phase=Running")[
        "items"
    ]
    assert pods, f"no pod of {selector} runs in {namespace}"
    return list(pods)


def _runner(tenant: Tenant) -> str:
    return str(_running(tenant.admin, tenant.runners, "seglam.dev/component=runner")[0]["metadata"]["name"])


def _probe(tenant: Tenant, pod: str, targets: dict[str, str]) -> dict[str, Any]:
    wanted = [f"{name}={address}" for name, address in targets.items()]
    command = ("exec", "-i", "-n", tenant.runners, pod, "--", "python", "-", "2", *wanted)
    return dict(json.loads(tenant.admin(*command, stdin=_PROBE)))


def _phase(kubectl: Kubectl, namespace: str, pod: str) -> str:
    return str(kubectl.json("get", "pod", pod, "-n", namespace)["status"].get("phase"))


def _address(kubectl: Kubectl, namespace: str, pod: str) -> str | None:
    status = kubectl.json("get", "pod", pod, "-n", namespace)["status"]
    return status.get("podIP") if status.get("phase") == "Running" else None


@contextmanager
def _copied_pod(tenant: Tenant, namespace: str, name: str, command: list[str] | None) -> Iterator[str]:
    """A pod as the operator makes them, with the same labels, perhaps with another command."""
    original = _running(tenant.admin, tenant.runners, "seglam.dev/component=runner")[0]
    spec = {
        key: value
        for key, value in original["spec"].items()
        if key not in ("nodeName", "serviceAccountName", "serviceAccount")
    }
    spec["restartPolicy"], spec["terminationGracePeriodSeconds"] = "Never", 0
    if command is not None:
        spec["containers"][0]["command"] = command
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            spec["containers"][0].pop(probe, None)
    labels = {key: value for key, value in original["metadata"]["labels"].items() if key != "pod-template-hash"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": spec}
    tenant.admin.apply(pod, namespace=namespace)
    try:
        yield name
    finally:
        tenant.admin("delete", "pod", name, "-n", namespace, "--ignore-not-found", "--wait=false")
