"""`kubectl seglam review` on a real API server, with the chart's admission policies in effect."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml

from seglam.cluster import Client, ClusterError, from_kubeconfig
from seglam.procedures import Spec, digest, load_bytes
from seglam.resources import names
from tests.cluster.confined import Space, installed, unique
from tests.cluster.kinds import OPERATOR, acting_as_operator, procedure, resource

APPLY = ("apply", "--server-side", "--force-conflicts", "--filename", "-", "--field-manager=seglam-operator")
STATUS = (*APPLY, "--subresource=status")
EVIDENCE = [
    {"gate": "static", "passed": True, "summary": "keeps all static rules", "by": "operator"},
    {
        "gate": "match", "passed": True, "summary": "examples bind", "by": "operator",
        "detail": json.dumps({"unchecked": ["contrasts: nobody was asked"], "elders": 3}),
    },
]  # fmt: skip


POD = "authentication.kubernetes.io/pod-name"
ALONE = "seglam-test-alone-reviewcli"


@pytest.fixture(scope="module")
def space(kubeconfig: Path) -> Iterator[Space]:
    """A namespace in which the tests speak for the operator: one that is installed here is kept out of it."""
    with installed(kubeconfig, "reviewcli") as made, alone(made):
        yield made


@contextmanager
def alone(space: Space) -> Iterator[None]:
    """Refuse what pods write to SEGLAM's kinds in the namespace."""
    rule = {"apiGroups": ["seglam.dev"], "apiVersions": ["*"], "resources": ["*/*"], "operations": ["*"]}
    check = {"expression": f"!('{POD}' in request.userInfo.?extra.orValue({{}}))", "message": "the test is alone here"}
    group = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": ALONE}}
    policy = {"failurePolicy": "Fail", "matchConstraints": {"resourceRules": [rule]}, "validations": [check]}
    where = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": space.name}}}
    binding = {"policyName": ALONE, "validationActions": ["Deny"], "matchResources": where}
    kinds = {"ValidatingAdmissionPolicy": policy, "ValidatingAdmissionPolicyBinding": binding}
    items = [{**group, "kind": kind, "spec": spec} for kind, spec in kinds.items()]
    body = {"apiVersion": "v1", "kind": "List", "items": items}
    space.takes(None, "apply", "--filename", "-", body=body)
    try:
        space.until(lambda: asyncio.run(_written_by_a_pod(space)), "the test is alone here")
        yield
    finally:
        space.kubectl(None, "delete", *(f"{kind}/{ALONE}" for kind in kinds), "--ignore-not-found")


async def _written_by_a_pod(space: Space) -> str:
    """What the API server says when the operator's pod would write."""
    connection = acting_as_operator(from_kubeconfig(space.kubeconfig))
    who = {**connection.impersonate, f"Impersonate-Extra-{quote(POD, safe='')}": "seglam-operator-1"}
    async with Client(dataclasses.replace(connection, impersonate=who)) as client:
        probe = procedure(space.name, "probe")
        probe["metadata"]["annotations"] = {names.ANNOTATION_AUTHORS: "alice"}
        try:
            await client.create(names.REASONING_PROCEDURE, probe, dry_run=True)
        except ClusterError as error:
            return error.message
    return "it was taken"


@pytest.fixture(scope="module")
def people(space: Space, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A kubeconfig for each person."""
    directory = tmp_path_factory.mktemp("people")
    content = yaml.safe_load(space.kubeconfig.read_text())
    for person in ("alice", "bob", "carol", "dave", "nobody"):
        own = copy.deepcopy(content)
        for user in own["users"]:
            user["user"]["as"] = person
        for context in own["contexts"]:
            context["context"]["namespace"] = space.name
        (directory / person).write_text(yaml.safe_dump(own))
    return directory


def seglam(people: Path, person: str, *arguments: str, plugin: bool = False) -> subprocess.CompletedProcess[str]:
    """`seglam review` as a person; as kubectl calls it if `plugin`."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("SEGLAM_", "KUBE"))}
    config = str(people / person)
    if plugin:
        code = "import sys; sys.argv[0] = 'kubectl-seglam'; from seglam.cli.app import main; main()"
        command, environ = [sys.executable, "-c", code, "review", *arguments], {**environ, "KUBECONFIG": config}
    else:
        command = [sys.executable, "-m", "seglam.cli.app", "review", *arguments, "--kubeconfig", config]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=120)


def found(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def revised(body: dict[str, Any]) -> tuple[str, str]:
    """Digest of a procedure's spec, and the name of its revision."""
    it = digest(Spec.model_validate(body["spec"]))
    return it, names.revision_name(body["metadata"]["name"], it)


def opened(space: Space, body: dict[str, Any], *authors: str) -> tuple[str, str]:
    """The operator's revision and review of a procedure's text."""
    it, called = revised(body)
    who = list(authors or ("alice",))
    name = body["metadata"]["name"]
    revision = {"procedure": name, "digest": it, "authors": who, "document": body["spec"]}
    space.takes(OPERATOR, *APPLY, body=resource(names.PROCEDURE_REVISION, space.name, called, revision))
    status = {"status": {"observedGeneration": 1, "evidence": EVIDENCE, "engines": ["sha256:" + "1" * 64]}}
    bare = resource(names.PROCEDURE_REVISION, space.name, called, {})
    del bare["spec"]
    space.takes(OPERATOR, *STATUS, body=bare | status)
    review = {"procedure": name, "digest": it, "authors": who}
    space.takes(OPERATOR, *APPLY, body=resource(names.PROCEDURE_REVIEW, space.name, called, review))
    return it, called


def served(space: Space, body: dict[str, Any], it: str) -> None:
    """What the operator says of a procedure that it serves."""
    status = {"status": {"digest": it, "activeDigest": it, "active": names.hexadecimal(it), "observedGeneration": 1}}
    bare = {key: value for key, value in body.items() if key != "spec"}
    space.takes(OPERATOR, *STATUS, body=bare | status)


@pytest.fixture
def twice(space: Space, request: pytest.FixtureRequest) -> dict[str, Any]:
    """A procedure of alice's, with a digest of its own."""
    name = unique(request.node.name)
    body = procedure(space.name, name, summary=f"Twice a number, for {name}.")
    space.takes("alice", "apply", "--filename", "-", body=body)
    return body


def test_the_queue_and_what_a_reviewer_sees(space: Space, people: Path, twice: dict[str, Any]) -> None:
    it, called = opened(space, twice)
    name = twice["metadata"]["name"]
    listed = [json.loads(line) for line in seglam(people, "bob", "list", "--json", plugin=True).stdout.splitlines()]
    mine = next(each for each in listed if each["digest"] == it)
    assert (mine["name"], mine["state"], mine["review"]) == (name, "Pending", called)
    assert mine["authors"] == ["alice"] and mine["summary"] == twice["spec"]["summary"]
    for meant in (it, it[:20], called, name):
        assert found(seglam(people, "bob", "show", meant, "--json"))["digest"] == it
    shown = seglam(people, "bob", "show", name)
    assert "what is twice {n}" in shown.stdout and "keeps all static rules  (by the operator)" in shown.stdout
    assert "not checked: contrasts: nobody was asked" in shown.stdout
    assert '"elders": 3' in seglam(people, "bob", "show", name, "--detail").stdout


def test_one_text_under_two_names_is_told_apart(space: Space, people: Path, twice: dict[str, Any]) -> None:
    it, _ = opened(space, twice)
    other = copy.deepcopy(twice)
    other["metadata"]["name"] = unique("other")
    _, called = opened(space, other)
    done = seglam(people, "bob", "show", it)
    assert done.returncode == 4 and called in done.stderr and "name one of them" in done.stderr
    assert found(seglam(people, "bob", "show", called, "--json"))["name"] == other["metadata"]["name"]


def test_a_decision_is_ones_own(space: Space, people: Path, twice: dict[str, Any]) -> None:
    it, called = opened(space, twice)
    named = seglam(people, "bob", "approve", it, "--reason", "read", "--as", "carol")
    assert named.returncode == 2 and "you are bob" in named.stderr
    done = found(seglam(people, "bob", "approve", it, "--reason", "read and tried", "--json"))
    assert (done["decision"], done["reviewer"], done["name"]) == ("approve", "bob", twice["metadata"]["name"])
    found(seglam(people, "bob", "approve", it, "--reason", "again", "--json"))
    found(seglam(people, "carol", "quarantine", it, "--reason", "wrong for 0", "--json"))
    assert space.get("rpr", called)["spec"]["decisions"] == [
        {"reviewer": "bob", "decision": "Approve", "reason": "read and tried"},
        {"reviewer": "carol", "decision": "Quarantine", "reason": "wrong for 0"},
    ]
    shown = seglam(people, "bob", "show", it)
    assert "Approve by bob: read and tried" in shown.stdout


@pytest.mark.parametrize(
    ("person", "code", "said"),
    [
        ("alice", 1, "an author cannot approve; the authors of this revision are alice; ask somebody who is no author"),
        ("dave", 1, "needs the verb approve"),
        ("nobody", 1, "ClusterRole seglam-approver"),
    ],
)
def test_what_the_api_server_refuses(
    space: Space, people: Path, twice: dict[str, Any], person: str, code: int, said: str
) -> None:
    it, called = opened(space, twice)
    done = seglam(people, person, "approve", it, "--reason", "mine")
    assert done.returncode == code and said in done.stderr, done.stderr
    assert done.stderr.count("\n") == 1 and "denied request" not in done.stderr
    assert "decisions" not in space.get("rpr", called)["spec"]


def test_an_extension_is_approved_and_written(space: Space, people: Path, twice: dict[str, Any]) -> None:
    elder, _ = opened(space, twice)
    served(space, twice, elder)
    space.takes("alice", "patch", "rp", twice["metadata"]["name"], "--type=merge", "--patch",
                json.dumps({"spec": {"sandbox": {"isolation": "dedicated"}}}))  # fmt: skip
    wider = copy.deepcopy(twice)
    wider["spec"]["match"]["patterns"].append({"text": "double {n}"})
    it, _ = opened(space, wider, "erin", "model:m-1")
    shown = found(seglam(people, "bob", "show", it, "--json"))
    assert list(shown["difference"]) == ["patterns"] and "+double {n}" in shown["difference"]["patterns"]
    assert shown["replaces"] == elder
    manifest = seglam(people, "bob", "show", it, "--manifest")
    documents, problems = load_bytes(manifest.stdout.encode(), "m.yaml")
    assert not problems and digest(documents[0].document.spec) == it
    done = seglam(people, "bob", "approve", it, "--reason", "read", "--apply")
    assert done.returncode == 0, done.stderr
    now = space.get("rp", twice["metadata"]["name"])
    assert now["spec"]["match"]["patterns"] == wider["spec"]["match"]["patterns"]
    assert now["spec"]["sandbox"] == {"isolation": "dedicated"}
    assert digest(Spec.model_validate(now["spec"])) == it


def test_an_edit_of_somebody_else_is_not_overwritten(space: Space, people: Path, twice: dict[str, Any]) -> None:
    elder, _ = opened(space, twice)
    served(space, twice, elder)
    wider = copy.deepcopy(twice)
    wider["spec"]["match"]["patterns"].append({"text": "double {n}"})
    it, _ = opened(space, wider, "erin")
    change = {"spec": {"summary": "Two times a number."}}
    space.takes("carol", "patch", "rp", twice["metadata"]["name"], "--type=merge", "--patch", json.dumps(change))
    done = seglam(people, "bob", "approve", it, "--reason", "read", "--apply")
    assert done.returncode == 1 and "somebody edits it" in done.stderr
    assert space.get("rp", twice["metadata"]["name"])["spec"]["summary"] == "Two times a number."


def test_what_is_not_there(space: Space, people: Path, tmp_path: Path) -> None:
    done = seglam(people, "bob", "show", "sha256:0000")
    assert done.returncode == 4 and "there is no such revision" in done.stderr
    nowhere = yaml.safe_load((people / "bob").read_text())
    nowhere["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
    (tmp_path / "bob").write_text(yaml.safe_dump(nowhere))
    done = seglam(tmp_path, "bob", "list")
    assert done.returncode == 3 and "cannot be asked" in done.stderr
