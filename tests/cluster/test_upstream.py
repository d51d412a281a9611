"""A miss is compiled by a model: an OpenAI-compatible service beyond the cluster, which only the gateway asks."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.cluster import release
from tests.cluster.choosing import Cluster
from tests.cluster.images import Images
from tests.cluster.kubectl import eventually
from tests.cluster.node.layout import ADDRESS
from tests.cluster.tenant import Tenant, tenant_in
from tests.compilations import SUM, procedure, scripted
from tests.openai_server import Server

KEY = "key-of-the-upstream"


@pytest.fixture(scope="module")
def upstream(installed: Cluster, images: Images) -> Iterator[Server]:
    """The service, on this machine, and a release that is told of it."""
    if installed.node is None:
        pytest.skip("the service is on this machine, where only the real node's pods reach it")
    kubectl = installed.kubectl
    with scripted([procedure()], host=ADDRESS) as server:
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "seglam-test-upstream"},
            "stringData": {"OPENAI_API_KEY": KEY},
        }
        kubectl.apply(secret, namespace=release.SYSTEM)
        address = urlsplit(server.url)
        model = {
            "name": "scripted",
            "baseUrl": server.url,
            "secretName": "seglam-test-upstream",
            "cidrs": [f"{ADDRESS}/32"],
            "port": address.port,
        }
        release.install(installed, release.values_of(images, {"model": model}))
        yield server
        release.install(installed, release.values_of(images), "--reset-values")
        kubectl("delete", "secret", "seglam-test-upstream", "-n", release.SYSTEM)


@pytest.fixture(scope="module")
def tenant(installed: Cluster, images: Images) -> Iterator[Tenant]:
    with tenant_in(installed.kubectl, "seglam-test-model", images.platform) as made:
        yield made


def test_a_miss_is_compiled_by_the_model_behind_the_gateway(upstream: Server, tenant: Tenant) -> None:
    def started() -> str | None:
        return tenant.caller.ask(SUM).get("compilation")

    name = eventually("a miss starts a compilation", started)
    status = eventually(
        "it ends",
        lambda: (found := tenant.get("rpc", name).get("status", {})).get("outcome") and found,
        seconds=280,
    )
    assert status["outcome"] == "Proposed", status
    assert {call["role"] for call in status["calls"]} == {"author", "verifier"}
    assert all(call["inputTokens"] for call in status["calls"])
    assert len(upstream.requests) >= 2

    review = tenant.wait_for_review(status["procedure"], status["digest"])
    assert "model:test-model" in review["spec"]["authors"], "the model that answered, which the service names"
    tenant.decide(review, "Approve")
    tenant.wait_until_ready(status["procedure"])
    assert tenant.wait_until_hit(SUM)["answer"] == "7"
    asked = len(upstream.requests)
    assert tenant.wait_until_hit("Compute the sum of 1999 and 1")["answer"] == "2000"
    assert len(upstream.requests) == asked, "a hit asks no model"
