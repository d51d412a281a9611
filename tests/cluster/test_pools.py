"""Runners of tenants: made as wanted, kept so whatever others do, refused where something foreign is in the way."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seglam.cluster import Client, from_kubeconfig
from seglam.operator.context import Context, now
from seglam.operator.events import Events
from seglam.operator.metrics import Metrics
from seglam.operator.owned import Owner
from seglam.operator.reconcile.certificates import Authority
from seglam.operator.reconcile.runners import RunnerNamespaces
from seglam.operator.reconcile.tenants import Tenants, tenant_key
from seglam.operator.seen import Procedure
from seglam.operator.settings import Settings
from seglam.operator.status import StatusWriter
from seglam.resources import names
from tests.cluster import release
from tests.cluster.choosing import Cluster
from tests.cluster.kinds import OPERATOR, acting_as, procedure, resource
from tests.cluster.kubectl import Kubectl, condition, eventually

KINDS = "deployments,services,networkpolicies,secrets,poddisruptionbudgets"


@pytest.fixture(scope="module")
def tenant(installed: Cluster) -> Iterator[str]:
    """A namespace with one pool that a person has made, whose runner is ready."""
    name = f"seglam-test-pools-{secrets.token_hex(3)}"
    kubectl = installed.kubectl
    release.ensure_namespace(kubectl, name)
    kubectl.apply(pool(name, "default"))
    ready(kubectl, name, "default")
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def other(installed: Cluster) -> Iterator[str]:
    """A namespace that nobody has used yet."""
    name = f"seglam-test-pools-{secrets.token_hex(3)}"
    release.ensure_namespace(installed.kubectl, name)
    yield name
    installed.kubectl("delete", "namespace", name, names.runner_namespace(name), "--wait=false", "--ignore-not-found")


def pool(tenant: str, name: str, **spec: Any) -> dict[str, Any]:
    return resource(names.RUNNER_POOL, tenant, name, {"isolation": "pooled", "replicas": 1} | spec)


def ready(kubectl: Kubectl, tenant: str, name: str) -> None:
    kubectl("wait", "--for=condition=Ready", f"rpool/{name}", "-n", tenant, "--timeout=120s", seconds=150)


def ready_condition(kubectl: Kubectl, kind: str, name: str, tenant: str) -> dict[str, Any]:
    return condition(kubectl.json("get", kind, name, "-n", tenant), "Ready")


def versions(kubectl: Kubectl, tenant: str) -> dict[str, str]:
    """Resource versions of everything that the operator keeps for a tenant."""
    found = kubectl.json("get", KINDS, "-n", names.runner_namespace(tenant))["items"]
    found += [kubectl.json("get", "namespace", names.runner_namespace(tenant))]
    found += kubectl.json("get", "runnerpools", "-n", tenant)["items"]
    return {f"{each['kind']}/{each['metadata']['name']}": each["metadata"]["resourceVersion"] for each in found}


def test_a_pool_is_what_it_says(installed: Cluster, tenant: str) -> None:
    kubectl, runners = installed.kubectl, names.runner_namespace(tenant)
    status = kubectl.json("get", "rpool", "default", "-n", tenant)["status"]
    assert (status["namespace"], status["replicas"], status["readyReplicas"]) == (runners, 1, 1)
    pods = kubectl.json("get", "pods", "-n", runners, "-l", status["selector"])["items"]
    assert len(pods) == 1
    labels = kubectl.json("get", "namespace", runners)["metadata"]["labels"]
    assert labels["seglam.dev/tenant"] == tenant
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    slices = kubectl.json("get", "endpointslices", "-n", runners, "-l", names.RUNNER_SELECTOR)["items"]
    assert [each["metadata"]["labels"]["seglam.dev/pool"] for each in slices] == ["default"]
    assert [address for each in slices for end in each["endpoints"] for address in end["addresses"]] == [
        pods[0]["status"]["podIP"]
    ]


def test_a_pod_that_is_not_restricted_is_refused_there(installed: Cluster, tenant: str) -> None:
    said = installed.kubectl.refusal("run", "x", "--image=x", "--privileged", "-n", names.runner_namespace(tenant))
    assert "violates PodSecurity" in said


def test_another_look_writes_nothing(installed: Cluster, tenant: str) -> None:
    kubectl = installed.kubectl
    ready(kubectl, tenant, "default")
    before = versions(kubectl, tenant)
    # A tenant is looked at when one of its pools changes; a second pool shows that the look has taken place.
    kubectl.apply(pool(tenant, "probe", replicas=0))
    ready(kubectl, tenant, "probe")
    kubectl("delete", "rpool", "probe", "-n", tenant)
    gone = ("get", "deploy", "probe", "-n", names.runner_namespace(tenant), "--ignore-not-found")
    eventually("the probe is gone", lambda: not kubectl(*gone).strip())
    assert versions(kubectl, tenant) == before


def patched(kind: str, name: str, patch: dict[str, Any], kept: Callable[[dict[str, Any]], bool]) -> Any:
    return pytest.param(kind, name, patch, kept, id=f"{kind}/{name}")


@pytest.mark.parametrize(
    ("kind", "name", "patch", "kept"),
    [
        patched("networkpolicy", "default-deny", {"spec": {"egress": [{}]}}, lambda it: not it["spec"].get("egress")),
        patched(
            "networkpolicy",
            "runners",
            {"spec": {"ingress": [{}]}},
            lambda it: bool(it["spec"]["ingress"][0].get("from")),
        ),
        patched("deployment", "default", {"spec": {"replicas": 4}}, lambda it: it["spec"]["replicas"] == 1),
        patched(
            "deployment",
            "default",
            {"spec": {"template": {"spec": {"containers": [{"name": "more", "image": "x"}]}}}},
            lambda it: [each["name"] for each in it["spec"]["template"]["spec"]["containers"]] == ["runner"],
        ),
        patched("service", "default", {"spec": {"selector": {"x": "y"}}}, lambda it: "x" not in it["spec"]["selector"]),
    ],
)
def test_edits_are_undone(
    installed: Cluster, tenant: str, kind: str, name: str, patch: dict[str, Any], kept: Callable[[dict[str, Any]], bool]
) -> None:
    kubectl, where = installed.kubectl, ("-n", names.runner_namespace(tenant))
    before = kubectl.json("get", kind, name, *where)["spec"]
    kubectl("patch", kind, name, *where, "--type=strategic", "-p", json.dumps(patch))
    eventually(f"{kind}/{name} is as before", lambda: kept(kubectl.json("get", kind, name, *where)))
    eventually("and nothing else changed", lambda: kubectl.json("get", kind, name, *where)["spec"] == before)


@pytest.mark.parametrize("kind", ["deployment/default", "service/default", "networkpolicy/default-deny"])
def test_what_is_deleted_comes_back(installed: Cluster, tenant: str, kind: str) -> None:
    kubectl, where = installed.kubectl, ("-n", names.runner_namespace(tenant))
    before = kubectl.json("get", kind, *where)["metadata"]["uid"]
    kubectl("delete", kind, *where)

    def back() -> bool:
        return bool(kubectl.json("get", kind, *where)["metadata"]["uid"] != before)

    eventually(f"{kind} is back", back)
    eventually("the pool is ready", lambda: ready_condition(kubectl, "rpool", "default", tenant)["status"] == "True")


def test_a_pool_scales_and_has_a_budget_while_pods_can_be_spared(installed: Cluster, tenant: str) -> None:
    kubectl, runners = installed.kubectl, names.runner_namespace(tenant)
    kubectl("scale", "rpool/default", "--replicas=2", "-n", tenant)
    kubectl("wait", "--for=jsonpath={.status.readyReplicas}=2", "rpool/default", "-n", tenant, "--timeout=120s")
    ready(kubectl, tenant, "default")
    budget = kubectl.json("get", "pdb", "default", "-n", runners)
    assert budget["spec"]["maxUnavailable"] == 1
    kubectl("scale", "rpool/default", "--replicas=1", "-n", tenant)
    gone = ("get", "pdb", "default", "-n", runners, "--ignore-not-found")
    eventually("the budget is gone", lambda: not kubectl(*gone).strip())
    kubectl("scale", "rpool/default", "--replicas=0", "-n", tenant)
    eventually("nothing runs", lambda: ready_condition(kubectl, "rpool", "default", tenant)["reason"] == "ScaledToZero")
    kubectl("scale", "rpool/default", "--replicas=1", "-n", tenant)
    eventually("one runs", lambda: ready_condition(kubectl, "rpool", "default", tenant)["reason"] == "Available")


def test_a_foreign_object_in_the_way_is_left_alone(installed: Cluster, tenant: str) -> None:
    kubectl, runners = installed.kubectl, names.runner_namespace(tenant)
    kubectl("create", "service", "clusterip", "taken", "--clusterip=None", "-n", runners)
    before = kubectl.json("get", "service", "taken", "-n", runners)
    kubectl.apply(pool(tenant, "taken"))
    seen = eventually(
        "the pool says so",
        lambda: (found := ready_condition(kubectl, "rpool", "taken", tenant)).get("reason") == "NotOwned" and found,
    )
    assert seen["status"] == "False"
    assert f"Service {runners}/taken exists" in seen["message"]
    assert kubectl.json("get", "service", "taken", "-n", runners) == before
    kubectl("delete", "service", "taken", "-n", runners)
    kubectl("annotate", "rpool", "taken", "-n", tenant, "looked=again")
    ready(kubectl, tenant, "taken")
    kubectl("delete", "rpool", "taken", "-n", tenant)


def test_a_foreign_namespace_is_left_alone(installed: Cluster, other: str) -> None:
    kubectl, runners = installed.kubectl, names.runner_namespace(other)
    kubectl("create", "namespace", runners)
    kubectl.apply(pool(other, "default"))
    seen = eventually(
        "the pool says so",
        lambda: (found := ready_condition(kubectl, "rpool", "default", other)).get("reason") == "NotOwned" and found,
    )
    assert f"Namespace {runners} exists" in seen["message"]
    assert kubectl.json("get", "deployments,networkpolicies", "-n", runners)["items"] == []
    kubectl("delete", "rpool", "default", "-n", other)
    kubectl("wait", "--for=delete", "rpool/default", "-n", other)
    assert kubectl.json("get", "namespace", runners)["status"]["phase"] == "Active"


def test_a_namespace_goes_with_its_last_pool(installed: Cluster, other: str) -> None:
    kubectl, runners = installed.kubectl, names.runner_namespace(other)
    kubectl.apply(pool(other, "default", replicas=0))
    ready(kubectl, other, "default")
    kubectl("delete", "rpool", "default", "-n", other)
    kubectl("wait", "--for=delete", f"namespace/{runners}", "--timeout=90s")


def alice(installed: Cluster, tenant: str, document: dict[str, Any]) -> None:
    """Somebody writes a procedure; its runners are made before anybody has approved it."""
    installed.kubectl.as_user("alice", "system:masters").apply(document, namespace=tenant)


def test_a_dedicated_procedure_has_runners_of_its_own_as_long_as_it_wants_them(installed: Cluster, other: str) -> None:
    kubectl, runners = installed.kubectl, names.runner_namespace(other)
    alice(installed, other, procedure(other, "twice", sandbox={"isolation": "dedicated"}))
    own = eventually("its own runners", lambda: kubectl.json("get", "deployment", "rp-twice", "-n", runners))
    assert own["metadata"]["labels"]["seglam.dev/procedure"] == "twice"
    assert kubectl.json("get", "rpool", "-n", other)["items"] == []
    alice(installed, other, procedure(other, "twice"))
    gone = ("get", "deployment,service", "rp-twice", "-n", runners, "--ignore-not-found")
    eventually("shared runners in their place", lambda: not kubectl(*gone).strip())
    eventually("the default pool", lambda: kubectl.json("get", "rpool", "default", "-n", other))
    kubectl("get", "deployment", "default", "-n", runners)


def test_the_pool_on_demand_goes_when_a_tenant_has_idled(installed: Cluster, other: str, kubeconfig: Path) -> None:
    kubectl, runners = installed.kubectl, names.runner_namespace(other)
    alice(installed, other, procedure(other, "twice"))
    eventually("the default pool", lambda: kubectl.json("get", "rpool", "default", "-n", other))
    made = eventually("its runners", lambda: kubectl.json("get", "deployment", "default", "-n", runners))
    image = made["spec"]["template"]["spec"]["containers"][0]["image"]
    asyncio.run(look(kubeconfig, other, image, idle_s=0))
    kubectl("get", "rpool", "default", "-n", other)  # there is a procedure
    kubectl("delete", "rp", "twice", "-n", other)
    asyncio.run(look(kubeconfig, other, image, idle_s=3600))
    kubectl("get", "rpool", "default", "-n", other)  # there may be one again
    asyncio.run(look(kubeconfig, other, image, idle_s=0))
    kubectl("wait", "--for=delete", f"namespace/{runners}", "--timeout=90s")
    assert kubectl.json("get", "rpool", "-n", other)["items"] == []


class Nothing:
    """What an operator knows of procedures that has just started."""

    def procedures(self, namespace: str | None = None) -> Iterator[Procedure]:
        return iter(())


async def look(kubeconfig: Path, tenant: str, image: str, *, idle_s: int) -> None:
    """One look at a tenant with the operator's rights, by one that has just started."""
    plain = Settings()
    settings = replace(plain, runners=replace(plain.runners, image=image, idle_s=idle_s))
    async with Client(acting_as(from_kubeconfig(kubeconfig), OPERATOR)) as client:
        metrics = Metrics()
        events = Events(client, metrics, "test")
        status = StatusWriter(client, events, metrics)
        context = Context(client, settings, metrics, events, status, lambda _: None)
        authority = Authority(client, settings, now)
        runners = RunnerNamespaces(client, Owner(client, metrics), authority, settings)
        await Tenants(context, Nothing(), runners).reconcile(tenant_key(tenant))
