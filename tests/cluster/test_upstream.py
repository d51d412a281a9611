"""A miss is compiled by a model: an OpenAI-compatible service beyond the cluster, which only the gateway asks.

A collector beside the service receives what gateway, Job and operator record meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from seglam.resources.names import ANNOTATION_ACTIVATION, ANNOTATION_TRACEPARENT
from tests.cluster import release
from tests.cluster.choosing import Cluster
from tests.cluster.images import Images
from tests.cluster.kubectl import eventually
from tests.cluster.node.layout import ADDRESS
from tests.cluster.tenant import Tenant, tenant_in
from tests.collector import Collector, collecting
from tests.compilations import SUM, procedure, scripted
from tests.gotools.build import program
from tests.openai_server import Server

KEY = "key-of-the-upstream"


@pytest.fixture(scope="module")
def collector(installed: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector | None]:
    """A collector on this machine; None where none is built."""
    if installed.node is None or program("otelcol") is None:
        yield None
        return
    with collecting(tmp_path_factory.mktemp("collector"), ADDRESS) as made:
        yield made


@pytest.fixture(scope="module")
def upstream(installed: Cluster, images: Images, collector: Collector | None) -> Iterator[Server]:
    """The service, on this machine, and a release that is told of it and of the collector."""
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
        telemetry = {"telemetry": exporting(collector)} if collector else {}
        often = [{"name": "OTEL_BSP_SCHEDULE_DELAY", "value": "500"}]
        parts = {"gateway": {"env": often}, "operator": {"env": often}}
        release.install(installed, release.values_of(images, {"model": model, **parts, **telemetry}))
        yield server
        release.install(installed, release.values_of(images), "--reset-values")
        kubectl("delete", "secret", "seglam-test-upstream", "-n", release.SYSTEM)


def exporting(collector: Collector) -> dict[str, Any]:
    """Values of the chart by which everything goes to a collector."""
    where = {"endpoint": collector.url, "cidrs": [f"{ADDRESS}/32"], "port": collector.port}
    return {**where, "sampler": "parentbased_always_on"}


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


def test_from_the_answer_the_spans_lead_to_the_miss_and_back(
    upstream: Server, tenant: Tenant, collector: Collector | None
) -> None:
    """After the story above: miss, Job, verification, activation, hit, each span where the next one says it is."""
    if collector is None:
        pytest.skip("the collector is not built: python3 -m tests.gotools build otelcol")
    found: list[dict[str, Any]] = tenant.admin.json("get", "rprev", "-n", tenant.namespace)["items"]
    [revision] = [each for each in found if each["metadata"].get("labels", {}).get("seglam.dev/active") == "true"]
    digest, notes = revision["spec"]["digest"], revision["metadata"]["annotations"]
    answer = tenant.wait_until_hit(SUM)

    request = collector.span("seglam.request", seglam__request__id=answer["id"])
    run = collector.span(f"execute_tool {answer['procedure']}", seglam__revision__digest=digest)
    run = next(each for each in collector.spans(run.name) if each.trace_id == request.trace_id)
    assert run.parent == request.span_id
    assert run.service == "seglam-gateway"

    compiled = collector.span("seglam.compile")
    assert compiled.service == "seglam-compile"
    assert run.linked("compilation") == compiled.where == parent_of(notes[ANNOTATION_TRACEPARENT])
    assert compiled.attributes["seglam.compilation.outcome"] == "proposed"
    inside = {each.name for each in collector.spans() if each.parent == compiled.span_id}
    assert {"chat scripted", "seglam.gate static", "seglam.gate match"} <= inside

    [compilation] = tenant.admin.json("get", "rpc", "-n", tenant.namespace)["items"]
    missed = parent_of(compilation["spec"]["traceparent"])
    assert missed == parent_of(compilation["metadata"]["annotations"][ANNOTATION_TRACEPARENT])
    assert (compiled.trace_id, compiled.parent) == missed
    [miss] = [each for each in collector.spans("seglam.request") if each.where == missed]
    assert miss.attributes["seglam.outcome"] == "miss"

    verified = collector.span("seglam.verify", seglam__revision__digest=digest)
    every = collector.spans("seglam.verify", seglam__revision__digest=digest)
    assert {each.linked("compilation") for each in every} == {compiled.where}
    # What the Job's result was examined for is not run again for the revision that is made of it.
    gates = {each.name for each in collector.spans() if each.parent in {one.span_id for one in every}}
    assert {"seglam.gate static", "seglam.gate examples", "seglam.gate match"} <= gates
    activated = collector.span("seglam.activate", seglam__revision__digest=digest)
    assert run.linked("review") == activated.where == parent_of(notes[ANNOTATION_ACTIVATION])
    assert activated.service == verified.service == "seglam-operator"
    assert SUM not in (collector.directory / "traces.jsonl").read_text(), "what users send is opt-in"
    logged = (collector.directory / "logs.jsonl").read_text()
    assert "procedures of" in logged and KEY not in logged and SUM not in logged


def parent_of(traceparent: str) -> tuple[str, str]:
    """Trace and span id of a `traceparent`."""
    _, trace_id, span_id, _ = traceparent.split("-")
    return trace_id, span_id
