"""The cluster itself does what the other tests rely on: otherwise they would prove nothing."""

from __future__ import annotations

import json
from typing import Any

from tests.cluster.choosing import Cluster
from tests.cluster.images import Images
from tests.cluster.kubectl import Kubectl, eventually

_SERVE = "import http.server as h; h.ThreadingHTTPServer(('', 8000), h.SimpleHTTPRequestHandler).serve_forever()"
_DIAL = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 2).close()"


def _pod(name: str, image: str, *command: str, **labels: str) -> dict[str, Any]:
    container = {"name": "main", "image": image, "imagePullPolicy": "IfNotPresent", "command": list(command)}
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": spec}


def test_pods_services_names_and_network_policies(kubectl: Kubectl, namespace: str, images: Images) -> None:
    server = _pod("server", images.platform, "python3", "-c", _SERVE, role="server")
    caller = _pod("caller", images.platform, "sleep", "infinity", role="caller")
    ports = [{"port": 80, "targetPort": 8000}]
    selecting = {"selector": {"role": "server"}, "ports": ports}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "server"}, "spec": selecting}
    kubectl.apply(server, caller, service, namespace=namespace)
    kubectl("wait", "-n", namespace, "--for=condition=Ready", "pod/server", "pod/caller", "--timeout=60s")
    exec_ = ("exec", "-n", namespace, "caller", "--", "python3", "-c")

    def reaches(host: str, port: int) -> bool:
        return kubectl.attempt(*exec_, _DIAL, host, port).returncode == 0

    address = kubectl.json("get", "pod", "server", "-n", namespace)["status"]["podIP"]
    eventually("the Service answers by its name", lambda: reaches(f"server.{namespace}.svc.cluster.local", 80))
    assert reaches(address, 8000)

    closed = {"podSelector": {"matchLabels": {"role": "caller"}}, "policyTypes": ["Egress"]}
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "closed"},
        "spec": closed,
    }
    kubectl.apply(policy, namespace=namespace)
    eventually("the policy is enforced", lambda: not reaches(address, 8000))


def test_tokens_can_be_checked_from_outside(kubectl: Kubectl) -> None:
    keys = json.loads(kubectl.as_user("system:anonymous", "system:unauthenticated")("get", "--raw", "/openid/v1/jwks"))
    assert keys["keys"]


def test_the_api_server_stamps_authors_by_policy(kubectl: Kubectl) -> None:
    served = kubectl("api-resources", "--api-group=admissionregistration.k8s.io", "-o", "name")
    assert "validatingadmissionpolicies.admissionregistration.k8s.io" in served


def test_the_cluster_is_one_that_tests_may_change(cluster: Cluster) -> None:
    assert cluster.kubectl("auth", "can-i", "*", "*", "--all-namespaces").strip() == "yes"
