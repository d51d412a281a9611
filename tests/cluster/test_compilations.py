"""Compilations on a real API server: one Job each, and results that nobody believes before they are verified.

The Jobs' pods are kept away by a policy of the test's own, so that the test writes what a Job would, or would not.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from seglam.procedures import Spec
from seglam.procedures import digest as digest_of
from seglam.resources import names
from tests.cluster import release
from tests.cluster.choosing import Cluster
from tests.cluster.compiling import CODE, Compiling, ask, begin, proposed, spec, without_compile_pods
from tests.cluster.kinds import OPERATOR, compilation, procedure
from tests.cluster.kubectl import Kubectl, condition, eventually
from tests.cluster.tenant import READY_S

TENANT = "seglam-test-rpc"
NEGATIVE = {"reason": "it asks for an opinion", "model": "m-1", "expires": "2099-01-01T00:00:00Z"}


@pytest.fixture(scope="module")
def tenant(installed: Cluster) -> Iterator[str]:
    """A tenant whose compile Jobs get no pods."""
    kubectl, name = installed.kubectl, f"{TENANT}-{secrets.token_hex(3)}"
    release.ensure_namespace(kubectl, name)
    with without_compile_pods(kubectl, name):
        yield name
        kubectl("delete", "namespace", name, "--wait=true", "--timeout=120s")


@pytest.fixture
def compiling(installed: Cluster, tenant: str) -> Compiling:
    """A compilation that the gateway has just asked for."""
    return begin(installed.kubectl, tenant)


def test_one_job_with_what_it_needs(compiling: Compiling) -> None:
    job = compiling.job()
    pod = job["spec"]["template"]["spec"]
    assert pod["hostAliases"] == [{"ip": "10.1.2.3", "hostnames": ["seglam-gateway.seglam-system.svc"]}]
    found = compiling.kubectl.json("get", "jobs", "-n", names.COMPILE, "-l", f"{names.LABEL_TENANT}={compiling.tenant}")
    assert [each["metadata"]["name"] for each in found["items"]].count(compiling.name) == 1
    eventually("it is said", lambda: condition(compiling.get(), "Ready").get("reason") == "Compiling")
    compiling.end()
    status = compiling.outcome()
    assert (status["outcome"], status["job"]) == ("Failed", compiling.name)
    assert "ran past its deadline" in status["message"]
    assert status["retryAfter"] > status["finishedAt"]


def test_a_job_keeps_to_the_restricted_profile(compiling: Compiling) -> None:
    """The policy refuses the pod; the same pod without the tenant's label is what the namespace's profile must take."""
    template = compiling.job()["spec"]["template"]
    metadata = {"name": "seglam-test-probe", "namespace": names.COMPILE}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
    said = compiling.kubectl.attempt("create", "--dry-run=server", "-f", "-", stdin=json.dumps(pod))
    assert said.returncode == 0, said.stderr
    assert "would violate PodSecurity" not in said.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no JSON"),
        ("]" * 1000, "no JSON"),
        (None, "holds no result"),
        ('{"compilation": "rpc-other", "attempt": 1, "outcome": "Budget", "message": ""}', "rpc-other"),
        ('{"compilation": "NAME", "attempt": 7, "outcome": "Budget", "message": ""}', "attempt 7"),
        ('{"compilation": "NAME", "attempt": 1, "outcome": "Proposed", "message": ""}', "without a document"),
    ],
)
def test_garbage_is_a_failure_with_its_reason(compiling: Compiling, text: str | None, words: str) -> None:
    status = compiling.came_to(text.replace("NAME", compiling.name) if text is not None else None)
    assert status["outcome"] == "Failed"
    assert words in status["message"]
    assert "retryAfter" in status


def test_a_result_of_another_job_does_not_count(compiling: Compiling) -> None:
    other = begin(compiling.kubectl, compiling.tenant)
    result = json.dumps(proposed(compiling, spec()))
    compiling.leave(result, owner=other.job()["metadata"]["uid"])
    compiling.end()
    other.end()
    status = compiling.outcome()
    assert status["outcome"] == "Failed"


@pytest.mark.parametrize(
    ("document", "changes", "outcome", "words"),
    [
        (spec(), {"digest": "sha256:" + "0" * 64}, "Failed", "digest"),
        (spec(code="def solve(number):\n    return 3 * number\n"), {}, "Rejected", "gate examples"),
        (spec(code="import random\n" + CODE), {}, "Rejected", "gate static"),
        (spec(), {"verification": None}, "Rejected", "gate differential"),
        (
            spec(code="def solve(number):\n    return 2 * number if number < 50 else 7\n"),
            {},
            "Rejected",
            "gate differential",
        ),
        (spec(parameters=[{"name": "other", "type": "integer"}]), {}, "Rejected", "not valid"),
    ],
    ids=["digest", "examples", "static", "no verifier", "differs", "invalid"],
)
def test_what_does_not_pass_here_becomes_nothing(
    compiling: Compiling, document: dict[str, Any], changes: dict[str, Any], outcome: str, words: str
) -> None:
    result = proposed(compiling, document, **changes)
    status = compiling.came_to(result)
    assert (status["outcome"], words in status["message"]) == (outcome, True), status["message"]
    assert "digest" not in status
    label = f"{names.LABEL_COMPILATION}={compiling.name}"
    assert compiling.kubectl.json("get", "rp,rprev,rpr", "-n", compiling.tenant, "-l", label)["items"] == []


def test_a_proposal_waits_for_review_with_its_evidence(compiling: Compiling) -> None:
    kubectl, tenant, document = compiling.kubectl, compiling.tenant, spec()
    result = proposed(compiling, document)
    status = compiling.came_to(result)
    assert (status["outcome"], status["procedure"], status["digest"]) == ("Proposed", result["name"], result["digest"])
    assert condition(compiling.get(), "Ready")["status"] == "True"
    assert "retryAfter" not in status

    made = kubectl.json("get", "rp", result["name"], "-n", tenant)
    assert made["metadata"]["annotations"][names.ANNOTATION_AUTHORS] == "alice\nmodel:m-1"
    assert made["metadata"]["labels"][names.LABEL_PROPOSED_BY] == "compilation"
    review = names.revision_name(result["name"], result["digest"])
    eventually("a review", lambda: kubectl.json("get", "rpr", review, "-n", tenant), seconds=READY_S)

    def verified() -> dict[str, Any] | None:
        revision = kubectl.json("get", "rprev", review, "-n", tenant)
        return revision if condition(revision, "Verified").get("status") == "True" else None

    revision = eventually("verified", verified, seconds=READY_S)
    found = {(each["gate"], each["by"]) for each in revision["status"]["evidence"]}
    assert {(gate, "operator") for gate in ("static", "examples", "match", "differential")} < found
    assert ("agreement", "compilation") in found

    version = compiling.get()["metadata"]["resourceVersion"]
    kubectl("annotate", "job", compiling.name, "-n", names.COMPILE, "looked=again")
    eventually("another compilation has gone by", lambda: begin(kubectl, tenant).job())
    assert compiling.get()["metadata"]["resourceVersion"] == version


def test_a_taken_name_leads_to_another(compiling: Compiling) -> None:
    kubectl, tenant = compiling.kubectl, compiling.tenant
    document = spec()
    result = proposed(compiling, document)
    kubectl.as_user("bob", "system:masters").apply(procedure(tenant, result["name"]))
    status = compiling.came_to(result)
    assert status["outcome"] == "Proposed"
    assert status["procedure"] == f"{result['name']}-{names.hexadecimal(result['digest'], 8)}"
    assert kubectl.json("get", "rp", result["name"], "-n", tenant)["spec"]["match"] != document["match"]


def test_a_type_that_no_code_can_answer_is_a_negative_entry(compiling: Compiling) -> None:
    body = {"compilation": compiling.name, "attempt": 1, "outcome": "NotCompilable", "message": "an opinion"}
    status = compiling.came_to(body | {"negative": NEGATIVE})
    assert status["outcome"] == "NotCompilable"
    assert status["negative"]["reason"] == NEGATIVE["reason"]
    assert status["negative"]["expires"] < "2098"  # a year at most
    assert "retryAfter" not in status


def test_an_extension_is_a_revision_and_leaves_the_spec_alone(installed: Cluster, tenant: str) -> None:
    kubectl, document = installed.kubectl, spec()
    name = f"twice-{secrets.token_hex(3)}"
    base = digest_of(Spec.model_validate(document))
    body = procedure(tenant, name) | {"spec": document}
    body["metadata"]["annotations"] = {names.ANNOTATION_AUTHORS: "alice"}
    kubectl.as_user("alice", "system:masters").apply(body)
    review = names.revision_name(name, base)
    decision = {"reviewer": "bob", "decision": "Approve", "reason": "tried"}
    patch = json.dumps({"spec": {"decisions": [decision]}})
    bob = kubectl.as_user("bob", "system:masters")
    eventually("a review", lambda: kubectl.json("get", "rpr", review, "-n", tenant), seconds=READY_S)
    bob("patch", "rpr", review, "-n", tenant, "--type=merge", "-p", patch)
    active = f"{names.LABEL_PROCEDURE}={name},{names.ACTIVE_SELECTOR}"
    eventually(
        "it is active", lambda: kubectl.json("get", "rprev", "-n", tenant, "-l", active)["items"], seconds=READY_S
    )
    before = kubectl.json("get", "rp", name, "-n", tenant)["spec"]

    text = document["match"]["patterns"][0]["text"].replace("twice", "two times")
    wider = document | {"match": {"patterns": [*document["match"]["patterns"], {"text": text}]}}
    compiling = begin(kubectl, tenant)
    result = proposed(compiling, wider, outcome="Extended", name=name, replaces=base, verification=None)
    status = compiling.came_to(result)
    assert (status["outcome"], status["procedure"], status["digest"]) == ("Extended", name, result["digest"])
    revision = kubectl.json("get", "rprev", names.revision_name(name, result["digest"]), "-n", tenant)
    assert revision["spec"]["authors"] == ["alice", "model:m-1"]
    assert revision["metadata"]["labels"][names.LABEL_COMPILATION] == compiling.name
    assert names.LABEL_ACTIVE not in revision["metadata"]["labels"]
    waiting = kubectl.json("get", "rpr", names.revision_name(name, result["digest"]), "-n", tenant)
    assert waiting["spec"].get("decisions", []) == []
    assert kubectl.json("get", "rp", name, "-n", tenant)["spec"] == before

    gone = begin(kubectl, tenant)
    stale = proposed(gone, wider, outcome="Extended", name=name, replaces="sha256:" + "1" * 64)
    status = gone.came_to(stale)
    assert (status["outcome"], "not served any more" in status["message"]) == ("Failed", True)


def test_a_proposal_that_was_decided_against_frees_its_type(compiling: Compiling) -> None:
    kubectl, tenant = compiling.kubectl, compiling.tenant
    result = proposed(compiling, spec())
    assert "retryAfter" not in compiling.came_to(result)
    review = names.revision_name(result["name"], result["digest"])
    eventually("a review", lambda: kubectl.json("get", "rpr", review, "-n", tenant), seconds=READY_S)
    assert "retryAfter" not in compiling.get()["status"]
    decision = {"reviewer": "bob", "decision": "Reject", "reason": "not wanted"}
    patch = json.dumps({"spec": {"decisions": [decision]}})
    kubectl.as_user("bob", "system:masters")("patch", "rpr", review, "-n", tenant, "--type=merge", "-p", patch)
    status = eventually("it may be compiled again", lambda: _free(compiling))
    assert (status["outcome"], status["digest"], status["attempt"]) == ("Proposed", result["digest"], 1)
    assert status["retryAfter"] > status["finishedAt"]
    again = compiling.get()["spec"] | {"attempt": 2}
    ask(kubectl, compilation(tenant, compiling.name) | {"spec": again})
    eventually("another attempt", lambda: compiling.job()["metadata"]["labels"]["seglam.dev/attempt"] == "2")


def test_a_proposal_that_was_deleted_frees_its_type(compiling: Compiling) -> None:
    result = proposed(compiling, spec())
    compiling.came_to(result)
    compiling.kubectl("delete", "rp", result["name"], "-n", compiling.tenant)
    assert eventually("it may be compiled again", lambda: _free(compiling))["outcome"] == "Proposed"


def _free(compiling: Compiling) -> dict[str, Any] | None:
    status = dict(compiling.get()["status"])
    return status if "retryAfter" in status else None


def test_a_compilation_is_collected_some_time_after_its_end(compiling: Compiling) -> None:
    kubectl = compiling.kubectl
    compiling.came_to("garbage")
    long_ago = {"status": {"finishedAt": "2020-01-01T00:00:00Z", "retryAfter": "2020-01-01T00:01:00Z"}}
    patch = ("--subresource=status", "--type=merge", "-p", json.dumps(long_ago))
    operator = kubectl.as_user(OPERATOR, "system:masters")
    operator("patch", "rpc", compiling.name, "-n", compiling.tenant, *patch)
    kubectl("wait", "--for=delete", f"rpc/{compiling.name}", "-n", compiling.tenant, "--timeout=60s")
    kubectl("wait", "--for=delete", f"job/{compiling.name}", "-n", names.COMPILE, "--timeout=60s")


def test_another_attempt_is_another_job(compiling: Compiling) -> None:
    kubectl = compiling.kubectl
    first = compiling.came_to("garbage of the first attempt")
    before = compiling.job()["metadata"]["uid"]
    again = compiling.get()
    spec_ = again["spec"] | {"attempt": 2}
    ask(kubectl, compilation(compiling.tenant, compiling.name) | {"spec": spec_})

    def other() -> dict[str, Any] | None:
        job = compiling.job()
        return job if job["metadata"]["uid"] != before else None

    job = eventually("another Job", other)
    assert job["metadata"]["labels"]["seglam.dev/attempt"] == "2"
    compiling.leave("garbage of the second attempt")
    compiling.end()
    second = compiling.outcome(attempt=2)
    assert second["retryAfter"] > first["retryAfter"]


def test_a_compilation_takes_its_job_with_it(compiling: Compiling) -> None:
    compiling.job()
    compiling.kubectl("delete", "rpc", compiling.name, "-n", compiling.tenant)
    compiling.kubectl("wait", "--for=delete", f"job/{compiling.name}", "-n", names.COMPILE, "--timeout=60s")


def test_one_job_and_one_procedure_also_when_the_operator_is_killed(installed: Cluster, tenant: str) -> None:
    kubectl = installed.kubectl
    compiling = begin(kubectl, tenant)
    kill(kubectl)
    job = compiling.job()["metadata"]["uid"]
    result = proposed(compiling, spec())
    compiling.leave(json.dumps(result))
    compiling.end()
    kill(kubectl)
    status = compiling.outcome()
    assert (status["outcome"], status["procedure"]) == ("Proposed", result["name"])
    assert compiling.job()["metadata"]["uid"] == job
    label = f"{names.LABEL_COMPILATION}={compiling.name}"
    made = kubectl.json("get", "rp", "-n", tenant, "-l", label)["items"]
    assert [each["metadata"]["name"] for each in made] == [result["name"]]


def kill(kubectl: Kubectl) -> None:
    """All replicas of the operator, without a word."""
    component = ("-l", "app.kubernetes.io/component=operator")
    kubectl("delete", "pods", "-n", release.SYSTEM, *component, "--grace-period=0", "--force")
