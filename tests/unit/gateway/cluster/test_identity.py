"""Whose request it is, and which compilation a Job's pod may call for."""

from __future__ import annotations

from pathlib import Path

import pytest

from seglam.gateway.access.file import Rules
from seglam.gateway.cluster.internal.jobs import owns
from seglam.gateway.cluster.settings import Settings, SettingsInvalid

NAME = "rpc-0123456789abcdef0123"


def write(file: Path, text: str) -> Path:
    file.write_text(text)
    return file


def test_a_service_account_belongs_to_its_namespace(tmp_path: Path) -> None:
    tenants = Rules(tmp_path / "absent.yaml", cluster=True)
    assert tenants.tenant_of("system:serviceaccount:team:alice") == "team"
    for subject in ("alice", "system:serviceaccount:", "system:serviceaccounts:team:alice", ""):
        assert tenants.tenant_of(subject) is None


def test_the_first_entry_that_matches_wins_over_the_namespace(tmp_path: Path) -> None:
    file = write(
        tmp_path / "tenants.yaml",
        "identities:\n"
        "- {subject: 'system:serviceaccount:ci:runner-*', tenant: team}\n"
        "- {subject: 'system:serviceaccount:ci:*', tenant: ci-tenant}\n"
        "- {subject: alice@example.com, tenant: people}\n",
    )
    tenants = Rules(file, cluster=True)
    assert tenants.tenant_of("system:serviceaccount:ci:runner-7") == "team"
    assert tenants.tenant_of("system:serviceaccount:ci:other") == "ci-tenant"
    assert tenants.tenant_of("alice@example.com") == "people"
    assert tenants.tenant_of("system:serviceaccount:web:api") == "web"


@pytest.mark.parametrize(
    "text",
    ["identities: 7", "identities:\n- {subject: x}", "identities:\n- {subject: x, tenant: Not_A_Name}", "[", "[1]"],
)
def test_a_faulty_file_stops_the_start_and_later_leaves_the_last_good_one(tmp_path: Path, text: str) -> None:
    file = write(tmp_path / "tenants.yaml", text)
    with pytest.raises(SettingsInvalid, match=r"tenants\.yaml"):
        Rules(file, cluster=True)
    tenants = Rules(write(file, "identities: [{subject: alice, tenant: team}]"), cluster=True)
    write(file, text)
    with pytest.raises(SettingsInvalid):
        tenants.reread()
    assert tenants.tenant_of("alice") == "team"
    write(file, "identities: []")
    tenants.reread()
    assert tenants.tenant_of("alice") is None


@pytest.mark.parametrize(
    ("pod", "owned"),
    [
        (f"{NAME}-x7k2p", True),
        (NAME, False),
        (f"{NAME}-x7k2", False),
        (f"{NAME}-x7k2p-more", False),
        (f"{NAME}4-x7k2p", False),
        (f"other-{NAME}-x7k2p", False),
        (f"{NAME}-X7K2P", False),
        (7, False),
        (None, False),
    ],
)
def test_a_job_owns_the_compilation_whose_name_its_pod_has(pod: object, owned: bool) -> None:
    assert owns({"kubernetes.io": {"pod": {"name": pod}}}, NAME) is owned


@pytest.mark.parametrize("claims", [{}, {"kubernetes.io": None}, {"kubernetes.io": {}}, {"kubernetes.io": {"pod": 7}}])
def test_a_token_that_is_bound_to_no_pod_owns_nothing(claims: dict[str, object]) -> None:
    assert not owns(claims, NAME)


def test_settings_come_from_the_environment_and_faults_are_named() -> None:
    made = Settings.from_environ(
        {"SEGLAM_POD_IP": "10.0.0.7", "SEGLAM_MISS_MIB": "2", "SEGLAM_MODEL": "m-1", "SEGLAM_ANONYMOUS_TENANT": ""}
    )
    assert made.pod_ip == "10.0.0.7"
    assert made.miss_bytes == 2 << 20
    assert made.anonymous_tenant is None
    assert made.upstream.models == {"m-1"}
    for name, value in {
        "SEGLAM_POD_IP": "",
        "SEGLAM_PORT": "70000",
        "SEGLAM_STRICT": "yes",
        "SEGLAM_DRAIN_SECONDS": "soon",
        "SEGLAM_MISS_TTL_SECONDS": "0",
        "OPENAI_BASE_URL": "model.example",
    }.items():
        with pytest.raises(SettingsInvalid, match=name):
            Settings.from_environ({"SEGLAM_POD_IP": "10.0.0.7", name: value})
