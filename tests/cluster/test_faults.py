"""What breaks in a cluster, under a steady load: never a wrong answer, and hits fail only as often as is said here.

The load sends every request once, without trying again, so each failure that a caller would see is counted. Limits
are on counts, not on time; the numbers that were seen are printed.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import release
from tests.cluster.caller import Question, Result
from tests.cluster.choosing import Cluster
from tests.cluster.images import Images
from tests.cluster.kubectl import Kubectl, eventually
from tests.cluster.node import Layout
from tests.cluster.node.node import freeze_apiserver, restart_apiserver, thaw_apiserver
from tests.cluster.node.shell import run
from tests.cluster.release import SYSTEM
from tests.cluster.tenant import Tenant, digest, example, tenant_in

THREADS = 2
QUESTIONS = [
    Question(f"Is {year} a leap year?", "Yes" if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else "No")
    for year in range(1900, 2100)
]
FEW = 2 * THREADS
"""Requests that may fail when something that answers is killed: those that were in it, and those that met it next."""


@pytest.fixture(scope="module")
def tenant(installed: Cluster, images: Images) -> Iterator[Tenant]:
    """A tenant whose procedure is served by two runners."""
    with tenant_in(installed.kubectl, "seglam-test-faults", images.platform) as made:
        made.activate(example("is-leap-year"))
        made.admin("scale", "rpool/default", "--replicas=2", "-n", made.namespace)
        made.wait_until_hit(QUESTIONS[0].text)
        _settle(made.admin, made.runners, "seglam.dev/component=runner", 2)
        yield made


@contextmanager
def _under_load(tenant: Tenant, what: str, results: list[Result], threads: int = THREADS) -> Iterator[None]:
    """Hits before, while and after the block."""
    with tenant.caller.load(QUESTIONS, threads=threads) as load:
        time.sleep(2)
        yield
        time.sleep(2)
        results.append(load.stop())
    print(f"\n{what}: {results[-1]}; {results[-1].troubles[:4]}")
    assert results[-1].wrong == []
    assert results[-1].hits > 0


def test_the_operator_is_killed(installed: Cluster, tenant: Tenant) -> None:
    results: list[Result] = []
    with _under_load(tenant, "operator killed", results):
        _kill(installed, SYSTEM, "app.kubernetes.io/component=operator")
        _settle(tenant.admin, SYSTEM, "app.kubernetes.io/component=operator", 2)
    assert results[0].other == {}


def test_the_operator_is_killed_in_every_phase_of_a_procedures_life(installed: Cluster, tenant: Tenant) -> None:
    """Procedures half a second apart in age: some are new, some verified, some approved, when the leader ends."""
    documents = [_procedure(number) for number in range(6)]
    for document in documents:
        tenant.apply(document)
        time.sleep(0.5)
    _kill(installed, SYSTEM, "app.kubernetes.io/component=operator")
    reviews = [tenant.wait_for_review(each["metadata"]["name"], digest(each)) for each in documents]
    for review in reviews:
        tenant.decide(review, "Approve")
        time.sleep(0.2)
    _kill(installed, SYSTEM, "app.kubernetes.io/component=operator")
    for number, document in enumerate(documents):
        name = document["metadata"]["name"]
        tenant.wait_until_ready(name)
        assert tenant.wait_until_hit(f"Is 2023 a leap year in phase {_WORDS[number]}?")["answer"] == "No"
        mine = ("-n", tenant.namespace, "-l", f"seglam.dev/procedure={name}")
        assert len(tenant.admin.json("get", "rprev", *mine)["items"]) == 1


_WORDS = ("one", "two", "three", "four", "five", "six")


def _procedure(number: int) -> dict[str, Any]:
    """A procedure of its own, of which there can be many."""
    word = _WORDS[number]
    document = example("is-leap-year")
    document["metadata"]["name"] = f"killed-{word}"
    document["spec"]["match"] = {"patterns": [{"text": f"is {{year}} a leap year in phase {word}[?]"}]}
    asked = {"request": f"Is 2024 a leap year in phase {word}?", "arguments": [{"name": "year", "value": "2024"}]}
    document["spec"]["examples"] = [{**asked, "answer": "Yes"}]
    return document


def test_a_runner_is_killed(installed: Cluster, tenant: Tenant) -> None:
    results: list[Result] = []
    with _under_load(tenant, "runner killed", results):
        _kill(installed, tenant.runners, "seglam.dev/component=runner", count=1)
        _settle(tenant.admin, tenant.runners, "seglam.dev/component=runner", 2)
    assert results[0].failed <= FEW


def test_a_runner_runs_out_of_memory(installed: Cluster, tenant: Tenant) -> None:
    """Something else in its memory takes all that there is, and the kernel ends the runner."""
    node = _node(installed)
    results: list[Result] = []
    with _under_load(tenant, "runner out of memory", results):
        pod = _pods(tenant.admin, tenant.runners, "seglam.dev/component=runner")[0]
        _exhaust(node, pod["status"]["containerStatuses"][0]["containerID"].removeprefix("containerd://"))
        name = pod["metadata"]["name"]

        def restarted() -> str | None:
            status = tenant.admin.json("get", "pod", name, "-n", tenant.runners)["status"]["containerStatuses"][0]
            ended = status["lastState"].get("terminated")
            return str(ended["reason"]) if ended else None

        assert eventually("it is started again", restarted) == "OOMKilled"
        _settle(tenant.admin, tenant.runners, "seglam.dev/component=runner", 2)
    assert results[0].failed <= FEW


_HOG = """
import os, sys
pid, procs = int(sys.argv[1]), sys.argv[2]
with open(f"/proc/{pid}/oom_score_adj", "w") as file:
    file.write("1000")
with open(procs, "w") as file:
    file.write(str(os.getpid()))
held = []
while os.path.exists(f"/proc/{pid}") and len(held) < 4096:
    held.append(b"x" * (1 << 20))
"""


def _exhaust(node: Layout, container: str) -> None:
    """Use up the memory of a container's control group, by a process that the kernel likes better."""
    listed = run("ctr", "--address", node.containerd, "--namespace", "k8s.io", "tasks", "ls")
    pid = next(line.split()[1] for line in listed.splitlines() if line.startswith(container))
    lines = [line.split(":", 2) for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()]
    # One hierarchy for all, or one of its own for memory.
    where = next((f"memory{path}" for _, names, path in lines if names == "memory"), lines[-1][2].lstrip("/"))
    hog = [sys.executable, "-c", _HOG, pid, f"/sys/fs/cgroup/{where}/cgroup.procs"]
    ended = subprocess.run(hog, check=False, capture_output=True, text=True)
    # Until the runner's memory is free again the kernel may end this one too.
    assert ended.returncode in (0, -signal.SIGKILL), ended.stderr


def test_another_tenants_namespace_is_deleted(installed: Cluster, tenant: Tenant, images: Images) -> None:
    """It takes its procedures, decisions and runners with it, and nobody else notices."""
    results: list[Result] = []
    with tenant_in(installed.kubectl, "seglam-test-gone", images.platform) as other:
        other.activate(example("is-leap-year"))
        other.wait_until_hit(QUESTIONS[0].text)
        with _under_load(tenant, "another tenant deleted", results):
            other.admin("delete", "namespace", other.namespace, "--timeout=120s", seconds=150)
            other.admin("wait", "--for=delete", f"namespace/{other.runners}", "--timeout=120s", seconds=150)
    assert results[0].other == {}
    settled = tenant.admin.json("get", "rp", "-A")["items"]
    assert {each["metadata"]["namespace"] for each in settled} >= {tenant.namespace}
    assert other.namespace not in {each["metadata"]["namespace"] for each in settled}


def test_a_runner_is_drained(tenant: Tenant) -> None:
    results: list[Result] = []
    with _under_load(tenant, "runner deleted", results):
        pod = _pods(tenant.admin, tenant.runners, "seglam.dev/component=runner")[0]
        tenant.admin("delete", "pod", pod["metadata"]["name"], "-n", tenant.runners)
        _settle(tenant.admin, tenant.runners, "seglam.dev/component=runner", 2)
    assert results[0].other == {}


def test_a_gateway_is_killed(installed: Cluster, tenant: Tenant) -> None:
    results: list[Result] = []
    with _under_load(tenant, "gateway killed", results, threads=6):  # so that connections lead to both
        _kill(installed, SYSTEM, "app.kubernetes.io/component=gateway", count=1)
        _settle(tenant.admin, SYSTEM, "app.kubernetes.io/component=gateway", 2)
    # Until the Service knows, new connections to the dead one are refused: they fail at once and are counted each.
    print(f"gateway killed: {results[0].failed} failed")
    assert set(results[0].other) <= {
        "ConnectionRefusedError",
        "ConnectionResetError",
        "RemoteDisconnected",
        "BrokenPipeError",
        "IncompleteRead",  # in the middle of an answer
    }


def test_a_gateway_is_drained(tenant: Tenant) -> None:
    results: list[Result] = []
    with _under_load(tenant, "gateways restarted", results):
        tenant.admin("rollout", "restart", "deployment/seglam-gateway", "-n", SYSTEM)
        tenant.admin("rollout", "status", "deployment/seglam-gateway", "-n", SYSTEM, "--timeout=180s", seconds=200)
    # A kept connection may end just as a request is sent on it; that request fails, at most one on each connection.
    assert results[0].failed <= 2 * THREADS


def test_the_api_server_hangs(installed: Cluster, tenant: Tenant) -> None:
    node = _node(installed)
    results: list[Result] = []
    with tenant.caller.load(QUESTIONS, threads=THREADS) as load:
        time.sleep(1)
        freeze_apiserver(node)
        try:
            time.sleep(2.5 * release.LEASE_S)
        finally:
            thaw_apiserver(node)
        eventually("the API server answers", lambda: tenant.admin("get", "--raw", "/readyz"), seconds=60)
        results.append(load.stop())
    print(f"\nAPI server hanging for {2.5 * release.LEASE_S:g} s: {results[0]}")
    assert (results[0].wrong, results[0].other) == ([], {})
    _one_leader(tenant.admin)


def test_the_api_server_restarts(installed: Cluster, tenant: Tenant) -> None:
    results: list[Result] = []
    with _under_load(tenant, "API server killed and started", results):
        restart_apiserver(_node(installed), kill_first=True)
    assert results[0].other == {}
    _one_leader(tenant.admin)


def test_the_chart_is_upgraded(installed: Cluster, tenant: Tenant, images: Images) -> None:
    results: list[Result] = []
    with _under_load(tenant, "chart upgraded", results):
        gateway = {"podAnnotations": {"seglam.dev/test": str(time.time_ns())}}
        release.install(installed, release.values_of(images, {"gateway": gateway, "operator": gateway}))
    assert results[0].failed <= 2 * THREADS


def _node(cluster: Cluster) -> Layout:
    if cluster.node is None:
        pytest.skip("only the real node's API server can be frozen or killed")
    return cluster.node


def _pods(kubectl: Kubectl, namespace: str, selector: str) -> list[dict[str, Any]]:
    return [
        pod
        for pod in kubectl.json("get", "pods", "-n", namespace, "-l", selector)["items"]
        if "deletionTimestamp" not in pod["metadata"]
    ]


def _settle(kubectl: Kubectl, namespace: str, selector: str, count: int) -> None:
    """Wait until so many pods are ready and no other is there."""

    def settled() -> bool:
        pods = kubectl.json("get", "pods", "-n", namespace, "-l", selector)["items"]
        ready = [
            pod
            for pod in pods
            for each in pod["status"].get("conditions", [])
            if each["type"] == "Ready" and each["status"] == "True"
        ]
        return len(pods) == len(ready) == count

    eventually(f"{count} pods of {selector} in {namespace}", settled, seconds=180)


def _kill(cluster: Cluster, namespace: str, selector: str, count: int | None = None) -> None:
    """`kill -9` where there is a way to the processes; the pods go too, since a container's next starts are delayed."""
    for pod in _pods(cluster.kubectl, namespace, selector)[:count]:
        if cluster.node is not None:
            container = pod["status"]["containerStatuses"][0]["containerID"].removeprefix("containerd://")
            tasks = ("ctr", "--address", cluster.node.containerd, "--namespace", "k8s.io", "tasks")
            run(*tasks, "kill", "--signal", "SIGKILL", container)
        name = pod["metadata"]["name"]
        cluster.kubectl("delete", "pod", name, "-n", namespace, "--grace-period=0", "--force", "--ignore-not-found")


def _one_leader(kubectl: Kubectl) -> None:
    def held() -> bool:
        return bool(kubectl.json("get", "lease", "seglam-operator", "-n", SYSTEM)["spec"].get("holderIdentity"))

    eventually("somebody leads", held, seconds=60)
    _settle(kubectl, SYSTEM, "app.kubernetes.io/component=operator", 2)
