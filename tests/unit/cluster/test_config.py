"""Finding the cluster: kubeconfig files, service accounts, credential plugins, and what is refused."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from seglam.cluster import ConfigurationError, TokenFile, from_kubeconfig, in_cluster, load
from seglam.cluster.connection import TOKEN_AGE
from seglam.cluster.plugin import Plugin


def written(path: Path, cluster: dict[str, Any], user: dict[str, Any], **context: str) -> Path:
    """A kubeconfig with one context."""
    document = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u", **context}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://cluster.test:6443/", **cluster}}],
        "users": [{"name": "u", "user": user}],
    }
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


def data(text: str) -> str:
    """Base64, as kubeconfig files hold certificates."""
    return base64.b64encode(text.encode()).decode()


def test_certificates_stand_in_the_file_or_beside_it(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("authority")
    user = {"client-certificate-data": data("certificate"), "client-key-data": data("key")}
    found = from_kubeconfig(written(tmp_path / "c", {"certificate-authority": "ca.crt"}, user, namespace="team"))
    assert (found.server, found.namespace) == ("https://cluster.test:6443", "team")
    assert (found.authority, found.certificate, found.key) == ("authority", "certificate", "key")
    assert found.credential is None
    assert "key" not in repr(found).replace("Key", "")


def test_tokens_and_acting_as_somebody(tmp_path: Path) -> None:
    found = from_kubeconfig(written(tmp_path / "c", {"tls-server-name": "other"}, {"token": "t", "as": "alice"}))
    assert found.credential is not None
    assert found.credential(False) == "t"
    assert found.impersonate == {"Impersonate-User": "alice"}
    assert (found.server_name, found.namespace) == ("other", "default")


@pytest.mark.parametrize(
    ("cluster", "user", "message"),
    [
        ({"insecure-skip-tls-verify": True}, {}, "give certificate-authority-data instead"),
        ({"server": "cluster.test"}, {}, "is no address"),
        ({"proxy-url": "http://p"}, {}, "proxy-url is not supported"),
        ({"certificate-authority": "none.crt"}, {}, "certificate-authority cannot be read"),
        ({"certificate-authority-data": "%%"}, {}, "certificate-authority-data is no base64"),
        ({}, {"client-certificate-data": data("c")}, "client-key belong together"),
        ({}, {"username": "u", "password": "p"}, "use a token or exec"),
        ({}, {"as-groups": ["g"]}, "of impersonation only `as` is supported"),
        ({}, {"exec": {}}, "names no command"),
    ],
)
def test_what_cannot_be_used_is_said(
    tmp_path: Path, cluster: dict[str, Any], user: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        from_kubeconfig(written(tmp_path / "c", cluster, user))


def test_an_unchecked_server_must_be_wanted(tmp_path: Path) -> None:
    path = written(tmp_path / "c", {"insecure-skip-tls-verify": True}, {})
    assert from_kubeconfig(path, allow_insecure=True).insecure


def test_missing_parts_are_named(tmp_path: Path) -> None:
    path = written(tmp_path / "c", {}, {})
    with pytest.raises(ConfigurationError, match="no context named 'there'"):
        from_kubeconfig(path, "there")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        from_kubeconfig(tmp_path / "none")
    path.write_text("a: [")
    with pytest.raises(ConfigurationError, match="no YAML"):
        from_kubeconfig(path)
    path.write_text("{}")
    with pytest.raises(ConfigurationError, match="no current-context"):
        from_kubeconfig(path)


def account(tmp_path: Path) -> Path:
    """A directory as the kubelet mounts it."""
    for name, text in (("ca.crt", "authority"), ("token", "t1\n"), ("namespace", "team\n")):
        (tmp_path / name).write_text(text)
    return tmp_path


def test_a_pod_uses_its_service_account(tmp_path: Path) -> None:
    environment = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "6443"}
    found = in_cluster(directory=account(tmp_path), environment=environment)
    assert (found.server, found.namespace, found.authority) == ("https://[fd00::1]:6443", "team", "authority")
    (tmp_path / "token").unlink()
    with pytest.raises(ConfigurationError, match="token cannot be read"):
        in_cluster(directory=tmp_path, environment=environment)


def test_a_stated_kubeconfig_comes_first_and_none_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "c", {}, {"token": "t"})
    environment = {"KUBECONFIG": str(path), "KUBERNETES_SERVICE_HOST": "10.0.0.1"}
    assert load(environment=environment).server == "https://cluster.test:6443"
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ConfigurationError, match="set KUBECONFIG"):
        load(environment={})
    (tmp_path / ".kube").mkdir()
    written(tmp_path / ".kube" / "config", {"server": "https://home.test"}, {})
    assert load(environment={}).server == "https://home.test"


def test_a_token_file_is_read_again_as_it_ages(tmp_path: Path) -> None:
    now = 0.0
    token = TokenFile(account(tmp_path) / "token", clock=lambda: now)
    assert token(False) == "t1"
    (tmp_path / "token").write_text("t2")
    assert token(False) == "t1"
    assert token(True) == "t2"
    (tmp_path / "token").write_text("t3")
    now = TOKEN_AGE
    assert token(False) == "t3"
    (tmp_path / "token").write_text("")
    with pytest.raises(ConfigurationError, match="is empty"):
        token(True)


def plugin(tmp_path: Path, script: str) -> Plugin:
    """A credential plugin that is a shell script."""
    path = tmp_path / "plugin"
    path.write_text("#!/bin/sh\n" + script)
    path.chmod(0o755)
    entry = {
        "command": "./plugin",
        "args": ["one"],
        "env": [{"name": "EXTRA", "value": "two"}],
        "provideClusterInfo": True,
    }
    return Plugin.of(entry, tmp_path, "https://cluster.test")


def test_a_plugin_gives_a_token_until_it_ends(tmp_path: Path) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    status = {"token": "$(cat count)", "expirationTimestamp": "2026-01-01T01:00:00Z"}
    answer = json.dumps({"kind": "ExecCredential", "status": status}).replace('"', '\\"')
    made = plugin(
        tmp_path,
        f'cd "$(dirname "$0")"; echo x$1$EXTRA >> count; echo "$KUBERNETES_EXEC_INFO" > asked; echo "{answer}"',
    )
    made.clock = lambda: now
    assert made(False) == "xonetwo"
    assert made(False) == "xonetwo"
    now += timedelta(minutes=59, seconds=30)
    with pytest.raises(ConfigurationError, match="printed no ExecCredential"):
        made(False)  # run again: two lines by now, which are no JSON text
    asked = json.loads((tmp_path / "asked").read_text())
    assert asked["spec"] == {"interactive": False, "cluster": {"server": "https://cluster.test"}}


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo no luck >&2; exit 3", "ended with 3: no luck"),
        ("echo words", "printed no ExecCredential"),
        ("""echo '{"status": {}}'""", "gave no token"),
    ],
)
def test_a_plugin_that_fails_is_named(tmp_path: Path, script: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        plugin(tmp_path, script)(False)


def test_a_plugin_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigurationError, match="is not installed"):
        Plugin.of({"command": "no-such-plugin-here"}, Path(), "https://cluster.test")(False)
