"""Backup and restore as backup tools do it: metadata and specs without status, identities and owners."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from seglam.resources import names
from tests.cluster.choosing import Cluster
from tests.cluster.images import Images
from tests.cluster.kubectl import Kubectl, condition, eventually
from tests.cluster.release import ensure_namespace
from tests.cluster.tenant import Tenant, digest, example, tenant_in

SERVED, STOPPED, WAITING = "is-leap-year", "greatest-common-divisor", "least-common-multiple"
HIT = "Is 2023 a leap year?"
STOPPED_REQUEST = (
    "Find the Greatest Common Divisor (GCD) of these numbers: 84, 36. Give only the GCD as your final answer."
)
KINDS = "rpc,rpr,rprev,rp,rpool"
"""In the order of a tool that goes by the alphabet of their names."""
BACKUP = "system:serviceaccount:velero:velero"
KEPT = ("name", "namespace", "labels", "annotations")


@pytest.fixture(scope="module")
def tenant(installed: Cluster, images: Images) -> Iterator[Tenant]:
    with tenant_in(installed.kubectl, "seglam-test-restore", images.platform) as made:
        yield made


def test_a_namespace_is_restored_without_any_status(tenant: Tenant) -> None:
    """What was served is served again without a new decision; what was stopped is not; what waited waits."""
    served, stopped, waiting = (example(name) for name in (SERVED, STOPPED, WAITING))
    tenant.activate(served, stopped)
    tenant.decide(tenant.get("rpr", names.revision_name(STOPPED, digest(stopped))), "Quarantine")
    tenant.apply(waiting)
    tenant.wait_for_review(WAITING, digest(waiting))
    eventually("it is stopped", lambda: _reason(tenant, STOPPED) == "Quarantined")
    saved = _backup(tenant)

    tenant.admin("delete", "namespace", tenant.namespace, "--timeout=120s", seconds=150)
    ensure_namespace(tenant.admin, tenant.namespace)
    _restore(tenant.admin, tenant.namespace, saved)
    tenant.furnish()

    assert tenant.wait_until_hit(HIT)["revision"] == digest(served)
    tenant.wait_until_ready(SERVED)
    eventually("it is stopped again", lambda: _reason(tenant, STOPPED) == "Quarantined")
    assert tenant.caller.ask(STOPPED_REQUEST, only_if_cached=True)["outcome"] == "miss"
    tenant.wait_for_review(WAITING, digest(waiting))
    eventually("it waits again", lambda: _reason(tenant, WAITING) == "AwaitingReview")
    again = {_place(each): each for each in _backup(tenant)}
    for each in saved:
        if each["kind"] in ("ReasoningProcedure", "ProcedureRevision", "ProcedureReview"):
            assert again[_place(each)]["spec"] == each["spec"], _place(each)
            # Where nobody was named, since the text had been served, the tool that writes it back is.
            assert _authors(again[_place(each)]) in (_authors(each), _authors(each) or BACKUP), _place(each)


def _backup(tenant: Tenant) -> list[dict[str, Any]]:
    found = tenant.admin.json("get", KINDS, "-n", tenant.namespace)["items"]
    return [
        {
            "apiVersion": each["apiVersion"],
            "kind": each["kind"],
            "metadata": {name: value for name, value in each["metadata"].items() if name in KEPT},
            "spec": each["spec"],
        }
        for each in found
    ]


def _restore(kubectl: Kubectl, namespace: str, saved: list[dict[str, Any]]) -> None:
    group = "rbac.authorization.k8s.io"
    binding = {
        "apiVersion": f"{group}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "backup"},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "seglam-restorer"},
        "subjects": [{"apiGroup": group, "kind": "User", "name": BACKUP}],
    }
    kubectl.apply(binding, namespace=namespace)
    tool = kubectl.as_user(BACKUP, "system:authenticated")
    eventually("it may write", lambda: tool("auth", "can-i", "create", "rprev", "-n", namespace).strip() == "yes")
    for each in saved:
        done = tool.attempt("create", "-n", namespace, "-f", "-", stdin=json.dumps(each))
        # The operator may open the default pool as soon as it sees a procedure.
        assert done.returncode == 0 or "AlreadyExists" in done.stderr, done.stderr


def _reason(tenant: Tenant, procedure: str) -> str:
    return str(condition(tenant.get("rp", procedure), "Ready").get("reason"))


def _place(each: dict[str, Any]) -> str:
    return f"{each['kind']}/{each['metadata']['name']}"


def _authors(each: dict[str, Any]) -> object:
    return each["metadata"].get("annotations", {}).get(names.ANNOTATION_AUTHORS)
