"""Opening what commands work with, with errors that say what is not there and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from seglam.cli.exits import CliError, Exit

if TYPE_CHECKING:
    from seglam.sandbox import Sandbox


@contextmanager
def sandbox() -> Iterator[Sandbox]:
    """A sandbox on the first build of the engine, closed at the end."""
    from seglam.sandbox import Engine, EngineError, Sandbox

    try:
        engine = Engine.load()
    except EngineError as error:
        raise missing_engine(error) from error
    with Sandbox(engine) as opened:
        yield opened


def missing_engine(error: Exception) -> CliError:
    """The error of an engine that is not there or not usable; the engine's own message holds the remedy."""
    what, _, remedy = str(error).rpartition("; ")
    return CliError(what or str(error), remedy if what else "run `make engine`", Exit.MISSING)
