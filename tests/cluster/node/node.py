"""Bringing the node up and down, and the faults that tests put into it."""

from __future__ import annotations

import json
import secrets
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from tests.cluster.node import machine
from tests.cluster.node.build import build
from tests.cluster.node.configuration import configuration
from tests.cluster.node.credentials import credentials
from tests.cluster.node.layout import ADDRESS, DNS, KUBERNETES, NODE, Layout
from tests.cluster.node.pause import pause_archive
from tests.cluster.node.processes import APISERVER_PROCESS, ETCD, kill, pid_of, running, send, start, stop
from tests.cluster.node.shell import NodeError, run, succeeds, wait_until


def up(layout: Layout) -> None:
    """Bring the node up; what runs already is left alone.

    Raises:
        NodeError: the machine lacks something, or a process did not become ready.
    """
    if reasons := machine.missing(layout):
        raise NodeError("; ".join(reasons))
    build(layout)
    for directory in (layout.run, layout.log, layout.data):
        directory.mkdir(parents=True, exist_ok=True)
    credentials(layout)
    configuration(layout)
    machine.prepare()
    began = time.monotonic()
    for name in ("etcd", "containerd", APISERVER_PROCESS):
        start(layout, name)
    _wait_for_apiserver(layout)
    for name in ("kube-controller-manager", "kube-scheduler"):
        start(layout, name)
    _wait(layout, "containerd", layout.containerd.exists)
    _ctr(layout, "images", "import", str(pause_archive(layout)))
    for name in ("kubelet", "kube-proxy", "coredns", "netpol"):
        start(layout, name)
    machine.divert()
    _wait(layout, "the services", lambda: _kubectl(layout, "apply", "-f", "-", text_in=json.dumps(_objects())))
    node_ready = ("wait", "--for=condition=Ready", f"node/{NODE}", "--timeout=1s")
    _wait(layout, "the node", lambda: _kubectl(layout, *node_ready))
    _wait(layout, "the default service account", lambda: _kubectl(layout, "get", "serviceaccount", "default"))
    print(f"node: Kubernetes v{KUBERNETES} is up after {time.monotonic() - began:.1f} s", file=sys.stderr)


def is_up(layout: Layout) -> bool:
    """Whether the node's API server runs and answers."""
    return pid_of(layout, APISERVER_PROCESS) is not None and _kubectl(layout, "get", "--raw", "/readyz")


def down(layout: Layout) -> None:
    """Stop everything and take away what `up` made on this machine, but for the programs that were built."""
    thaw_apiserver(layout)
    if pid_of(layout, APISERVER_PROCESS):
        everything = ("delete", "pods", "--all", "--all-namespaces", "--grace-period=0", "--force", "--wait=false")
        _kubectl(layout, *everything)
    if pid_of(layout, "containerd"):
        for task in _ctr(layout, "tasks", "ls", "-q").split():
            ctr = ("ctr", "--address", layout.containerd, "--namespace", "k8s.io", "tasks")
            succeeds(*ctr, "kill", "--signal", "SIGKILL", task)
            succeeds(*ctr, "delete", "--force", task)
    stop(layout, *running(layout))
    machine.restore(layout)
    for directory in (layout.data, layout.run, layout.log, layout.etc, layout.pki):
        _discard(directory)


def _discard(directory: Path) -> None:
    """Take a directory out of the way at once. The files of unpacked images are many and go by themselves, which may
    take minutes.
    """
    if directory.exists():
        gone = directory.rename(directory.with_name(f".gone-{directory.name}-{secrets.token_hex(4)}"))
        nothing = subprocess.DEVNULL
        subprocess.Popen(
            ["nice", "rm", "-rf", gone], stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True
        )


def restart_apiserver(layout: Layout, *, kill_first: bool = False) -> None:
    """Stop the API server (without notice if `kill_first`), start it and wait until it answers."""
    if kill_first:
        kill(layout, APISERVER_PROCESS)
    stop(layout, APISERVER_PROCESS, seconds=10)  # it waits for watches, which nobody ends
    start(layout, APISERVER_PROCESS)
    _wait_for_apiserver(layout)


def freeze_apiserver(layout: Layout) -> None:
    """Let the API server hang: connections stay open and nothing is answered."""
    send(layout, APISERVER_PROCESS, signal.SIGSTOP)


def thaw_apiserver(layout: Layout) -> None:
    """End what `freeze_apiserver` began."""
    send(layout, APISERVER_PROCESS, signal.SIGCONT)


def forget_old_versions(layout: Layout) -> None:
    """Keep only the newest version of each object, as happens every five minutes by itself.

    The API server starts again, since it answers for old versions from its own memory.
    """
    revision = _etcd("maintenance/status", {})["header"]["revision"]
    _etcd("kv/compaction", {"revision": revision, "physical": True})
    restart_apiserver(layout, kill_first=True)


def _etcd(call: str, body: dict[str, Any]) -> Any:
    asked = urllib.request.Request(f"{ETCD}/v3/{call}", data=json.dumps(body).encode())
    with urllib.request.urlopen(asked, timeout=30) as answer:
        return json.load(answer)


def status(layout: Layout) -> str:
    """One line a process, and the node as kubectl shows it."""
    lines = [f"{name:24} {'up' if alive else 'down'}" for name, alive in running(layout).items()]
    if not lines:
        return "no process was started"
    nodes = run(layout.bin / "kubectl", "--kubeconfig", layout.admin, "get", "nodes", "-o", "wide")
    return "\n".join([*lines, nodes.rstrip()])


def _objects() -> dict[str, Any]:
    """The cluster's DNS, which runs on this machine, and OIDC discovery for everybody, as most clusters offer it."""
    dns = {"name": "kube-dns", "namespace": "kube-system"}
    ports = [{"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53, "protocol": "TCP"}]
    service = {"apiVersion": "v1", "kind": "Service", "metadata": dns, "spec": {"clusterIP": DNS, "ports": ports}}
    endpoints = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "addressType": "IPv4",
        "metadata": dns | {"labels": {"kubernetes.io/service-name": "kube-dns"}},
        "endpoints": [{"addresses": [ADDRESS], "conditions": {"ready": True}}],
        "ports": ports,
    }
    group = "rbac.authorization.k8s.io"
    discovery = {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "oidc-discovery"},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "system:service-account-issuer-discovery"},
        "subjects": [{"apiGroup": group, "kind": "Group", "name": "system:unauthenticated"}],
    }
    return {"apiVersion": "v1", "kind": "List", "items": [service, endpoints, discovery]}


def _wait_for_apiserver(layout: Layout) -> None:
    _wait(layout, "the API server", lambda: _kubectl(layout, "get", "--raw", "/readyz"))


def _wait(layout: Layout, what: str, ready: Any) -> None:
    wait_until(what, ready, hint=f"its log is in {layout.log}")


def _kubectl(layout: Layout, *arguments: str, text_in: str | None = None) -> bool:
    command = (layout.bin / "kubectl", "--kubeconfig", layout.admin, "--request-timeout=5s")
    return succeeds(*command, *arguments, text_in=text_in)


def _ctr(layout: Layout, *arguments: str) -> str:
    return run("ctr", "--address", layout.containerd, "--namespace", "k8s.io", *arguments)
