"""What a platform team does on its first day: install, apply, approve, ask; then a miss becomes a procedure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from seglam.resources import names
from tests.cluster import release
from tests.cluster.choosing import Cluster
from tests.cluster.forwarding import forwarded
from tests.cluster.images import Images
from tests.cluster.kubectl import condition, eventually
from tests.cluster.recorded import choices_config, recordings_configs
from tests.cluster.tenant import Tenant, decision_patch, digest, example, tenant_in

GCD = "greatest-common-divisor"
QUESTION = (
    "Find the Greatest Common Divisor (GCD) of these numbers: 84, 36, 60. Give only the GCD as your final answer."
)
MISSED = "Is 2023 a leap year?"


@pytest.fixture(scope="module")
def tenant(installed: Cluster, images: Images) -> Iterator[Tenant]:
    with tenant_in(installed.kubectl, "seglam-test-shop", images.platform) as made:
        yield made


@pytest.fixture(scope="module")
def approved(tenant: Tenant) -> Tenant:
    """The tenant with one procedure that went the whole way; each step is asserted as it is taken."""
    document = example(GCD)
    assert tenant.caller.ask(QUESTION, only_if_cached=True)["status"] == 504

    tenant.apply(document)
    review = tenant.wait_for_review(GCD, digest(document))
    assert review["spec"]["digest"] == digest(document)
    assert review["spec"]["authors"] == ["alice"]
    # The procedure's status follows its revision's, which `wait_for_review` read.
    eventually("it awaits review", lambda: condition(tenant.get("rp", GCD), "Ready").get("reason") == "AwaitingReview")
    assert condition(tenant.get("rp", GCD), "Ready")["status"] == "False"
    assert tenant.caller.ask(QUESTION, only_if_cached=True)["outcome"] == "miss"

    name = review["metadata"]["name"]
    own = tenant.alice.refusal(
        "patch", "rpr", name, "-n", tenant.namespace, *decision_patch(tenant.alice, review, "Approve")
    )
    assert "an author cannot approve" in own
    for_bob = decision_patch(tenant.alice, review, "Approve", reviewer="bob")
    assert "only your own decision" in tenant.alice.refusal("patch", "rpr", name, "-n", tenant.namespace, *for_bob)

    tenant.decide(review, "Approve")
    tenant.wait_until_ready(GCD)
    return tenant


def test_from_apply_to_a_hit_in_a_sandboxed_pod(approved: Tenant) -> None:
    answer = approved.wait_until_hit(QUESTION)
    assert answer["answer"] == "12"
    assert answer["procedure"] == GCD
    assert answer["revision"] == digest(example(GCD))
    pods = approved.admin.json("get", "pods", "-n", approved.runners)["items"]
    assert [pod["metadata"]["labels"]["seglam.dev/pool"] for pod in pods] == ["default"]


def test_status_says_what_is_true(approved: Tenant) -> None:
    found = approved.get("rp", GCD)
    status = found["status"]
    assert status["observedGeneration"] == found["metadata"]["generation"]
    assert status["digest"] == status["activeDigest"] == digest(example(GCD))
    states = {each["type"]: each["status"] for each in status["conditions"]}
    assert (states["Ready"], states["Serving"], states.get("Stalled", "False")) == ("True", "True", "False")
    assert "finalizers" not in found["metadata"]


def test_the_same_manifest_by_another_manager_changes_nothing(approved: Tenant) -> None:
    before = approved.get("rp", GCD)
    sync = (
        "apply",
        "--server-side",
        "--force-conflicts",
        "--field-manager=argocd-controller",
        "-n",
        approved.namespace,
    )
    for _ in range(3):
        approved.alice(*sync, "-f", "-", stdin=json.dumps(example(GCD)))
    after = approved.get("rp", GCD)
    assert after["metadata"]["generation"] == before["metadata"]["generation"]
    assert after["status"] == before["status"]


def test_nothing_is_written_when_nothing_changes(approved: Tenant) -> None:
    def versions() -> dict[str, str]:
        found = approved.admin.json("get", "rp,rprev,rpr,rpool", "-n", approved.namespace)["items"]
        return {f"{each['kind']}/{each['metadata']['name']}": each["metadata"]["resourceVersion"] for each in found}

    before = versions()
    for _ in range(20):
        assert approved.caller.ask(QUESTION, only_if_cached=True)["outcome"] == "hit"
    assert versions() == before


def test_another_tenant_shares_nothing(approved: Tenant, images: Images) -> None:
    with tenant_in(approved.admin, "seglam-test-other", images.platform) as other:
        assert other.caller.ask(QUESTION, only_if_cached=True)["outcome"] == "miss"


def test_git_revert_serves_the_old_revision_without_a_new_review(approved: Tenant) -> None:
    first, second = example(GCD), example(GCD)
    second["spec"]["summary"] = "The greatest common divisor of whole numbers."
    approved.activate(second)
    reviews = approved.admin.json("get", "rpr", "-n", approved.namespace)["items"]

    approved.apply(first)
    eventually("the old revision is active", lambda: approved.get("rp", GCD)["status"]["activeDigest"] == digest(first))
    after = approved.admin.json("get", "rpr", "-n", approved.namespace)["items"]
    assert {each["metadata"]["name"] for each in after} == {each["metadata"]["name"] for each in reviews}
    eventually(
        "hits carry the old revision",
        lambda: approved.caller.ask(QUESTION, only_if_cached=True).get("revision") == digest(first),
    )


def test_a_miss_becomes_a_procedure(installed: Cluster, tenant: Tenant, images: Images) -> None:
    recordings = recordings_configs()
    tenant.admin.apply(*recordings, choices_config(), namespace=release.COMPILE)
    named = [each["metadata"]["name"] for each in recordings]
    compiling = {"recordingsConfigMaps": named, "choicesConfigMap": choices_config()["metadata"]["name"]}
    release.install(installed, release.values_of(images, {"compile": compiling}))

    def started() -> str | None:
        answer = tenant.caller.ask(MISSED)
        return str(answer["compilation"]) if answer.get("compilation") else None

    name = eventually("a miss starts a compilation", started, seconds=60)
    ended = eventually(
        "the compilation ends",
        lambda: (lambda found: found if found.get("status", {}).get("outcome") else None)(tenant.get("rpc", name)),
        seconds=280,
    )
    assert ended["status"]["outcome"] == "Proposed", ended["status"]
    procedure, revision = ended["status"]["procedure"], ended["status"]["digest"]
    review = tenant.wait_for_review(procedure, revision)
    assert any(author.startswith("model:") for author in review["spec"]["authors"])
    assert f"system:serviceaccount:{tenant.namespace}:default" in review["spec"]["authors"]
    evidence = {each["gate"]: each for each in tenant.get("rprev", review["metadata"]["name"])["status"]["evidence"]}
    assert all(each["passed"] for each in evidence.values())

    tenant.decide(review, "Approve")
    tenant.wait_until_ready(procedure)
    assert tenant.wait_until_hit(MISSED)["revision"] == revision
    with forwarded(tenant.admin, names.GATEWAY) as gateway:  # the replica that answers has the record
        walked = tenant.trace(asked(gateway, tenant.token(), MISSED)["id"], gateway)
    assert walked["whole"], walked["checks"]
    assert walked["compilation"]["id"] == name
    assert [each["reviewer"] for each in walked["reviews"]] == ["bob"]
    links = {each["link"] for each in walked["checks"]}
    assert {"answer -> revision", "revision -> compilation", "compilation -> gates", "review -> authors"} <= links
    stored = str(tenant.admin.json("get", "rpc", name, "-n", tenant.namespace))
    assert MISSED not in stored


def asked(gateway: str, token: str, text: str) -> dict[str, Any]:
    """A request to one replica."""
    headers = {"Authorization": f"Bearer {token}", "Cache-Control": "only-if-cached"}

    def hit() -> dict[str, Any] | None:
        reply = httpx2.post(f"{gateway}/v1/requests", json={"text": text}, headers=headers, timeout=30)
        return dict(reply.json()) if reply.status_code == 200 else None

    return dict(eventually(f"{text!r} is a hit of this replica", hit))
