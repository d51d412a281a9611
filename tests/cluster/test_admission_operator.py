"""What only the operator, the gateway and a compile Job may write, and what they themselves may not."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from seglam.resources import names
from tests.cluster.confined import BACKUP, GATEWAY, MARK, WILDCARD, Space, bind, installed, role, unique
from tests.cluster.kinds import DIGEST, OPERATOR, compilation, kubectl, procedure, resource, review, revision, tidy

CREATE = ("create", "--filename", "-")
APPLY = ("apply", "--server-side", "--filename", "-", "--field-manager=seglam-operator")
COMPILATION = "rpc-0123456789abcdef0123"
MANAGED = {names.LABEL_MANAGED_BY: names.OPERATOR}
OTHERS = pytest.mark.parametrize("user", ["alice", WILDCARD, None], ids=["editor", "wildcard", "cluster-admin"])


@pytest.fixture(scope="module")
def space(kubeconfig: Path) -> Iterator[Space]:
    with installed(kubeconfig, "operator") as made:
        yield made


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A name of the test's own."""
    return unique(request.node.name)


NAMESPACED = tuple(kind for kind in names.KINDS if kind.namespaced)


def pool(space: Space, name: str) -> dict[str, Any]:
    return resource(names.RUNNER_POOL, space.name, name, {})


def made(space: Space, kind: names.Kind, name: str) -> None:
    """An object of any kind, by who may make it."""
    if kind == names.REASONING_PROCEDURE:
        space.takes("alice", *CREATE, body=procedure(space.name, name))
    elif kind == names.RUNNER_POOL:
        space.takes("alice", *CREATE, body=pool(space, name))
    elif kind == names.PACK_IMPORT:
        wanted = {"pack": "registry.acme.example/calendar/easter", "version": "1.0.0"}
        space.takes("alice", *CREATE, body=resource(kind, space.name, name, wanted))
    elif kind == names.PROCEDURE_COUNTEREXAMPLE:
        about = {"procedure": "twice", "digest": DIGEST, "sender": "alice"}
        stated = {**about, "asked": {"request": "what is twice 4"}, "expected": "9"}
        space.takes("alice", *CREATE, body=resource(kind, space.name, name, stated))
    elif kind == names.PROCEDURE_COMPILATION:
        space.takes(GATEWAY, *CREATE, body=compilation(space.name, name))
    else:
        body = review(space.name, name) if kind == names.PROCEDURE_REVIEW else revision(space.name, name)
        space.takes(OPERATOR, *APPLY, body=body)


def status_of(space: Space, kind: names.Kind, name: str) -> tuple[tuple[str, ...], dict[str, Any]]:
    """kubectl's arguments to set an object's status, and the patch."""
    body = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": name, "namespace": space.name}}
    return ("apply", "--server-side", "--subresource=status", "--field-manager=seglam-operator", "--filename", "-"), {
        **body,
        "status": {"observedGeneration": 1},
    }


@pytest.mark.parametrize("kind", NAMESPACED, ids=lambda kind: kind.kind)
def test_status_is_the_operators_alone(space: Space, kind: names.Kind) -> None:
    name = f"status-of-{kind.plural}"
    made(space, kind, name)
    arguments, body = status_of(space, kind, name)
    for user in (None, WILDCARD):
        said = space.refuses(user, *arguments, body=body)
        assert f"only the operator may update {kind.plural}/status" in said
    for user in ("alice", GATEWAY):
        assert "forbidden" in space.refuses(user, *arguments, body=body)
    space.takes(OPERATOR, *arguments, body=body)
    restored = body | {"status": {"observedGeneration": 2}}
    # The answer to the write: an operator of another test may have its own say right after it.
    written = space.takes(BACKUP, *arguments, "--force-conflicts", "--output=yaml", body=restored)
    assert yaml.safe_load(written)["status"]["observedGeneration"] == 2


@OTHERS
def test_revisions_are_the_operators_alone(space: Space, name: str, user: str | None) -> None:
    made(space, names.PROCEDURE_REVISION, name)
    for arguments, body in (
        (CREATE, revision(space.name, f"{name}-2")),
        (("label", "rprev", name, f"{names.LABEL_ACTIVE}=true"), None),
        (("label", "rprev", name, f"{names.LABEL_POOL}=mine"), None),
        (("annotate", "rprev", name, "note=mine"), None),
        (("patch", "rprev", name, "--type=merge", "--patch", '{"metadata":{"ownerReferences":[]}}'), None),
        (("delete", "rprev", name), None),
    ):
        said = space.refuses(user, *arguments, body=body)
        assert "only the operator may" in said or "cannot" in said
    assert "labels" not in space.get("rprev", name)["metadata"]


def test_the_operator_labels_and_deletes_revisions(space: Space, name: str) -> None:
    made(space, names.PROCEDURE_REVISION, name)
    space.takes(OPERATOR, "label", "rprev", name, f"{names.LABEL_ACTIVE}=true")
    space.takes(OPERATOR, "delete", "rprev", name)


def test_a_backup_tool_restores_revisions(space: Space, name: str) -> None:
    space.takes(BACKUP, *CREATE, body=revision(space.name, name))


def test_a_deleted_procedure_takes_its_revisions_and_leaves_its_reviews(space: Space, name: str) -> None:
    """The garbage collector passes where people do not."""
    made(space, names.REASONING_PROCEDURE, name)
    owned = revision(space.name, name)
    found = space.get("rp", name)["metadata"]
    owner = {"apiVersion": names.API_VERSION, "kind": "ReasoningProcedure", "name": name, "uid": found["uid"]}
    owned["metadata"]["ownerReferences"] = [owner | {"controller": True, "blockOwnerDeletion": True}]
    space.takes(OPERATOR, *APPLY, body=owned)
    space.takes(OPERATOR, *APPLY, body=review(space.name, name))
    space.takes("alice", "delete", "rp", name, "--cascade=foreground", "--timeout=60s")
    space.takes(None, "wait", "--for=delete", f"rprev/{name}", "--timeout=60s")
    space.get("rpr", name)


def test_a_deleted_namespace_takes_everything(kubeconfig: Path) -> None:
    with installed(kubeconfig, "deletion") as short:
        for kind in NAMESPACED:
            made(short, kind, "gone")
        asyncio.run(tidy(kubeconfig, short.name))
        done = short.kubectl(None, "wait", "--for=delete", f"namespace/{short.name}", "--timeout=60s")
        assert done.returncode == 0 or "NotFound" in done.stderr, done.stderr


@OTHERS
def test_only_the_gateway_asks_for_a_compilation(space: Space, name: str, user: str | None) -> None:
    """It names the requester, who becomes an author: whoever could write one could write for another."""
    said = space.refuses(user, *CREATE, body=compilation(space.name, name, requester="bob"))
    assert "only the gateway may ask" in said or "cannot create" in said


def test_a_compilation_changes_by_the_gateway_and_goes_by_anybody(space: Space, name: str) -> None:
    made(space, names.PROCEDURE_COMPILATION, name)
    again = json.dumps({"spec": {"attempt": 2, "requester": "bob"}})
    assert "only the gateway" in space.refuses(None, "patch", "rpc", name, "--type=merge", "--patch", again)
    space.takes(None, "label", "rpc", name, "seen=yes")
    space.takes(GATEWAY, "patch", "rpc", name, "--type=merge", "--patch", again)
    space.takes("alice", "delete", "rpc", name)


@pytest.mark.parametrize(
    "arguments",
    [
        ("get", "secrets"),
        ("get", "configmaps"),
        ("get", "pods"),
        ("create", "configmap", "mine"),
        ("delete", "rpc", "--all"),
        ("get", "rp"),
        ("get", "rpr"),
    ],
    ids=" ".join,
)
def test_the_gateway_can_do_nothing_else(space: Space, arguments: tuple[str, ...]) -> None:
    assert "cannot" in space.refuses(GATEWAY, *arguments)


def test_the_gateway_reads_its_index(space: Space) -> None:
    for kind in ("rprev", "rpc", "endpointslices"):
        space.takes(GATEWAY, "get", kind, "--all-namespaces")


@pytest.fixture(scope="module")
def runners(space: Space) -> Iterator[str]:
    """A namespace as the operator makes them for runners, made by its own rights."""
    name = "seglam-run-test-admission"
    metadata = {"name": name, "labels": {MARK: "operator", **MANAGED}}
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
    space.takes(OPERATOR, *APPLY, body=body)
    yield name
    space.kubectl(OPERATOR, "delete", "namespace", name, "--wait=false")


def part(kind: str, name: str, namespace: str, **more: Any) -> dict[str, Any]:
    """Something that runners need."""
    versions = {"Deployment": "apps/v1", "NetworkPolicy": "networking.k8s.io/v1", "PodDisruptionBudget": "policy/v1"}
    labels = {"app": name}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "none.invalid/none"}]}}
    specs: dict[str, Any] = {
        "Deployment": {"spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": pod}},
        "NetworkPolicy": {"spec": {"podSelector": {}}},
        "PodDisruptionBudget": {"spec": {"maxUnavailable": 1, "selector": {"matchLabels": labels}}},
        "Service": {"spec": {"clusterIP": "None", "selector": labels, "ports": [{"port": 8443}]}},
        "Secret": {"type": "Opaque"},
    }
    metadata = {"name": name, "namespace": namespace, "labels": dict(MANAGED)}
    return {"apiVersion": versions.get(kind, "v1"), "kind": kind, "metadata": metadata, **specs[kind], **more}


PARTS = pytest.mark.parametrize("kind", ["Deployment", "NetworkPolicy", "PodDisruptionBudget", "Service"])


@PARTS
def test_the_operator_makes_runners_in_its_own_namespaces(space: Space, runners: str, kind: str) -> None:
    here = elsewhere(space, runners)
    assert here(OPERATOR, *APPLY, body=part(kind, "default", runners)).returncode == 0
    assert here(OPERATOR, *APPLY, body=part(kind, "default", runners)).returncode == 0
    assert here(OPERATOR, "delete", kind.lower(), "default").returncode == 0


@PARTS
def test_the_operator_makes_nothing_elsewhere(space: Space, kind: str) -> None:
    said = space.refuses(OPERATOR, *APPLY, body=part(kind, "default", space.name))
    assert f"the operator has no business in namespace {space.name}" in said
    body = part(kind, "foreign", space.name)
    del body["metadata"]["labels"]
    space.takes(None, *CREATE, body=body)
    assert "no business" in space.refuses(OPERATOR, "delete", kind.lower(), "foreign")


def test_the_operator_takes_over_nothing_in_its_own_namespaces(space: Space, runners: str) -> None:
    body = part("Service", "foreign", runners)
    del body["metadata"]["labels"]
    here = elsewhere(space, runners)
    assert here(None, *CREATE, body=body).returncode == 0
    done = here(OPERATOR, *APPLY, "--force-conflicts", body=part("Service", "foreign", runners))
    assert "services/foreign is not the operator's own" in done.stderr
    assert "not the operator's own" in here(OPERATOR, "delete", "service", "foreign").stderr


def test_the_operator_makes_and_deletes_no_other_namespace(space: Space) -> None:
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "seglam-other", "labels": {MARK: "operator"}}}
    assert "no business" in space.refuses(OPERATOR, *APPLY, body=body)
    assert "no business" in space.refuses(OPERATOR, "delete", "namespace", space.name)


def test_the_operator_has_one_secret_of_a_tenant(space: Space, runners: str) -> None:
    here = elsewhere(space, runners)
    assert here(OPERATOR, *APPLY, body=part("Secret", names.RUNNER_TLS, runners)).returncode == 0
    assert here(OPERATOR, "get", "secret", names.RUNNER_TLS).returncode == 0
    assert here(None, "create", "secret", "generic", "other").returncode == 0
    assert "cannot get" in here(OPERATOR, "get", "secret", "other").stderr
    assert "cannot list" in here(OPERATOR, "get", "secrets").stderr
    assert "no business" in space.refuses(OPERATOR, *APPLY, body=part("Secret", names.RUNNER_TLS, space.name))


def elsewhere(space: Space, namespace: str) -> Any:
    """kubectl in another namespace."""
    return lambda user, *arguments, body=None: Space(space.kubeconfig, namespace).kubectl(
        user, *arguments, text=None if body is None else json.dumps(body)
    )


@pytest.fixture(scope="module")
def token(space: Space) -> str:
    """The token of a compile Job's pod, bound to it as the kubelet's projected ones are."""
    # No scheduler takes the pod, so it never runs; its token is as good as that of one that does.
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"{COMPILATION}-x7k2q"},
        "spec": {
            "serviceAccountName": names.COMPILE,
            "schedulerName": "nobody",
            "containers": [{"name": "c", "image": "none.invalid/none"}],
        },
    }
    space.takes(None, "create", "serviceaccount", names.COMPILE)
    space.takes(None, *CREATE, body=role("compile", ("", "configmaps", "create,update,delete,get")))
    bound = bind("compile", "compile", [], kind="Role")
    bound["subjects"] = [{"kind": "ServiceAccount", "name": names.COMPILE, "namespace": space.name}]
    space.takes(None, *CREATE, body=bound)
    uid = json.loads(space.takes(None, *CREATE, "--output", "json", body=pod))["metadata"]["uid"]
    binding = ("--bound-object-kind=Pod", f"--bound-object-name={COMPILATION}-x7k2q", f"--bound-object-uid={uid}")
    return space.takes(None, "create", "token", names.COMPILE, *binding).strip()


def job(
    space: Space, token: str, *arguments: str, body: dict[str, Any] | None = None
) -> subprocess.CompletedProcess[str]:
    """kubectl with a Job's token alone."""
    server = kubectl(space.kubeconfig, "config", "view", "--raw", "--minify", "--output", "json").stdout
    cluster = json.loads(server)["clusters"][0]["cluster"]["server"]
    command = ["kubectl", "--kubeconfig=/dev/null", f"--server={cluster}", "--insecure-skip-tls-verify=true"]
    command += [f"--token={token}", "--namespace", space.name, *arguments]
    text = None if body is None else json.dumps(body)
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=60)


def result(name: str, owner: dict[str, Any] | None = None) -> dict[str, Any]:
    """A ConfigMap as Jobs leave them, with a Job as its owner."""
    metadata: dict[str, Any] = {"name": name}
    if owner is not None:
        metadata["ownerReferences"] = [
            {"apiVersion": "batch/v1", "kind": "Job", "name": owner["name"], "uid": owner["uid"]}
        ]
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {names.RESULT_KEY: "{}"}}


def test_a_job_writes_its_own_result(space: Space, token: str) -> None:
    container = {"name": "c", "image": "none.invalid/none"}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    suspended = {"suspend": True, "template": template}
    body = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": COMPILATION}, "spec": suspended}
    owner = json.loads(space.takes(None, *CREATE, "--output", "json", body=body))["metadata"]
    for verb in ("create", "replace"):
        done = job(space, token, verb, "--filename", "-", body=result(COMPILATION, owner))
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "other", ["rpc-ffffffffffffffffffff", "rpc", COMPILATION[:-1], COMPILATION + "-x7k2q", "seglam-ca"]
)
def test_a_job_writes_no_other_result(space: Space, token: str, other: str) -> None:
    assert "may write only the result of its own compilation" in job(space, token, *CREATE, body=result(other)).stderr
    space.kubectl(None, *CREATE, text=json.dumps(result(other)))
    said = job(space, token, "replace", "--filename", "-", body=result(other)).stderr
    assert "may write only the result of its own compilation" in said


def test_a_job_neither_deletes_nor_gives_away_its_result(space: Space, token: str) -> None:
    space.kubectl(None, *CREATE, text=json.dumps(result(COMPILATION)))  # unless it is there already
    assert "written, not deleted" in job(space, token, "delete", "configmap", COMPILATION).stderr
    stranger = {"name": "rpc-ffffffffffffffffffff", "uid": "00000000-0000-4000-8000-000000000000"}
    other = result(COMPILATION, stranger)
    assert "owned by its own Job" in job(space, token, "replace", "--filename", "-", body=other).stderr


def test_a_token_without_a_pod_writes_nothing(space: Space, token: str) -> None:
    loose = space.takes(None, "create", "token", names.COMPILE).strip()
    said = job(space, loose, *CREATE, body=result("rpc-ffffffffffffffffffff")).stderr
    assert "a token that is not bound to a pod may write only" in said
