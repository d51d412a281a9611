"""Somebody says that an answer is wrong: what is confirmed stops its revision, and what takes its place keeps it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from seglam.procedures import Spec
from seglam.procedures import digest as digest_of
from seglam.resources import names
from tests.cluster import release
from tests.cluster.choosing import Cluster
from tests.cluster.compiling import VERIFIER, Compiling, ask, begin, proposed, spec, without_compile_pods
from tests.cluster.forwarding import forwarded
from tests.cluster.images import Images
from tests.cluster.kinds import compilation
from tests.cluster.kubectl import Kubectl, condition, eventually
from tests.cluster.tenant import READY_S, Tenant, tenant_in

ODD = "987654"
"""The one number that the verifier's implementation knows better: no input that a gate makes is this one."""
RIGHT = "1975309"
ELSE = {**VERIFIER, "code": f"def solve(number):\n    return number + number + (number == {ODD})\n"}


@pytest.fixture(scope="module")
def tenant(installed: Cluster, images: Images) -> Iterator[Tenant]:
    kubectl = installed.kubectl
    with (
        tenant_in(kubectl, "seglam-test-cx", images.platform) as made,
        without_compile_pods(kubectl, made.namespace),
    ):
        account = f"system:serviceaccount:{made.namespace}:default"
        allowed = {"subject": account, "tenant": made.namespace, "scopes": ["ask", "read", "feedback"]}
        release.install(installed, release.values_of(images, {"tenants": {"identities": [allowed]}}))
        yield made


def served(tenant: Tenant, result: dict[str, Any]) -> None:
    """Bob approves what a compilation proposed, and it is served."""
    tenant.decide(tenant.wait_for_review(result["name"], result["digest"]), "Approve")
    active = f"{names.LABEL_PROCEDURE}={result['name']},{names.ACTIVE_SELECTOR}"

    def is_active() -> bool:
        found = tenant.admin.json("get", "rprev", "-n", tenant.namespace, "-l", active)["items"]
        return [each["spec"]["digest"] for each in found] == [result["digest"]]

    eventually("it is active", is_active, seconds=READY_S)


def compiled(tenant: Tenant) -> tuple[Compiling, dict[str, Any], str]:
    """A procedure that a compilation made and Bob approved, and a request that it answers wrongly."""
    compiling, document = begin(tenant.admin, tenant.namespace), spec()
    result = proposed(compiling, document, verification={"reply": ELSE, "arguments": {"number": "4"}})
    assert compiling.came_to(result)["outcome"] == "Proposed"
    served(tenant, result)
    return compiling, result, document["match"]["patterns"][0]["text"].replace("{number}", ODD)


def stated(tenant: Tenant, result: dict[str, Any], asked: str, expected: str, sender: str) -> dict[str, Any]:
    """A counterexample as somebody writes it."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.PROCEDURE_COUNTEREXAMPLE.kind,
        "metadata": {"name": f"{result['name']}-{sender}", "namespace": tenant.namespace},
        "spec": {
            "procedure": result["name"],
            "digest": result["digest"],
            "sender": sender,
            "asked": {"request": asked},
            "expected": expected,
        },
    }


def state_of(tenant: Tenant, name: str, state: str) -> dict[str, Any]:
    """A counterexample, once it has a state."""

    def has() -> dict[str, Any] | None:
        found = tenant.get("rpx", name)
        return found if found.get("status", {}).get("state") == state else None

    return dict(eventually(f"{name} is {state}", has, seconds=READY_S))


def judged(tenant: Tenant, who: Kubectl, name: str, decision: str, reviewer: str | None = None) -> tuple[str, ...]:
    """Arguments of `kubectl patch` that add a decision."""
    entry = {"reviewer": reviewer or who.user, "decision": decision, "reason": "computed by hand"}
    patch = json.dumps({"spec": {"decisions": [entry]}})
    return ("patch", "rpx", name, "-n", tenant.namespace, "--type=merge", "-p", patch)


def reason(tenant: Tenant, procedure: str) -> str:
    return str(condition(tenant.get("rp", procedure), "Ready").get("reason"))


def test_people_decide_where_programs_cannot(tenant: Tenant) -> None:
    _, result, asked = compiled(tenant)
    name, text = result["name"], asked.replace(ODD, "12")
    body = stated(tenant, result, text, "25", "alice")
    for_bob = tenant.alice.refusal("create", "-f", "-", stdin=json.dumps(stated(tenant, result, text, "25", "bob")))
    assert "only your own counterexamples" in for_bob
    decided = body | {"spec": {**body["spec"], "decisions": [{"reviewer": "alice", "decision": "Confirm"}]}}
    assert "without decisions" in tenant.alice.refusal("create", "-f", "-", stdin=json.dumps(decided))

    tenant.alice("create", "-f", "-", stdin=json.dumps(body))
    found = state_of(tenant, body["metadata"]["name"], "Open")
    assert "both implementations say the same" in condition(found, "Ready")["message"]
    eventually("it is served as before", lambda: reason(tenant, name) == "Active", seconds=READY_S)
    cx = found["metadata"]["name"]
    assert "cannot confirm it" in tenant.alice.refusal(*judged(tenant, tenant.alice, cx, "Confirm"))
    assert "only your own decision" in tenant.alice.refusal(*judged(tenant, tenant.alice, cx, "Confirm", "bob"))
    changed = json.dumps({"spec": {"expected": "24"}})
    patch = ("patch", "rpx", cx, "-n", tenant.namespace, "--type=merge", "-p", changed)
    assert "only decisions of a counterexample change" in tenant.alice.refusal(*patch)
    for who in (tenant.alice, tenant.admin):
        assert "only the operator may delete" in who.refusal("delete", "rpx", cx, "-n", tenant.namespace) or (
            "forbidden" in who.refusal("delete", "rpx", cx, "-n", tenant.namespace)
        )
    tenant.bob(*judged(tenant, tenant.bob, cx, "Confirm"))
    state_of(tenant, cx, "Confirmed")
    eventually("it is stopped", lambda: reason(tenant, name) == "Quarantined")


def test_what_is_no_counterexample(tenant: Tenant) -> None:
    _, result, asked = compiled(tenant)
    right = stated(tenant, result, asked.replace(ODD, "7"), "14", "alice")
    elsewhere = stated(tenant, result, "what is new", "14", "bob")
    both = json.loads(json.dumps(right))
    both["spec"]["noAnswer"] = True
    assert "state either expected" in tenant.alice.refusal("create", "-f", "-", stdin=json.dumps(both))
    tenant.alice("create", "-f", "-", stdin=json.dumps(right))
    tenant.bob("create", "-f", "-", stdin=json.dumps(elsewhere))
    assert (
        "does answer as expected"
        in condition(state_of(tenant, right["metadata"]["name"], "Refuted"), "Ready")["message"]
    )
    found = state_of(tenant, elsewhere["metadata"]["name"], "Refuted")
    assert "says nothing of the revision" in condition(found, "Ready")["message"]
    eventually("it is served as before", lambda: reason(tenant, result["name"]) == "Active", seconds=READY_S)


def test_from_a_wrong_answer_to_the_right_one(tenant: Tenant) -> None:
    compiling, result, asked = compiled(tenant)
    name = result["name"]
    with forwarded(tenant.admin, names.GATEWAY) as gateway:
        http = httpx2.Client(base_url=gateway, headers={"Authorization": f"Bearer {tenant.token()}"}, timeout=60)
        wrong = eventually("it is a hit", lambda: _hit(http, asked))
        assert wrong["answer"] == "1975308"
        body = {"text": asked, "expected": RIGHT, "why": "by hand"}
        what = "the answer is recorded, and the gateways have read who may say so"
        said = eventually(what, lambda: _told(http, wrong["id"], body), seconds=180)
        other = http.post(f"/v1/answers/{wrong['id']}/feedback", json={"text": "what is new", "expected": "1"})
        assert (other.status_code, other.json()["code"]) == (409, "not-its-request")
        assert said["sender"] == f"system:serviceaccount:{tenant.namespace}:default"
        state_of(tenant, said["id"], "Confirmed")
        shown = http.get(f"/v1/counterexamples/{said['id']}").json()
        assert (shown["standing"], shown["given"], shown["verified"]) == ("confirmed", "1975308", RIGHT)
        again = http.post(f"/v1/answers/{wrong['id']}/feedback", json=body)
        assert (again.status_code, again.json()["id"]) == (201, said["id"])
        eventually("it is a miss", lambda: _hit(http, asked) is None)
        tokenless = httpx2.post(f"{gateway}/v1/answers/{wrong['id']}/feedback", json=body)
        assert tokenless.status_code == 401
    assert reason(tenant, name) == "Quarantined"
    assert said["id"] in condition(tenant.get("rp", name), "Ready")["message"]
    review = names.revision_name(name, result["digest"])
    eventually("its review says so", lambda: tenant.get("rpr", review)["status"]["state"] == "Quarantined")

    same = spec() | {"match": result["document"]["match"], "examples": result["document"]["examples"]}
    same["summary"] = "Twice a number, as before."
    status = _attempt(compiling, result, same, 2)
    assert status["outcome"] == "Rejected"
    assert "a known answer is another" in status["message"]

    better = same | {"code": f"def solve(number):\n    return 2 * number + (number == {ODD})\n"}
    status = _attempt(compiling, result, better, 3)
    assert (status["outcome"], status["procedure"]) == ("Proposed", name), status["message"]
    served(tenant, result | {"digest": status["digest"]})
    assert tenant.wait_until_hit(asked)["answer"] == RIGHT


def _attempt(compiling: Compiling, first: dict[str, Any], document: dict[str, Any], attempt: int) -> dict[str, Any]:
    """What becomes of a further attempt that leaves a document."""
    before = compiling.job()["metadata"]["uid"]
    again = compiling.get()["spec"] | {"attempt": attempt}
    ask(compiling.kubectl, compilation(compiling.tenant, compiling.name) | {"spec": again})
    eventually("another Job", lambda: compiling.job()["metadata"]["uid"] != before)
    digest = digest_of(Spec.model_validate(document))
    made = first | {"attempt": attempt, "document": document, "digest": digest}
    compiling.leave(json.dumps(made))
    compiling.end()
    return compiling.outcome(attempt)


def _hit(http: httpx2.Client, text: str) -> dict[str, Any] | None:
    reply = http.post("/v1/requests", json={"text": text}, headers={"Cache-Control": "only-if-cached"})
    return dict(reply.json()) if reply.status_code == 200 else None


def _told(http: httpx2.Client, answer: str, body: dict[str, Any]) -> dict[str, Any] | None:
    """What is said of an answer, once it is recorded and saying so is allowed."""
    reply = http.post(f"/v1/answers/{answer}/feedback", json=body)
    assert reply.status_code in (201, 403, 404), reply.text
    return dict(reply.json()) if reply.status_code == 201 else None
