"""Finding the cluster: the service account of a pod, or a kubeconfig file."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from seglam.cluster.connection import Connection, Credential, TokenFile
from seglam.cluster.errors import ConfigurationError
from seglam.cluster.plugin import Plugin

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def load(context: str | None = None, *, environment: Mapping[str, str] = os.environ) -> Connection:
    """The kubeconfig of `KUBECONFIG`, else the pod's service account, else `~/.kube/config`.

    Raises `ConfigurationError` if there is none of them.
    """
    stated = environment.get("KUBECONFIG")
    if stated:
        files = [Path(part) for part in stated.split(os.pathsep) if part]
        return from_kubeconfig(files[0], context)
    if environment.get("KUBERNETES_SERVICE_HOST") and context is None:
        return in_cluster(environment=environment)
    home = Path.home() / ".kube" / "config"
    if home.exists():
        return from_kubeconfig(home, context)
    raise ConfigurationError("no cluster is configured: set KUBECONFIG to a kubeconfig file, or run in a pod")


def in_cluster(*, directory: Path = SERVICE_ACCOUNT, environment: Mapping[str, str] = os.environ) -> Connection:
    """The API server and service account of the pod that this runs in. The token is read again as it is renewed."""
    host, port = environment.get("KUBERNETES_SERVICE_HOST"), environment.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        raise ConfigurationError("this is no pod: KUBERNETES_SERVICE_HOST is not set")
    authority = _text(directory / "ca.crt", "the cluster's certificate authority")
    namespace_file = directory / "namespace"
    namespace = _text(namespace_file, "the pod's namespace").strip() if namespace_file.exists() else "default"
    credential = TokenFile(directory / "token")
    credential(True)
    return Connection(f"https://{bracketed(host)}:{port}", namespace, authority, credential=credential)


def bracketed(host: str) -> str:
    """The host as URLs want it: IPv6 addresses in brackets."""
    try:
        return f"[{host}]" if ipaddress.ip_address(host).version == 6 else host
    except ValueError:
        return host


def from_kubeconfig(path: Path, context: str | None = None, *, allow_insecure: bool = False) -> Connection:
    """What a context of a kubeconfig file describes; `context` None is its current one.

    Client certificates, tokens, token files and credential plugins are understood. A cluster with
    `insecure-skip-tls-verify` is refused unless `allow_insecure`. Raises `ConfigurationError`.
    """
    document = _mapping(_yaml(path), path, "the file")
    wanted = context or document.get("current-context")
    if not wanted:
        raise ConfigurationError(f"{path} has no current-context: name a context")
    chosen = _named(document, "contexts", "context", str(wanted), path)
    cluster = _named(document, "clusters", "cluster", str(chosen.get("cluster", "")), path)
    user = _named(document, "users", "user", str(chosen["user"]), path) if chosen.get("user") else {}
    server = str(cluster.get("server") or "").rstrip("/")
    if not server.startswith(("https://", "http://")):
        raise ConfigurationError(f"{path}: the server of context {wanted} is {server!r}, which is no address")
    if cluster.get("proxy-url"):
        raise ConfigurationError(f"{path}: proxy-url is not supported; reach {server} directly or through a tunnel")
    insecure = bool(cluster.get("insecure-skip-tls-verify"))
    if insecure and not allow_insecure:
        raise ConfigurationError(
            f"{path}: context {wanted} does not check the server's certificate (insecure-skip-tls-verify); "
            "give certificate-authority-data instead"
        )
    certificate, key = _pem(user, "client-certificate", path), _pem(user, "client-key", path)
    if (certificate is None) != (key is None):
        raise ConfigurationError(f"{path}: client-certificate and client-key belong together; one is missing")
    return Connection(
        server,
        str(chosen.get("namespace") or "default"),
        _pem(cluster, "certificate-authority", path),
        certificate,
        key,
        _credential(user, path, server),
        cluster.get("tls-server-name"),
        insecure,
        _impersonation(user, path),
    )


def _credential(user: Mapping[str, Any], path: Path, server: str) -> Credential | None:
    if user.get("tokenFile"):
        return TokenFile(_beside(path, str(user["tokenFile"])))
    if user.get("token"):
        token = str(user["token"])
        return lambda _fresh: token
    if user.get("exec") is not None:
        return Plugin.of(_mapping(user["exec"], path, "exec"), path.parent, server)
    if user.get("username") or user.get("auth-provider"):
        raise ConfigurationError(f"{path}: passwords and auth-provider are not supported; use a token or exec")
    return None


def _impersonation(user: Mapping[str, Any], path: Path) -> dict[str, str]:
    if user.get("as-groups") or user.get("as-uid") or user.get("as-user-extra"):
        raise ConfigurationError(f"{path}: of impersonation only `as` is supported")
    return {"Impersonate-User": str(user["as"])} if user.get("as") else {}


def _named(document: Mapping[str, Any], section: str, member: str, name: str, path: Path) -> Mapping[str, Any]:
    for entry in document.get(section) or []:
        if isinstance(entry, dict) and entry.get("name") == name:
            return _mapping(entry.get(member) or {}, path, f"{member} {name}")
    raise ConfigurationError(f"{path} has no {member} named {name!r}")


def _pem(entry: Mapping[str, Any], member: str, path: Path) -> str | None:
    if entry.get(f"{member}-data"):
        try:
            return base64.b64decode(str(entry[f"{member}-data"]), validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{path}: {member}-data is no base64 of PEM text") from error
    if entry.get(member):
        return _text(_beside(path, str(entry[member])), member)
    return None


def _beside(path: Path, named: str) -> Path:
    """A file that the kubeconfig names, relative to the kubeconfig's directory."""
    return path.parent / named


def _text(path: Path, what: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{what} cannot be read from {path}: {error.strerror}") from error


def _yaml(path: Path) -> Any:
    try:
        return yaml.safe_load(_text(path, "the kubeconfig"))
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path} is no YAML: {error}") from error


def _mapping(value: Any, path: Path, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ConfigurationError(f"{path}: {what} is no mapping")
    return value
