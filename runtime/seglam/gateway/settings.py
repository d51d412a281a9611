"""Everything that an embedded service can be told."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Self

from seglam.gateway.savings import Prices

COMPILE_TOKENS = 400_000
COMPILE_SECONDS = 900
HOST = "127.0.0.1"
PORT = 8484


class SettingsInvalid(ValueError):
    """A setting that cannot be used; the message names it and says what to give."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of an embedded service.

    Attributes:
        data_dir: where the store is. `SEGLAM_DATA_DIR`, else `seglam` in `XDG_DATA_HOME` or `~/.local/share`.
        procedures: watched directories of YAML files. `SEGLAM_PROCEDURES`, separated as in `PATH`.
        recordings: directory of recorded completions, used where no model is set. `SEGLAM_RECORDINGS`.
        engine_dir: where the engines are; None for the user's cache.
        strict: never call a model. `SEGLAM_STRICT=1`.
        choices: how this tenant reads contested names, a sentence a line in the file `SEGLAM_CHOICES`.
        auto_approve: name under which every proposal is approved at once; for demonstrations and replays.
        workers, queue: compilations at one time, and how many more may wait.
        daily_tokens: tokens that live models may use in a day. `SEGLAM_DAILY_TOKENS`.
        compile_tokens, compile_seconds: limits of one compilation. `SEGLAM_COMPILE_TOKENS`, `SEGLAM_COMPILE_SECONDS`.
        pause_s: how long a type rests after its compilation failed, in seconds; doubled each time.
        sandbox_mib: memory of idle warm instances.
        prices: what a model call would take; `SEGLAM_PRICE_INPUT`, `SEGLAM_PRICE_OUTPUT` (a million tokens),
            `SEGLAM_PRICE_CURRENCY`, `SEGLAM_PRICE_SECONDS` (one call).
        host, port: where the API listens. `SEGLAM_HOST`, `SEGLAM_PORT`.
        environ: the environment, which names the models.
    """

    data_dir: Path
    procedures: tuple[Path, ...] = ()
    recordings: Path | None = None
    engine_dir: Path | None = None
    strict: bool = False
    choices: tuple[str, ...] = ()
    auto_approve: str | None = None
    workers: int = 2
    queue: int = 64
    daily_tokens: int | None = None
    compile_tokens: int = COMPILE_TOKENS
    compile_seconds: int = COMPILE_SECONDS
    pause_s: float = 30.0
    sandbox_mib: int = 512
    prices: Prices = field(default_factory=Prices)
    host: str = HOST
    port: int = PORT
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] | None = None) -> Self:
        """The settings that the environment gives. `SettingsInvalid` names what cannot be used."""
        given = dict(os.environ if environ is None else environ)
        engine, recordings = given.get("SEGLAM_ENGINE_DIR"), given.get("SEGLAM_RECORDINGS")
        listed = given.get("SEGLAM_PROCEDURES", "").split(os.pathsep)
        return cls(
            data_dir=default_data_dir(given),
            procedures=tuple(Path(part).expanduser() for part in listed if part),
            recordings=Path(recordings).expanduser() if recordings else None,
            engine_dir=Path(engine).expanduser() if engine else None,
            strict=_switch(given, "SEGLAM_STRICT"),
            choices=_lines(given, "SEGLAM_CHOICES"),
            daily_tokens=_whole(given, "SEGLAM_DAILY_TOKENS"),
            compile_tokens=_whole(given, "SEGLAM_COMPILE_TOKENS") or COMPILE_TOKENS,
            compile_seconds=_whole(given, "SEGLAM_COMPILE_SECONDS") or COMPILE_SECONDS,
            prices=_prices(given),
            host=given.get("SEGLAM_HOST") or HOST,
            port=_port(given),
            environ=given,
        )

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


def _lines(given: Mapping[str, str], name: str) -> tuple[str, ...]:
    if not given.get(name):
        return ()
    try:
        text = Path(given[name]).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsInvalid(f"{name}: {given[name]} cannot be read ({error}); name a text file") from error
    lines = (line.strip() for line in text.splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))


def _switch(given: Mapping[str, str], name: str) -> bool:
    text = given.get(name, "0")
    if text not in ("", "0", "1"):
        raise SettingsInvalid(f"{name} is {text!r}; give 1 or 0")
    return text == "1"


def _whole(given: Mapping[str, str], name: str) -> int | None:
    text = given.get(name, "").strip()
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise SettingsInvalid(f"{name} is {text!r}; give a whole number above 0")
    return int(text)


def _port(given: Mapping[str, str]) -> int:
    port = _whole(given, "SEGLAM_PORT") or PORT
    if port > 65535:
        raise SettingsInvalid(f"SEGLAM_PORT is {port}; give a port from 1 to 65535")
    return port


def _amount(given: Mapping[str, str], name: str, default: Decimal) -> Decimal:
    text = given.get(name, "").strip()
    if not text:
        return default
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise SettingsInvalid(f"{name} is {text!r}; give an amount such as 2.50")
    return amount


def _prices(given: Mapping[str, str]) -> Prices:
    known = Prices()
    stated = any(given.get(name, "").strip() for name in ("SEGLAM_PRICE_INPUT", "SEGLAM_PRICE_OUTPUT"))
    return Prices(
        input_million=_amount(given, "SEGLAM_PRICE_INPUT", known.input_million),
        output_million=_amount(given, "SEGLAM_PRICE_OUTPUT", known.output_million),
        currency=given.get("SEGLAM_PRICE_CURRENCY") or known.currency,
        seconds_per_call=_amount(given, "SEGLAM_PRICE_SECONDS", known.seconds_per_call),
        assumed=not stated,
    )
