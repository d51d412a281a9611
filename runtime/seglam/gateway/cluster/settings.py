"""Everything that the gateway in a cluster can be told, all of it by the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from seglam.gateway.ledger.prices import PriceBook
from seglam.gateway.openai.upstream.settings import UpstreamSettings
from seglam.gateway.settings import price_book
from seglam.web.environment import Environment, SettingsInvalid

__all__ = ["AUDIENCE", "DEFAULT_UPSTREAM", "JOB_AUDIENCE", "Settings", "SettingsInvalid", "Upstream"]

AUDIENCE = "seglam"
"""Audience of the tokens by which users' workloads ask."""
JOB_AUDIENCE = "seglam-gateway"
"""Audience of the tokens by which compile Jobs ask."""
DEFAULT_UPSTREAM = "https://api.openai.com/v1"


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
class ConsoleSettings:
    """The pages.

    Attributes:
        url: where browsers reach this gateway.
        key_file: at least 32 random bytes, for sessions; the same on all replicas.
    """

    url: str
    key_file: Path


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
        console: the pages; None for none. `SEGLAM_CONSOLE_KEY_FILE`, `SEGLAM_PUBLIC_URL`.
        compile_namespace, compile_account: where Jobs run, and as whom. `SEGLAM_COMPILE_NAMESPACE`,
            `SEGLAM_COMPILE_ACCOUNT`.
        verification_namespace: where code is run that nobody has approved. `SEGLAM_VERIFICATION_NAMESPACE`.
        ledger_url: PostgreSQL database of savings and API keys; without one savings are what this replica knows, and
            there are no keys. `SEGLAM_LEDGER_URL`.
        price_book: prices by day and tenant, from the file `SEGLAM_PRICES`.
        hotness: from which miss of a type in a day on it is compiled. `SEGLAM_HOTNESS`.
        replicas: of this gateway, which share the limits of tenants and keys. `SEGLAM_REPLICAS`.
        strict: never compile. `SEGLAM_STRICT=1`.
        miss_ttl_s, miss_bytes: how long texts of misses are kept, and how many bytes. `SEGLAM_MISS_TTL_SECONDS`,
            `SEGLAM_MISS_MIB`.
        drain_s: how long requests are still taken after SIGTERM, until every balancer knows. `SEGLAM_DRAIN_SECONDS`.
        grace_s: how long what is at work may then take. `SEGLAM_GRACE_SECONDS`.
        upstream: the model for compile Jobs; `OPENAI_BASE_URL`, `OPENAI_API_KEY`, `SEGLAM_MODEL`,
            `SEGLAM_VERIFIER_MODEL`, `SEGLAM_COMPILE_TOKENS`.
        openai: the model behind the OpenAI API, see there. Nothing passes to it unless `SEGLAM_PASS_THROUGH=1`, since
            every caller then spends its key.
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
    console: ConsoleSettings | None = None
    compile_namespace: str = "seglam-compile"
    compile_account: str = "seglam-compile"
    verification_namespace: str = "seglam-verification"
    ledger_url: str = field(default="", repr=False)
    price_book: PriceBook | None = None
    hotness: int = 1
    replicas: int = 1
    strict: bool = False
    miss_ttl_s: int = 3600
    miss_bytes: int = 256 << 20
    drain_s: float = 5.0
    grace_s: float = 30.0
    upstream: Upstream = field(default_factory=Upstream)
    openai: UpstreamSettings = field(default_factory=UpstreamSettings)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] | None = None) -> Self:
        """The settings that the environment gives. `SettingsInvalid` names what cannot be used."""
        given, known = Environment.of(environ, "SEGLAM_"), cls()
        if not given.text("POD_IP"):
            raise SettingsInvalid("SEGLAM_POD_IP is not set; give the pod's address (downward API, status.podIP)")
        return cls(
            pod_ip=given.text("POD_IP"),
            host=given.text("HOST", known.host),
            port=given.whole("PORT", known.port, least=1, most=65535),
            internal_port=given.whole("INTERNAL_PORT", known.internal_port, least=1, most=65535),
            tls_dir=given.path("TLS_DIR") or known.tls_dir,
            data_dir=given.path("DATA_DIR") or known.data_dir,
            tenants_file=given.path("TENANTS_FILE") or known.tenants_file,
            anonymous_tenant=given.text("ANONYMOUS_TENANT") or None,
            audience=given.text("AUDIENCE", known.audience),
            console=_console(given),
            compile_namespace=given.text("COMPILE_NAMESPACE", known.compile_namespace),
            compile_account=given.text("COMPILE_ACCOUNT", known.compile_account),
            verification_namespace=given.text("VERIFICATION_NAMESPACE", known.verification_namespace),
            ledger_url=given.text("LEDGER_URL"),
            price_book=price_book(given),
            hotness=given.whole("HOTNESS", known.hotness, least=1),
            replicas=given.whole("REPLICAS", known.replicas, least=1),
            strict=given.switch("STRICT"),
            miss_ttl_s=given.whole("MISS_TTL_SECONDS", known.miss_ttl_s, least=1, most=1 << 40),
            miss_bytes=given.whole("MISS_MIB", known.miss_bytes >> 20, least=1, most=1 << 40) << 20,
            drain_s=given.seconds("DRAIN_SECONDS", known.drain_s),
            grace_s=given.seconds("GRACE_SECONDS", known.grace_s),
            upstream=_upstream(given),
            openai=UpstreamSettings.from_environ(
                given.given, passes=given.switch("PASS_THROUGH") and not given.switch("STRICT"), auth="configured"
            ),
        )


def _console(given: Environment) -> ConsoleSettings | None:
    key_file = given.path("CONSOLE_KEY_FILE")
    if key_file is None:
        return None
    url = given.text("PUBLIC_URL").rstrip("/")
    parts = urlsplit(url)
    local = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")
    if not (local or parts.scheme == "https") or not parts.hostname or parts.path or parts.query or parts.fragment:
        words = f"SEGLAM_PUBLIC_URL is {url!r}; with a console give the https address at which browsers reach it"
        raise SettingsInvalid(f"{words}, or http://127.0.0.1:PORT for a port that is forwarded")
    return ConsoleSettings(url, key_file)


def _upstream(given: Environment) -> Upstream:
    known, plain = Upstream(), Environment(given.given)
    url = plain.text("OPENAI_BASE_URL", known.url).rstrip("/")
    if not url.startswith(("https://", "http://")):
        raise SettingsInvalid(f"OPENAI_BASE_URL is {url!r}; give the address of an OpenAI-compatible API")
    named = (given.text(name) for name in ("MODEL", "VERIFIER_MODEL"))
    return Upstream(
        url,
        plain.text("OPENAI_API_KEY"),
        frozenset(name for name in named if name),
        given.whole("COMPILE_TOKENS", known.tokens, least=1, most=1 << 40),
    )
