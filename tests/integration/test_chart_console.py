"""The console in the chart: off by default, and no new power for the gateway where it is on."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from seglam.gateway.access.file import Rules
from seglam.gateway.cluster.settings import ConsoleSettings, Settings
from tests.charts import CHART, NAMESPACE, RELEASE, named, render, run_helm

ISSUER = "https://login.example.com"
LOGIN = {"issuer": ISSUER, "audience": "seglam", "login": {"clientId": "console", "clientSecretKey": "client"}}
URL = "https://seglam.example.com"
ON: dict[str, Any] = {
    "console": {"enabled": True, "publicUrl": URL, "secretName": "pages"},
    "tenants": {"issuers": [LOGIN]},
}
POWERS = ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "NetworkPolicy", "ServiceAccount")


@pytest.fixture(scope="module")
def without() -> list[dict[str, Any]]:
    return render({"tenants": {"issuers": [LOGIN]}})


@pytest.fixture(scope="module")
def by_it() -> list[dict[str, Any]]:
    return render(ON)


def pod(objects: list[dict[str, Any]]) -> dict[str, Any]:
    return dict(named(objects, "Deployment", "seglam-gateway")["spec"]["template"]["spec"])


def test_without_a_console_there_is_none(without: list[dict[str, Any]]) -> None:
    (container,) = pod(without)["containers"]
    assert not {"SEGLAM_PUBLIC_URL", "SEGLAM_CONSOLE_KEY_FILE"} & {each["name"] for each in container["env"]}
    assert "console" not in {each["name"] for each in pod(without)["volumes"]}
    assert "seglam-console" not in {each["metadata"]["name"] for each in without}
    assert "login:" not in named(without, "ConfigMap", "seglam-tenants")["data"]["tenants.yaml"]


def test_the_gateway_reads_what_the_values_say_of_its_console(by_it: list[dict[str, Any]], tmp_path: Path) -> None:
    (container,) = pod(by_it)["containers"]
    told = {each["name"]: each["value"] for each in container["env"] if "value" in each}
    read = Settings.from_environ({**told, "SEGLAM_POD_IP": "10.0.0.1"}).console
    assert read == ConsoleSettings(URL, Path("/etc/seglam/console/session.key"))
    (volume,) = (each for each in pod(by_it)["volumes"] if each["name"] == "console")
    assert volume["secret"] == {"secretName": "pages", "defaultMode": 0o440}
    (tmp_path / "tenants.yaml").write_text(named(by_it, "ConfigMap", "seglam-tenants")["data"]["tenants.yaml"])
    (issuer,) = Rules(tmp_path / "tenants.yaml", cluster=True).issuers
    assert issuer.login is not None and issuer.login.client_id == "console"
    assert issuer.login.client_secret_file == Path("/etc/seglam/console/client")


def test_nobody_gets_a_right_by_the_console(without: list[dict[str, Any]], by_it: list[dict[str, Any]]) -> None:
    before, after = ([each for each in objects if each["kind"] in POWERS] for objects in (without, by_it))
    assert before == after and before


def test_a_key_is_made_where_none_is_named() -> None:
    objects = render({"console": {"enabled": True, "publicUrl": URL}})
    made = named(objects, "Secret", "seglam-console")["data"]["session.key"]
    assert len(base64.b64decode(made, validate=True)) == 32
    (volume,) = (each for each in pod(objects)["volumes"] if each["name"] == "console")
    assert volume["secret"]["secretName"] == "seglam-console"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"console": {"enabled": True}}, "console.publicUrl is the address"),
        ({"console": {"enabled": True, "publicUrl": "http://seglam.example.com"}}, "publicUrl"),
        ({**ON, "console": {"enabled": True, "publicUrl": URL}}, "console.secretName; set that"),
    ],
)
def test_what_cannot_be_is_refused(values: dict[str, Any], said: str) -> None:
    done = run_helm("template", RELEASE, str(CHART), "--namespace", NAMESPACE, values=values)
    assert done.returncode != 0 and said in done.stderr
