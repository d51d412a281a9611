"""Everything that a registry can be told, and what its environment says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self, cast

from seglam.packs.names import NameInvalid, PackName
from seglam.web.environment import Environment, SettingsInvalid

__all__ = ["HOST", "PORT", "PREFIX", "Claims", "Settings", "SettingsInvalid", "Signing"]

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
HOST, PORT = "127.0.0.1", 8480
PREFIX = "SEGLAM_REGISTRY_"
Claims = Literal["first", "admins"]
Signing = Literal["key", "keyless"]


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of a registry. Each is read from `SEGLAM_REGISTRY_` and its name in capitals, unless said otherwise.

    Attributes:
        data: directory of what is not in the database: the default SQLite file, and keys that were made here.
        database: address of the database; `registry.sqlite3` in `data` by default.
        origin: the host name that is the first part of every name published here.
        host, port: where the API listens; port 0 takes any that is free.
        public_url: under which address clients reach it; `http://HOST:PORT` by default.
        signing: `key` or `keyless`: how the registry signs, and which mode it believes publishers in.
        key_file: private key in PEM; in `data`, made at the first start, by default.
        trust_file: sigstore client trust configuration (JSON); needed for keyless signatures.
        token_file: identity token (JWT) that the registry signs with, read anew each time.
        audience: of that token.
        issuers_file: YAML list of the issuers of publishers' tokens; see `seglam.registry.access`.
        local: also believe the issuer of this machine, whose token lies in `data` with mode 0600.
        admins: identities `ISSUER SUBJECT` that may claim and freeze namespaces, one a line in the file that
            `SEGLAM_REGISTRY_ADMINS_FILE` names, or separated by commas in `SEGLAM_REGISTRY_ADMINS`.
        claims: `first`: who publishes into a free namespace first owns it; `admins`: they give them out.
        reviews: reviews that a release needs in namespaces that say nothing else.
        namespaces_each: how many namespaces one identity may claim under `first`.
        cooldown_s: seconds until a change of ownership takes effect (`COOLDOWN_SECONDS`).
        token_s: seconds that a token given out is valid (`TOKEN_SECONDS`).
        rate_limits: whether callers are held to limits of requests.
        engine_dir: where the sandbox engines are, `SEGLAM_ENGINE_DIR`; None for the user's cache.
        workers: publications that are worked on at one time.
        lease_s: seconds after which another replica takes up what this one left; renewed at a third of it.
        signing_s: seconds that one signature may take.
        publish_s: seconds after which a publication that cannot be completed is given up.
        index_keys: directory of the index's online keys; in `data`, made at the first start, by default.
        pages_key: at least 32 random bytes that sign the pages' sessions (`PAGES_KEY_FILE`); in `data`, made at the
            first start, by default. Replicas share it.
        log_audit_s: seconds between two audits of the logs, 0 for never (`LOG_AUDIT_SECONDS`).
        replicas: processes that share the database; limits of requests are divided by it.
        mirror_of: addresses of other origins by origin; `ORIGIN=URL`, separated by commas. `#sha256:...` after an
            address pins the first root of that origin's index.
        mirror_first_use: believe the first root that an address gives where none is pinned
            (`MIRROR_TRUST_ON_FIRST_USE`).
        mirror_allow_private: whether those may be private addresses.
        environ: the environment.
    """

    data: Path
    database: str = ""
    origin: str = "localhost"
    host: str = HOST
    port: int = PORT
    public_url: str = ""
    signing: Signing = "key"
    key_file: Path | None = None
    trust_file: Path | None = None
    token_file: Path | None = None
    audience: str = "sigstore"
    issuers_file: Path | None = None
    local: bool = False
    admins: tuple[tuple[str, str], ...] = ()
    claims: Claims = "first"
    reviews: int = 0
    namespaces_each: int = 3
    cooldown_s: int = 259_200
    token_s: int = 900
    rate_limits: bool = True
    engine_dir: Path | None = None
    workers: int = 2
    lease_s: float = 30.0
    signing_s: float = 60.0
    publish_s: float = 3600.0
    index_keys: Path | None = None
    pages_key: Path | None = None
    log_audit_s: int = 86_400
    replicas: int = 1
    mirror_of: Mapping[str, str] = field(default_factory=dict)
    mirror_first_use: bool = False
    mirror_allow_private: bool = False
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        try:
            PackName(self.origin, "aa", "aa")
        except NameInvalid as error:
            raise SettingsInvalid(f"{PREFIX}ORIGIN: {error}") from None
        if self.signing == "keyless" and (self.trust_file is None or self.token_file is None):
            raise SettingsInvalid(f"{PREFIX}SIGNING=keyless needs {PREFIX}TRUST_FILE and {PREFIX}TOKEN_FILE")

    @classmethod
    def embedded(cls, data: Path, **more: object) -> Self:
        """The registry of one user on one machine: SQLite, an own key, the machine's own issuer."""
        given = {"cooldown_s": 0, "namespaces_each": 10_000, **more}
        return cls(data=data, local=True, **given)  # type: ignore[arg-type]

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] | None = None) -> Self:
        """The settings that the environment gives. `SettingsInvalid` names what cannot be used."""
        given = _Given.of(environ, PREFIX)
        engines = given.given.get("SEGLAM_ENGINE_DIR")
        return cls(
            data=given.path("DATA") or _data_home(given.given) / "registry",
            database=given.text("DATABASE"),
            origin=given.text("ORIGIN", "localhost"),
            host=given.text("HOST", HOST),
            port=given.whole("PORT", PORT, most=65535),
            public_url=given.text("PUBLIC_URL").rstrip("/"),
            signing=cast("Signing", given.one_of("SIGNING", ("key", "keyless"))),
            key_file=given.path("KEY_FILE"),
            trust_file=given.path("TRUST_FILE"),
            token_file=given.path("TOKEN_FILE"),
            audience=given.text("AUDIENCE", "sigstore"),
            issuers_file=given.path("ISSUERS_FILE"),
            local=given.switch("LOCAL"),
            admins=given.admins(),
            claims=cast("Claims", given.one_of("CLAIMS", ("first", "admins"))),
            reviews=given.whole("REVIEWS", 0, most=16),
            namespaces_each=given.whole("NAMESPACES_EACH", 3, most=10_000),
            cooldown_s=given.whole("COOLDOWN_SECONDS", 259_200, most=31_536_000),
            token_s=given.whole("TOKEN_SECONDS", 900, least=60, most=900),
            rate_limits=given.switch("RATE_LIMITS", True),
            engine_dir=Path(engines).expanduser() if engines else None,
            workers=given.whole("WORKERS", 2, least=1, most=64),
            lease_s=given.whole("LEASE_SECONDS", 30, least=1, most=3600),
            signing_s=given.whole("SIGNING_SECONDS", 60, least=1, most=600),
            publish_s=given.whole("PUBLISH_SECONDS", 3600, least=1, most=86400),
            index_keys=given.path("INDEX_KEYS"),
            pages_key=given.path("PAGES_KEY_FILE"),
            log_audit_s=given.whole("LOG_AUDIT_SECONDS", 86_400, most=31_536_000),
            replicas=given.whole("REPLICAS", 1, least=1, most=1000),
            mirror_of=given.pairs("MIRROR_OF"),
            mirror_first_use=given.switch("MIRROR_TRUST_ON_FIRST_USE"),
            mirror_allow_private=given.switch("MIRROR_ALLOW_PRIVATE"),
            environ=given.given,
        )

    @property
    def database_url(self) -> str:
        """Where the database is."""
        return self.database or f"sqlite:///{self.data / 'registry.sqlite3'}"

    @property
    def url(self) -> str:
        """Where clients reach the registry."""
        return self.public_url or f"http://{self.host}:{self.port}"


class _Given(Environment):
    """The environment, with what only a registry is told."""

    def pairs(self, name: str) -> dict[str, str]:
        found = {}
        for part in filter(None, (part.strip() for part in self.text(name).split(","))):
            origin, equals, url = part.partition("=")
            if not equals or not url.startswith(("http://", "https://")):
                raise SettingsInvalid(f"{PREFIX}{name}: {part!r} is not ORIGIN=URL")
            address, pin, digest = url.strip().partition("#")
            if pin and not _DIGEST.fullmatch(digest):
                raise SettingsInvalid(f"{PREFIX}{name}: {digest!r} is no sha256: and 64 hexadecimal digits")
            found[origin.strip()] = address.rstrip("/") + pin + digest
        return found

    def admins(self) -> tuple[tuple[str, str], ...]:
        lines = self.text("ADMINS").split(",")
        if file := self.path("ADMINS_FILE"):
            try:
                lines += file.read_text(encoding="utf-8").splitlines()
            except (OSError, UnicodeDecodeError) as error:
                raise SettingsInvalid(f"{PREFIX}ADMINS_FILE: {file} cannot be read ({error})") from error
        found = []
        for line in filter(None, (line.strip() for line in lines)):
            issuer, space, subject = line.partition(" ")
            if not space:
                raise SettingsInvalid(f"{PREFIX}ADMINS: {line!r} is not ISSUER SUBJECT")
            found.append((issuer, subject.strip()))
        return tuple(found)


def _data_home(environ: Mapping[str, str]) -> Path:
    """Where programs keep their data (XDG Base Directory Specification 0.8)."""
    if chosen := environ.get("SEGLAM_DATA_DIR"):
        return Path(chosen).expanduser()
    home = environ.get("XDG_DATA_HOME", "")
    # The specification says that a relative path is to be ignored.
    return (Path(home) if home.startswith("/") else Path("~/.local/share").expanduser()) / "seglam"
