"""Everything that the gateway in a cluster can be told, all of it by the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

AUDIENCE = "seglam"
"""Audience of the tokens by which users' workloads ask."""
JOB_AUDIENCE = "seglam-gateway"
"""Audience of the tokens by which compile Jobs ask."""
DEFAULT_UPSTREAM = "https://api.openai.com/v1"


class SettingsInvalid(ValueError):
    """A setting that cannot be used; the message names it and says what to give."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """The model behind the gateway.

    Attributes:
        url: of its OpenAI-compatible API.
        key: sent as bearer token; compile Jobs never see it.
        models: names that Jobs may ask for; empty for any.
        tokens: what one attempt of a compilation may use.
    """

    url: str = DEFAULT_UPSTREAM
    key: str = field(default="", repr=False)
    models: frozenset[str] = frozenset()
    tokens: int = 400_000


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of the gateway.

    Attributes:
        pod_ip: address of this pod, under which Jobs reach it. `SEGLAM_POD_IP`.
        host: where both servers listen. `SEGLAM_HOST`, all addresses.
        port: of the API. `SEGLAM_PORT`, 8080.
        internal_port: of the API for Jobs. `SEGLAM_INTERNAL_PORT`, 8443.
        tls_dir: tls.crt, tls.key, ca.crt. `SEGLAM_TLS_DIR`.
        data_dir: where texts of misses wait. `SEGLAM_DATA_DIR`.
        tenants_file: which identities belong to which tenant. `SEGLAM_TENANTS_FILE`; it need not exist.
        anonymous_tenant: tenant of requests without a token; None refuses them. `SEGLAM_ANONYMOUS_TENANT`.
        audience: of users' tokens. `SEGLAM_AUDIENCE`.
        compile_namespace, compile_account: where Jobs run, and as whom. `SEGLAM_COMPILE_NAMESPACE`,
            `SEGLAM_COMPILE_ACCOUNT`.
        verification_namespace: where code is run that nobody has approved. `SEGLAM_VERIFICATION_NAMESPACE`.
        strict: never compile. `SEGLAM_STRICT=1`.
        miss_ttl_s, miss_bytes: how long texts of misses are kept, and how many bytes. `SEGLAM_MISS_TTL_SECONDS`,
            `SEGLAM_MISS_MIB`.
        drain_s: how long requests are still taken after SIGTERM, until every balancer knows. `SEGLAM_DRAIN_SECONDS`.
        grace_s: how long what is at work may then take. `SEGLAM_GRACE_SECONDS`.
        upstream: the model; `OPENAI_BASE_URL`, `OPENAI_API_KEY`, `SEGLAM_MODEL`, `SEGLAM_VERIFIER_MODEL`,
            `SEGLAM_COMPILE_TOKENS`.
    """

    pod_ip: str = "127.0.0.1"
    host: str = ""
    port: int = 8080
    internal_port: int = 8443
    tls_dir: Path = Path("/etc/seglam/tls")
    data_dir: Path = Path("/var/lib/seglam")
    tenants_file: Path = Path("/etc/seglam/tenants/tenants.yaml")
    anonymous_tenant: str | None = None
    audience: str = AUDIENCE
    compile_namespace: str = "seglam-compile"
    compile_account: str = "seglam-compile"
    verification_namespace: str = "seglam-verification"
    strict: bool = False
    miss_ttl_s: int = 3600
    miss_bytes: int = 256 << 20
    drain_s: float = 5.0
    grace_s: float = 30.0
    upstream: Upstream = field(default_factory=Upstream)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] | None = None) -> Self:
        """The settings that the environment gives. `SettingsInvalid` names what cannot be used."""
        given = dict(os.environ if environ is None else environ)
        known = cls()
        if not given.get("SEGLAM_POD_IP"):
            raise SettingsInvalid("SEGLAM_POD_IP is not set; give the pod's address (downward API, status.podIP)")
        return cls(
            pod_ip=given["SEGLAM_POD_IP"],
            host=given.get("SEGLAM_HOST", known.host),
            port=_whole(given, "SEGLAM_PORT", known.port, 65535),
            internal_port=_whole(given, "SEGLAM_INTERNAL_PORT", known.internal_port, 65535),
            tls_dir=Path(given.get("SEGLAM_TLS_DIR") or known.tls_dir),
            data_dir=Path(given.get("SEGLAM_DATA_DIR") or known.data_dir),
            tenants_file=Path(given.get("SEGLAM_TENANTS_FILE") or known.tenants_file),
            anonymous_tenant=given.get("SEGLAM_ANONYMOUS_TENANT") or None,
            audience=given.get("SEGLAM_AUDIENCE") or known.audience,
            compile_namespace=given.get("SEGLAM_COMPILE_NAMESPACE") or known.compile_namespace,
            compile_account=given.get("SEGLAM_COMPILE_ACCOUNT") or known.compile_account,
            verification_namespace=given.get("SEGLAM_VERIFICATION_NAMESPACE") or known.verification_namespace,
            strict=_switch(given, "SEGLAM_STRICT"),
            miss_ttl_s=_whole(given, "SEGLAM_MISS_TTL_SECONDS", known.miss_ttl_s),
            miss_bytes=_whole(given, "SEGLAM_MISS_MIB", known.miss_bytes >> 20) << 20,
            drain_s=_seconds(given, "SEGLAM_DRAIN_SECONDS", known.drain_s),
            grace_s=_seconds(given, "SEGLAM_GRACE_SECONDS", known.grace_s),
            upstream=_upstream(given),
        )


def _upstream(given: Mapping[str, str]) -> Upstream:
    known = Upstream()
    url = (given.get("OPENAI_BASE_URL") or known.url).rstrip("/")
    if not url.startswith(("https://", "http://")):
        raise SettingsInvalid(f"OPENAI_BASE_URL is {url!r}; give the address of an OpenAI-compatible API")
    named = (given.get(name, "").strip() for name in ("SEGLAM_MODEL", "SEGLAM_VERIFIER_MODEL"))
    return Upstream(
        url,
        given.get("OPENAI_API_KEY", "").strip(),
        frozenset(name for name in named if name),
        _whole(given, "SEGLAM_COMPILE_TOKENS", known.tokens),
    )


def _switch(given: Mapping[str, str], name: str) -> bool:
    text = given.get(name, "0")
    if text not in ("", "0", "1"):
        raise SettingsInvalid(f"{name} is {text!r}; give 1 or 0")
    return text == "1"


def _whole(given: Mapping[str, str], name: str, default: int, limit: int = 1 << 40) -> int:
    text = given.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit()) or not 0 < int(text[:20]) <= limit:
        raise SettingsInvalid(f"{name} is {text!r}; give a whole number from 1 to {limit}")
    return int(text)


def _seconds(given: Mapping[str, str], name: str, default: float) -> float:
    text = given.get(name, "").strip()
    if not text:
        return default
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 3600:
        raise SettingsInvalid(f"{name} is {text!r}; give seconds from 0 to 3600")
    return seconds
