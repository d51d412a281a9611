"""Everything that an embedded service can be told."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from seglam.gateway.health.policy import SHARE, HealthPolicy
from seglam.gateway.ledger.prices import PriceBook, PriceList, Prices, PricesInvalid
from seglam.web.environment import Environment, SettingsInvalid

__all__ = ["Settings", "SettingsInvalid", "default_data_dir"]

COMPILE_TOKENS = 400_000
COMPILE_SECONDS = 900
HOST = "127.0.0.1"
OPEN, REQUIRED = "open", "required"
PORT = 8484


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of an embedded service.

    Attributes:
        data_dir: where the store is. `SEGLAM_DATA_DIR`, else `seglam` in `XDG_DATA_HOME` or `~/.local/share`.
        procedures: watched directories of YAML files. `SEGLAM_PROCEDURES`, separated as in `PATH`.
        recordings: directory of recorded completions, used where no model is set. `SEGLAM_RECORDINGS`.
        engine_dir: where the engines are; None for the user's cache.
        strict: never call a model. `SEGLAM_STRICT=1`.
        aliases: whether a miss near a known procedure is first asked about as another wording; off only for comparison.
        choices: how this tenant reads contested names, a sentence a line in the file `SEGLAM_CHOICES`.
        auto_approve: name under which every proposal is approved at once; for demonstrations and replays.
        workers, queue: compilations at one time, and how many more may wait.
        access: whether callers must say who they are: `open` (on loopback only) or `required`. `SEGLAM_ACCESS`; by
            default open on loopback and required elsewhere.
        access_file: issuers, identities and limits of tenants; see `seglam.gateway.access.file`. `SEGLAM_ACCESS_FILE`.
        hotness: from which miss of a type in a day on it is compiled. `SEGLAM_HOTNESS`.
        ledger_url: database of savings and keys, if not the store's file. `SEGLAM_LEDGER_URL`.
        daily_tokens: tokens that a tenant's live models may use in a day, unless the access file says otherwise.
            `SEGLAM_DAILY_TOKENS`.
        compile_tokens, compile_seconds: limits of one compilation. `SEGLAM_COMPILE_TOKENS`, `SEGLAM_COMPILE_SECONDS`.
        recheck: share of hits that are checked again off the serving path. `SEGLAM_RECHECK`, from 0 to 1.
        error_budget: share of wrong answers that a procedure may have; see `HealthPolicy`. `SEGLAM_ERROR_BUDGET`.
        shadow: whether proposals run beside what is served. `SEGLAM_SHADOW=1`.
        shadow_approves: agreements in shadow, without a disagreement, that approve a proposal without a person.
            `SEGLAM_SHADOW_APPROVES`; by default none do.
        pause_s: how long a type rests after its compilation failed, in seconds; doubled each time.
        sandbox_mib: memory of idle warm instances.
        prices: what a model call would take; `SEGLAM_PRICE_INPUT`, `SEGLAM_PRICE_OUTPUT` (a million tokens),
            `SEGLAM_PRICE_CURRENCY`, `SEGLAM_PRICE_SECONDS` (one call).
        price_book: prices by day and tenant, in the place of `prices`, from the file `SEGLAM_PRICES`.
        host, port: where the API listens. `SEGLAM_HOST`, `SEGLAM_PORT`.
        public_url: where browsers reach the console, if that is not where it listens; https from other machines.
            `SEGLAM_PUBLIC_URL`.
        environ: the environment, which names the models.
    """

    data_dir: Path
    procedures: tuple[Path, ...] = ()
    recordings: Path | None = None
    engine_dir: Path | None = None
    strict: bool = False
    aliases: bool = True
    choices: tuple[str, ...] = ()
    auto_approve: str | None = None
    workers: int = 2
    queue: int = 64
    access: str | None = None
    access_file: Path | None = None
    hotness: int = 1
    ledger_url: str = field(default="", repr=False)
    daily_tokens: int | None = None
    compile_tokens: int = COMPILE_TOKENS
    compile_seconds: int = COMPILE_SECONDS
    recheck: float = SHARE
    error_budget: float = 0.0
    shadow: bool = False
    shadow_approves: int | None = None
    pause_s: float = 30.0
    sandbox_mib: int = 512
    prices: Prices = field(default_factory=Prices)
    price_book: PriceBook | None = None
    host: str = HOST
    port: int = PORT
    public_url: str = ""
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] | None = None) -> Self:
        """The settings that the environment gives. `SettingsInvalid` names what cannot be used."""
        given = Environment.of(environ, "SEGLAM_")
        listed = given.text("PROCEDURES").split(os.pathsep)
        return cls(
            data_dir=default_data_dir(given.given),
            procedures=tuple(Path(part).expanduser() for part in listed if part),
            recordings=given.path("RECORDINGS"),
            engine_dir=given.path("ENGINE_DIR"),
            strict=given.switch("STRICT"),
            choices=_lines(given, "CHOICES"),
            access=_access(given),
            access_file=given.path("ACCESS_FILE"),
            hotness=given.whole("HOTNESS", 1, least=1),
            ledger_url=given.text("LEDGER_URL"),
            daily_tokens=given.maybe_whole("DAILY_TOKENS", least=1),
            compile_tokens=given.whole("COMPILE_TOKENS", COMPILE_TOKENS, least=1),
            compile_seconds=given.whole("COMPILE_SECONDS", COMPILE_SECONDS, least=1),
            recheck=given.number("RECHECK", SHARE, most=1.0, unit="a share"),
            error_budget=given.number("ERROR_BUDGET", 0.0, most=1.0, unit="a share"),
            shadow=given.switch("SHADOW"),
            shadow_approves=given.maybe_whole("SHADOW_APPROVES", least=1),
            prices=_prices(given),
            price_book=price_book(given),
            host=given.text("HOST", HOST),
            port=given.whole("PORT", PORT, least=1, most=65535),
            public_url=_address(given, "PUBLIC_URL"),
            environ=given.given,
        )

    @property
    def access_required(self) -> bool:
        """Whether callers must prove who they are. `SettingsInvalid` where it would be open to other machines."""
        loopback = self.host == "localhost" or _is_loopback(self.host)
        if self.access == OPEN and not loopback:
            raise SettingsInvalid(
                f"SEGLAM_ACCESS is {OPEN}, but {self.host} is reached from other machines; "
                f"set SEGLAM_ACCESS={REQUIRED} and make a key with `seglam keys create`, or listen on 127.0.0.1"
            )
        return self.access == REQUIRED or not loopback

    @property
    def health(self) -> HealthPolicy:
        """How revisions are watched after they were admitted."""
        return HealthPolicy(
            share=self.recheck,
            allowed=self.error_budget,
            shadow=self.shadow,
            shadow_approves=self.shadow_approves,
        )

    @property
    def book(self) -> PriceBook:
        """The prices that hold."""
        return self.price_book or PriceBook(PriceList.of(self.prices))

    @property
    def store_path(self) -> Path:
        """The store's file."""
        return self.data_dir / "seglam.sqlite3"


def default_data_dir(environ: Mapping[str, str]) -> Path:
    """Where an embedded service keeps its data (XDG Base Directory Specification 0.8)."""
    if chosen := environ.get("SEGLAM_DATA_DIR"):
        return Path(chosen).expanduser()
    home = environ.get("XDG_DATA_HOME", "")
    # The specification says that a relative path is to be ignored.
    base = Path(home) if home.startswith("/") else Path("~/.local/share").expanduser()
    return base / "seglam"


def _lines(given: Environment, name: str) -> tuple[str, ...]:
    file = given.path(name)
    if file is None:
        return ()
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise given.unusable(name, f"it cannot be read ({error}); name a text file") from error
    lines = (line.strip() for line in text.splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))


def _address(given: Environment, name: str) -> str:
    """An address of a service; plain HTTP on this machine only."""
    text = given.text(name).rstrip("/")
    parts = urlsplit(text)
    whole = parts.hostname is not None and not (parts.path or parts.query or parts.fragment or parts.username)
    local = parts.scheme == "http" and (parts.hostname == "localhost" or _is_loopback(parts.hostname or ""))
    if text and not (whole and (parts.scheme == "https" or local)):
        raise given.unusable(name, "write https://HOST[:PORT], or http:// on this machine")
    return text


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _access(given: Environment) -> str | None:
    mode = given.text("ACCESS") or None
    if mode not in (None, OPEN, REQUIRED):
        raise given.unusable("ACCESS", f"give {OPEN} or {REQUIRED}")
    return mode


def price_book(given: Environment) -> PriceBook | None:
    """The prices of the file `SEGLAM_PRICES`; None without one."""
    file = given.path("PRICES")
    try:
        return None if file is None else PriceBook.read(file)
    except PricesInvalid as error:
        raise given.unusable("PRICES", str(error)) from error


def _prices(given: Environment) -> Prices:
    known = Prices()
    return Prices(
        input_million=given.amount("PRICE_INPUT", known.input_million),
        output_million=given.amount("PRICE_OUTPUT", known.output_million),
        currency=given.text("PRICE_CURRENCY", known.currency),
        seconds_per_call=given.amount("PRICE_SECONDS", known.seconds_per_call),
        assumed=not (given.text("PRICE_INPUT") or given.text("PRICE_OUTPUT")),
    )
