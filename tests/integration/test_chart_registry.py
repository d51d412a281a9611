"""The registry of the chart, and the operator's part in packs, as the real Helm renders them."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from seglam.operator.settings import Settings as OperatorSettings
from seglam.registry.access.issuers import IssuerSpec
from seglam.registry.settings import Settings
from seglam.web.environment import Environment
from tests.charts import CHART, NAMESPACE, RELEASE, named, render, run_helm

Object = dict[str, Any]
ORIGIN = "registry.acme.example"
SMALL: Object = {"registry": {"enabled": True, "origin": ORIGIN}}
KEYLESS: Object = {
    "imports": {
        "signing": "keyless",
        "trustConfigMap": "trust",
        "sources": {"cidrs": ["192.0.2.0/24"], "ports": [8480]},
    },
    "registry": {
        "enabled": True,
        "origin": ORIGIN,
        "signing": {"mode": "keyless", "trustConfigMap": "trust"},
        "clusterIssuer": "https://cluster.example",
        "issuers": [{"issuer": "https://ci.example", "type": "github"}],
        "admins": [
            {"issuer": "https://cluster.example", "subject": "https://kubernetes.io/namespaces/a/serviceaccounts/b"}
        ],
        "networkPolicy": {"cidrs": ["198.51.100.7/32"], "ports": [443]},
    },
}
ROOT = "sha256:" + "a" * 64
LOGIN: Object = {"issuer": "https://login.example", "type": "email", "login": {"clientId": "pages"}}
SECRET: Object = {**LOGIN, "login": {"clientId": "pages", "clientSecretKey": "login.example"}}
LARGE: Object = {
    "registry": {
        "issuers": [SECRET],
        "pages": {"secretName": "pages"},
        "enabled": True,
        "origin": ORIGIN,
        "replicas": 3,
        "database": {"secretName": "database"},
        "migrations": "Job",
        "signing": {"keySecretName": "key"},
        "index": {"keysSecretName": "index"},
        "mirrorOf": [
            {"origin": "other.example", "url": "https://other.example", "root": ROOT},
            {"origin": "third.example", "url": "https://third.example"},
        ],
    }
}


@pytest.fixture(scope="module")
def small() -> list[Object]:
    return render(SMALL)


@pytest.fixture(scope="module")
def keyless() -> list[Object]:
    return render(KEYLESS)


@pytest.fixture(scope="module")
def large() -> list[Object]:
    return render(LARGE)


def pod(objects: list[Object], name: str = "seglam-registry") -> Object:
    spec: Object = named(objects, "Deployment", name)["spec"]["template"]["spec"]
    return spec


def environment(objects: list[Object], name: str = "seglam-registry") -> dict[str, str]:
    [container] = pod(objects, name)["containers"]
    return {each["name"]: each["value"] for each in container["env"] if "value" in each}


def settings_of(objects: list[Object], **more: str) -> Settings:
    """What the process makes of its environment, which has no files here."""
    return Settings.from_environ({**environment(objects), "SEGLAM_REGISTRY_ADMINS_FILE": "/dev/null", **more})


def mounts(objects: list[Object], name: str = "seglam-registry") -> dict[str, Object]:
    """Volumes by the path where the main container has them."""
    spec = pod(objects, name)
    volumes = {each["name"]: each for each in spec["volumes"]}
    return {each["mountPath"]: volumes[each["name"]] for each in spec["containers"][0]["volumeMounts"]}


def test_there_is_no_registry_unless_it_is_wanted() -> None:
    assert not [each for each in render() if "registry" in each["metadata"]["name"]]


def test_a_small_one_keeps_everything_on_a_volume(small: list[Object]) -> None:
    spec = named(small, "Deployment", "seglam-registry")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    data = mounts(small)["/var/lib/seglam"]
    assert data["persistentVolumeClaim"] == {"claimName": "seglam-registry"}
    claim = named(small, "PersistentVolumeClaim", "seglam-registry")
    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    settings = settings_of(small)
    assert settings.database_url == "sqlite:////var/lib/seglam/registry.sqlite3"
    assert (settings.origin, settings.host, settings.port, settings.signing) == (ORIGIN, "0.0.0.0", 8480, "key")
    assert settings.url == f"http://seglam-registry.{NAMESPACE}.svc"


def test_a_large_one_keeps_nothing_of_its_own(large: list[Object]) -> None:
    spec = named(large, "Deployment", "seglam-registry")["spec"]
    assert spec["replicas"] == 3
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert not [each for each in large if each["kind"] == "PersistentVolumeClaim"]
    budget = named(large, "PodDisruptionBudget", "seglam-registry")["spec"]
    assert budget == {"maxUnavailable": 1, "selector": spec["selector"]}
    [container] = spec["template"]["spec"]["containers"]
    [database] = [each for each in container["env"] if each["name"] == "SEGLAM_REGISTRY_DATABASE"]
    assert database["valueFrom"] == {"secretKeyRef": {"name": "database", "key": "url"}}
    volumes = mounts(large)
    assert volumes["/etc/seglam/key"]["secret"]["secretName"] == "key"
    assert volumes["/etc/seglam/index-keys"]["secret"]["secretName"] == "index"
    settings = settings_of(large, SEGLAM_REGISTRY_DATABASE="postgresql://x/y")
    assert str(settings.key_file) == "/etc/seglam/key/private.pem"
    assert str(settings.index_keys) == "/etc/seglam/index-keys"
    assert settings.mirror_of == {
        "other.example": f"https://other.example#{ROOT}",
        "third.example": "https://third.example",
    }
    assert (settings.mirror_first_use, settings.replicas) == (False, 3)


def test_migrations_by_a_job_come_before_the_pods(large: list[Object]) -> None:
    job = named(large, "Job", "seglam-registry-migrations")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    spec = job["spec"]["template"]["spec"]
    assert spec["containers"][0]["command"] == ["python", "-m", "seglam.registry", "migrate"]
    assert spec["automountServiceAccountToken"] is False


def test_people_sign_in_on_all_replicas_with_one_key(small: list[Object], large: list[Object]) -> None:
    assert mounts(large)["/etc/seglam/pages"]["secret"] == {"secretName": "pages", "defaultMode": 0o440}
    found = settings_of(large, SEGLAM_REGISTRY_DATABASE="postgresql://x/y")
    assert str(found.pages_key) == "/etc/seglam/pages/session.key"
    listed = yaml.safe_load(named(large, "ConfigMap", "seglam-registry")["data"]["issuers.yaml"])["issuers"]
    [client] = [IssuerSpec.model_validate(each).client for each in listed]
    assert client is not None and client.client_id == "pages"
    assert str(client.secret_file) == "/etc/seglam/pages/login.example"
    # One pod makes its key itself.
    assert settings_of(small).pages_key is None and "/etc/seglam/pages" not in mounts(small)


def test_keyless_signs_with_the_pods_own_short_token(keyless: list[Object]) -> None:
    for name, variable in (("seglam-registry", "SEGLAM_REGISTRY"), ("seglam-operator", "SEGLAM_IMPORT")):
        given = environment(keyless, name)
        volumes = mounts(keyless, name)
        token = given[f"{variable}_TOKEN_FILE"]
        [source] = volumes[token.rpartition("/")[0]]["projected"]["sources"]
        assert source == {"serviceAccountToken": {"path": "token", "audience": "sigstore", "expirationSeconds": 600}}
        trust = given[f"{variable}_TRUST_FILE"]
        assert volumes[trust.rpartition("/")[0]]["configMap"] == {"name": "trust"}
    assert settings_of(keyless).signing == "keyless"
    assert OperatorSettings.from_environ(environment(keyless, "seglam-operator")).imports.signing == "keyless"


def test_the_registry_has_no_rights_in_the_cluster(keyless: list[Object]) -> None:
    spec = pod(keyless)
    assert spec["serviceAccountName"] == "seglam-registry"
    assert spec["automountServiceAccountToken"] is False
    account = named(keyless, "ServiceAccount", "seglam-registry")
    assert account["automountServiceAccountToken"] is False
    bindings = [each for each in keyless if each["kind"].endswith("Binding") and "subjects" in each]
    assert "seglam-registry" not in {subject["name"] for each in bindings for subject in each["subjects"]}


def test_pods_keep_to_the_restricted_profile(keyless: list[Object], large: list[Object]) -> None:
    specs = [pod(keyless), pod(large), named(large, "Job", "seglam-registry-migrations")["spec"]["template"]["spec"]]
    for spec in specs:
        context = spec["securityContext"]
        assert context["runAsNonRoot"] is True and context["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in (*spec.get("initContainers", ()), *spec["containers"]):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["requests"] and container["resources"]["limits"]["memory"]


def test_the_engines_are_the_runners_own(small: list[Object]) -> None:
    [container] = pod(small)["initContainers"]
    assert container["image"].startswith("localhost/seglam-runner:")
    assert environment(small)["SEGLAM_ENGINE_DIR"] in mounts(small)


def test_publishers_of_the_cluster_and_of_elsewhere(keyless: list[Object]) -> None:
    data = named(keyless, "ConfigMap", "seglam-registry")["data"]
    issuers = [IssuerSpec.model_validate(each) for each in yaml.safe_load(data["issuers.yaml"])["issuers"]]
    assert [(each.issuer, each.type) for each in issuers] == [
        ("https://cluster.example", "kubernetes"),
        ("https://ci.example", "github"),
    ]
    token = str(issuers[0].token_file)
    sources = mounts(keyless)[token.rpartition("/")[0]]["projected"]["sources"]
    assert [sorted(each) for each in sources] == [["serviceAccountToken"], ["configMap"]]
    assert data["admins"].strip() == "https://cluster.example https://kubernetes.io/namespaces/a/serviceaccounts/b"
    before = named(keyless, "Deployment", "seglam-registry")["spec"]["template"]["metadata"]["annotations"]
    changed = render({**KEYLESS, "registry": {**KEYLESS["registry"], "admins": []}})
    after = named(changed, "Deployment", "seglam-registry")["spec"]["template"]["metadata"]["annotations"]
    assert before != after, "pods that read another list are other pods"


def test_the_network_is_opened_for_what_is_named_only(small: list[Object], keyless: list[Object]) -> None:
    dns = [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]
    plain = named(small, "NetworkPolicy", "seglam-registry")["spec"]
    assert [rule["ports"] for rule in plain["egress"]] == [dns]
    assert plain["ingress"] == [{"ports": [{"protocol": "TCP", "port": 8480}]}]
    rules = named(keyless, "NetworkPolicy", "seglam-registry")["spec"]["egress"]
    assert {"to": [{"ipBlock": {"cidr": "198.51.100.7/32"}}], "ports": [{"protocol": "TCP", "port": 443}]} in rules
    operator = named(keyless, "NetworkPolicy", "seglam-operator")["spec"]["egress"]
    assert {"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}], "ports": [{"protocol": "TCP", "port": 8480}]} in operator
    labels = named(keyless, "Deployment", "seglam-registry")["spec"]["template"]["metadata"]["labels"]
    inside = [peer for rule in operator for peer in rule.get("to", ()) if set(peer) == {"podSelector"}]
    assert inside and all(peer["podSelector"]["matchLabels"].items() <= labels.items() for peer in inside)
    assert dns not in [rule["ports"] for rule in named(render(), "NetworkPolicy", "seglam-operator")["spec"]["egress"]]


@pytest.mark.parametrize(
    ("registry", "words"),
    [
        ({}, "registry.origin"),
        ({"origin": ORIGIN, "replicas": 2}, "needs PostgreSQL"),
        ({"origin": ORIGIN, "migrations": "Job"}, "needs PostgreSQL"),
        ({"origin": ORIGIN, "database": {"secretName": "d"}}, "keySecretName"),
        ({"origin": ORIGIN, "database": {"secretName": "d"}, "signing": {"keySecretName": "k"}}, "keysSecretName"),
        ({"origin": ORIGIN, "signing": {"mode": "keyless"}}, "trustConfigMap"),
        ({"origin": "Registry.example:8080"}, "origin"),
        ({"origin": ORIGIN, "issuers": [{"issuer": "https://a", "kind": "github"}]}, "issuers"),
        ({"origin": ORIGIN, "issuers": [SECRET]}, "is a key of registry.pages.secretName"),
        (
            {**LARGE["registry"], "issuers": [LOGIN], "pages": {}},
            "an issuer with login needs registry.pages.secretName",
        ),
    ],
)
def test_what_cannot_work_is_said_before_anything_is_installed(registry: Object, words: str) -> None:
    values = {"registry": {"enabled": True, **registry}}
    done = run_helm("template", RELEASE, str(CHART), "--namespace", NAMESPACE, values=values)
    assert done.returncode != 0
    assert words in done.stderr


def test_the_registry_knows_every_setting(
    keyless: list[Object], large: list[Object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable that nobody reads is a setting that does nothing."""
    read, plain = set(), Environment.text

    def seen(self: Environment, name: str, default: str = "") -> str:
        read.add(self.prefix + name)
        return plain(self, name, default)

    given = environment(keyless) | environment(large)
    given["SEGLAM_REGISTRY_ADMINS_FILE"] = "/dev/null"
    monkeypatch.setattr(Environment, "text", seen)
    settings = Settings.from_environ(given)
    assert str(settings.engine_dir) == given["SEGLAM_ENGINE_DIR"]
    assert given.keys() - read == {"SEGLAM_ENGINE_DIR"}  # which every process has, without the registry's prefix
