"""Opening what commands work with, with errors that say what is not there and what to do."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seglam.cli.exits import CliError, Exit

if TYPE_CHECKING:
    from seglam.compiler import Bench
    from seglam.gateway.service import Service
    from seglam.gateway.settings import Settings
    from seglam.gateway.store import Store

DataDir = Annotated[
    Path | None,
    typer.Option(help="Where the store is (default: SEGLAM_DATA_DIR, or seglam in the user's data directory).",
                 show_default=False),
]  # fmt: skip
OptionalDataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Keep the store here instead of throwing it away.", show_default=False),
]
Procedures = Annotated[
    Path | None,
    typer.Option(help="Take the procedures of this YAML file or directory instead of the store's.", show_default=False),
]
Server = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Ask a running server instead of opening the store here.", show_default=False),
]
Tenant = Annotated[
    str | None, typer.Option(metavar="NAME", help="Of which tenant (default: default).", show_default=False)
]
Recordings = Annotated[
    Path | None,
    typer.Option(help="Recorded completions that stand in for a model where none is set (default: SEGLAM_RECORDINGS).",
                 metavar="DIRECTORY", show_default=False),
]  # fmt: skip
Host = Annotated[
    str | None, typer.Option(help="Address to listen on (default: SEGLAM_HOST or 127.0.0.1).", show_default=False)
]
Port = Annotated[
    int | None,
    typer.Option(help="Port to listen on, 0 for any that is free (default: SEGLAM_PORT or 8484).", min=0, max=65535,
                 show_default=False),
]  # fmt: skip


def settings_of(**changes: Any) -> Settings:
    """The environment's settings with those changes that are not None; `CliError` names what cannot be used."""
    from seglam.gateway.settings import Settings, SettingsInvalid

    try:
        settings = Settings.from_environ(os.environ)
    except SettingsInvalid as error:
        raise split(str(error), "correct it", Exit.USAGE) from error
    return replace(settings, **{name: value for name, value in changes.items() if value is not None})


@contextmanager
def service(settings: Settings) -> Iterator[Service]:
    """An embedded service, closed at the end."""
    from seglam.compiler import RecordingError, SettingsError
    from seglam.gateway.embedded import build_service
    from seglam.gateway.settings import SettingsInvalid
    from seglam.sandbox import EngineError

    with store_errors(), _telemetry():
        try:
            opened = build_service(settings, report)
        except EngineError as error:
            raise split(str(error), "run `make engine`", Exit.MISSING) from error
        except (SettingsError, SettingsInvalid) as error:
            raise split(str(error), "correct the environment", Exit.USAGE) from error
        except RecordingError as error:
            raise split(str(error), "record it again or remove it", Exit.DATA) from error
        except FileNotFoundError as error:
            raise split(str(error), "correct the path", Exit.DATA) from error
        try:
            yield opened
        finally:
            opened.close()


@contextmanager
def store(data_dir: Path | None) -> Iterator[Store]:
    """The store of a data directory without anything around it, closed at the end."""
    from seglam.gateway.ledger import Ledgerbase
    from seglam.gateway.store import Store

    settings = settings_of(data_dir=data_dir)
    with store_errors(), _telemetry(), ExitStack() as kept:
        keeping = Ledgerbase(settings.ledger_url) if settings.ledger_url else None
        if keeping is not None:
            kept.callback(keeping.close)
        opened = Store(settings.store_path, report=report, keeping=keeping)
        kept.callback(opened.close)
        yield opened


@contextmanager
def bench() -> Iterator[Bench]:
    """Sandboxes on both builds of the engine, closed at the end."""
    from seglam.compiler import Bench
    from seglam.sandbox import Engine, EngineError, Sandbox

    try:
        engines = [Engine.load(build=build) for build in ("a", "b")]
    except EngineError as error:
        raise split(str(error), "run `make engine`", Exit.MISSING) from error
    with Sandbox(engines[0]) as first, Sandbox(engines[1]) as second:
        yield Bench(first, second)


@contextmanager
def _telemetry() -> Iterator[None]:
    """Export what is measured, where the environment names an endpoint."""
    from seglam import telemetry

    try:
        telemetry.configure("seglam")
    except telemetry.TelemetryError as error:
        raise CliError(str(error), "correct it, or unset OTEL_EXPORTER_OTLP_ENDPOINT", Exit.MISSING) from error
    try:
        yield
    finally:
        telemetry.shutdown()


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn errors of the store and of the ledger's database into one line."""
    from seglam.gateway.store import StoreError

    try:
        yield
    except StoreError as error:
        raise CliError(str(error).removesuffix(f"; {error.remedy}"), error.remedy, Exit.DATA) from error


def split(text: str, remedy: str, code: Exit) -> CliError:
    """An error whose message ends with its remedy, as those of the other packages do."""
    what, found, stated = text.rpartition("; ")
    return CliError(what, stated, code) if found else CliError(text, remedy, code)


def report(message: str) -> None:
    """A remark of something in the background, on stderr."""
    from seglam.cli.output import Output

    Output(as_json=False).note(message)
