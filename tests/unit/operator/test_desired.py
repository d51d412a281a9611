"""What the operator makes of pools, tenants and compilations, compared with files that people have read."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from seglam.operator.desired import proposal
from seglam.operator.desired.runner_namespace import pull_secret
from seglam.operator.desired.runners import PULL_SECRET, dedicated, deployment, disruption_budget, service, stated_pool
from seglam.procedures import digest
from seglam.procedures.document import Spec
from seglam.resources import RunnerPoolSpec
from seglam.resources.names import LABEL_MANAGED_BY, OPERATOR
from tests.unit.operator import goldens

CASES = goldens.cases()
PODS = [name for name, objects in CASES.items() if any("template" in each.get("spec", {}) for each in objects)]


def pods(name: str) -> Iterator[Mapping[str, Any]]:
    for each in CASES[name]:
        if "template" in each.get("spec", {}):
            yield each["spec"]["template"]["spec"]


@pytest.mark.parametrize("name", CASES)
def test_objects_are_as_in_the_file(name: str) -> None:
    text = (goldens.DIRECTORY / f"{name}.yaml").read_text(encoding="utf-8")
    assert goldens.written(CASES[name]) == text
    assert list(yaml.safe_load_all(text)) == list(CASES[name])


def test_every_file_has_its_case() -> None:
    assert {path.stem for path in goldens.DIRECTORY.glob("*.yaml")} == set(CASES)


@pytest.mark.parametrize("name", [name for name in CASES if name != "proposal"])
def test_everything_is_marked_as_the_operators(name: str) -> None:
    for each in CASES[name]:
        assert each["metadata"]["labels"][LABEL_MANAGED_BY] == OPERATOR


@pytest.mark.parametrize("name", PODS)
def test_pods_are_restricted(name: str) -> None:
    for pod in pods(name):
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False
        assert pod["dnsPolicy"] == "None"
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            security = container["securityContext"]
            assert security["readOnlyRootFilesystem"] is True
            assert security["allowPrivilegeEscalation"] is False
            assert security["capabilities"] == {"drop": ["ALL"]}
            assert set(container["resources"]["limits"]) == {"cpu", "memory"}
        assert not {"hostPath", "persistentVolumeClaim"} & {key for volume in pod["volumes"] for key in volume}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)


@pytest.mark.parametrize("name", [name for name in PODS if not name.startswith("compile")])
def test_runners_hold_a_certificate_and_nothing_else(name: str) -> None:
    for pod in pods(name):
        assert "serviceAccountName" not in pod
        assert [volume["name"] for volume in pod["volumes"]] == ["tls", "tmp"]


def test_a_pool_of_its_own_settings_falls_back_to_the_operators() -> None:
    plain = stated_pool("team-a", "default", RunnerPoolSpec(), goldens.RUNNERS)
    assert (plain.image, plain.memory_mib, plain.runtime_class) == (goldens.RUNNER, 512, None)
    assert "runtimeClassName" not in deployment(plain, goldens.RUNNERS)["spec"]["template"]["spec"]


@pytest.mark.parametrize(("replicas", "budget"), [(0, False), (1, False), (2, True)])
def test_a_budget_exists_where_a_pod_can_be_spared(replicas: int, budget: bool) -> None:
    pool = stated_pool("team-a", "default", RunnerPoolSpec(replicas=replicas), goldens.RUNNERS)
    assert (disruption_budget(pool) is not None) == budget


def test_names_fit_where_procedure_and_tenant_are_as_long_as_they_may_be() -> None:
    pool = dedicated("t" * 63, "p" * 63, None, goldens.RUNNERS)
    assert max(len(pool.name), len(pool.namespace)) <= 63
    assert service(pool)["spec"]["selector"] == pool.selector
    assert pool.selector_text == f"seglam.dev/component=runner,seglam.dev/pool={pool.name}"


def test_a_proposal_has_the_digest_of_its_content() -> None:
    made = CASES["proposal"][0]
    assert "sandbox" not in made["spec"]
    assert digest(Spec.model_validate(made["spec"])) == digest(goldens.PROCEDURE)


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        (["model:m-1"], ("alice", "model:m-1")),
        ([], ("alice", "model:unknown")),
        (["bob", "alice"], ("alice", "model:unknown")),
        (["model:m-1", "model:m-1", "model:m-2"], ("alice", "model:m-1", "model:m-2")),
        (["model:m\nbob"], ("alice", "model:unknown")),
        (["model:"], ("alice", "model:unknown")),
        (["model:" + "x" * 300], ("alice", "model:unknown")),
    ],
)
def test_authors_are_the_requester_and_models_only(stated: list[str], expected: tuple[str, ...]) -> None:
    assert proposal.authors("alice", stated) == expected


def test_a_taken_name_has_one_other() -> None:
    stated, other = proposal.names("a" * 63, "sha256:" + "ab" * 32)
    assert stated == "a" * 63
    assert other.endswith("-abababab")
    assert len(other) == 63


def test_runners_pull_with_what_the_named_secrets_hold() -> None:
    pool = stated_pool("team-a", "default", RunnerPoolSpec(), goldens.RUNNERS)
    assert "imagePullSecrets" not in deployment(pool, goldens.RUNNERS)["spec"]["template"]["spec"]
    settings = dataclasses.replace(goldens.RUNNERS, pull_secrets=("registry", "mirror"))
    assert deployment(pool, settings)["spec"]["template"]["spec"]["imagePullSecrets"] == [{"name": PULL_SECRET}]
    stated = ({"auths": {"a": {"auth": "1"}}}, {"auths": {"a": {"auth": "2"}, "b": {"auth": "3"}}})
    made = pull_secret("seglam-run-team-a", "team-a", [json.dumps(each).encode() for each in stated])
    assert (made["metadata"]["name"], made["type"]) == (PULL_SECRET, "kubernetes.io/dockerconfigjson")
    assert json.loads(base64.b64decode(made["data"][".dockerconfigjson"])) == {
        "auths": {"a": {"auth": "1"}, "b": {"auth": "3"}}
    }
    with pytest.raises(ValueError, match="auths"):
        pull_secret("seglam-run-team-a", "team-a", [b"[]"])
