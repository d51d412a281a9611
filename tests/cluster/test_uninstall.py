"""What outlives a release: an upgrade of the kinds changes nothing that people wrote and decided; uninstalling leaves
that and nothing else; a new installation serves it as it was.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from seglam.resources.names import REASONING_PROCEDURE
from tests.cluster import release
from tests.cluster.caller import Question
from tests.cluster.choosing import Cluster
from tests.cluster.images import Images
from tests.cluster.kubectl import eventually
from tests.cluster.tenant import Tenant, example, tenant_in

QUESTION = "Is 2023 a leap year?"
OURS = "app.kubernetes.io/part-of=seglam"
MADE_BY_OPERATOR = "app.kubernetes.io/managed-by=seglam-operator"
CLUSTER_WIDE = "clusterroles,clusterrolebindings,validatingadmissionpolicies,mutatingadmissionpolicies"


@pytest.fixture(scope="module")
def tenant(installed: Cluster, images: Images) -> Iterator[Tenant]:
    with tenant_in(installed.kubectl, "seglam-test-uninstall", images.platform) as made:
        made.activate(example("is-leap-year"))
        made.wait_until_hit(QUESTION)
        yield made


def test_kinds_are_upgraded_under_live_objects(installed: Cluster, tenant: Tenant, images: Images) -> None:
    """From kinds that lack a column and fields which this release has, while requests are answered."""
    kubectl, name = installed.kubectl, REASONING_PROCEDURE.crd
    before = _written(tenant)
    older = kubectl.json("get", "crd", name)
    version = older["spec"]["versions"][0]
    version["additionalPrinterColumns"] = [
        each for each in version["additionalPrinterColumns"] if each["name"] != "Reason"
    ]
    status = version["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]
    del status["review"], status["revisions"]
    with tenant.caller.load([Question(QUESTION, "No")]) as load:
        kubectl("replace", "-f", "-", stdin=json.dumps(older))
        eventually("the column is gone", lambda: "REASON" not in kubectl("get", "rp", "-n", tenant.namespace))
        release.install(installed, release.values_of(images))
        eventually("the column is back", lambda: "REASON" in kubectl("get", "rp", "-n", tenant.namespace))
        assert "ProcedureReview" in kubectl("explain", "rp.status.review")
        result = load.stop()
    print(f"\nkinds upgraded: {result}")
    assert (result.wrong, result.other) == ([], {})
    assert _written(tenant) == before
    tenant.admin("annotate", "rp", "is-leap-year", "-n", tenant.namespace, "looked=at")
    eventually("its status is whole", lambda: tenant.get("rp", "is-leap-year")["status"].get("revisions") == 1)
    tenant.wait_until_ready("is-leap-year")


def test_uninstall_and_install_again(installed: Cluster, tenant: Tenant, images: Images) -> None:
    kubectl = installed.kubectl
    before = _written(tenant)
    release.uninstall(installed)

    eventually(
        "the runners' namespaces are gone", lambda: not _names(tenant, "namespaces", MADE_BY_OPERATOR), seconds=120
    )
    assert _names(tenant, CLUSTER_WIDE, OURS) == []
    assert _names(tenant, "deployments,services,secrets,serviceaccounts,configmaps", OURS, release.SYSTEM) == []
    assert len(_names(tenant, "crds", "app.kubernetes.io/name=seglam")) in (
        0,
        5,
    )  # kept by the chart; tests make them too
    assert _written(tenant) == before

    release.install(installed, release.values_of(images))
    tenant.wait_until_ready("is-leap-year")
    assert tenant.wait_until_hit(QUESTION)["answer"] == "No"
    again = _written(tenant)
    assert {name: uid for name, (uid, _) in again.items()} == {name: uid for name, (uid, _) in before.items()}
    assert kubectl.json("get", "rpr", "-n", tenant.namespace)["items"][0]["spec"]["decisions"][0]["reviewer"] == "bob"


def _written(tenant: Tenant) -> dict[str, tuple[str, object]]:
    """Procedures, revisions and reviews of the tenant: their identities and specs."""
    found = tenant.admin.json("get", "rp,rprev,rpr", "-n", tenant.namespace)["items"]
    return {f"{each['kind']}/{each['metadata']['name']}": (each["metadata"]["uid"], each["spec"]) for each in found}


def _names(tenant: Tenant, kinds: str, selector: str, namespace: str | None = None) -> list[str]:
    where = () if namespace is None else ("-n", namespace)
    return tenant.admin("get", kinds, *where, "-l", selector, "-o", "name", "--ignore-not-found").split()
