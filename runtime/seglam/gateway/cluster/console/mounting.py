"""The console put together, from the parts of a gateway."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from seglam.cluster import Connection
from seglam.gateway.access.door import Door
from seglam.gateway.cluster.catalog import Catalog
from seglam.gateway.cluster.console.asking import Asking, Person
from seglam.gateway.cluster.console.board import TenantBoard
from seglam.gateway.cluster.console.desk import ReviewDesk
from seglam.gateway.cluster.console.people import Bearers
from seglam.gateway.cluster.console.trials import Verifiers, attempt
from seglam.gateway.cluster.service import ClusterService
from seglam.gateway.cluster.settings import ConsoleSettings, SettingsInvalid
from seglam.gateway.pages import Console
from seglam.gateway.running import Running
from seglam.gateway.web import threads

THREADS = 8
"""For what pages ask of databases and runners, apart from those of requests."""


def console_of(
    settings: ConsoleSettings,
    connection: Connection,
    door: Door,
    service: ClusterService,
    verifiers: Verifiers,
    runners: Running,
    *,
    alone: bool,
) -> Console[Person]:
    """The console.

    Args:
        connection: to the API server, which is asked with people's tokens only.
        alone: whether what is counted and recorded is this replica's alone.

    Raises:
        SettingsInvalid: the key cannot be used.
    """
    asking, blocking, catalog = Asking(connection), threads(THREADS), service.catalog
    try:
        people = Bearers(door, asking, _key(settings.key_file), settings.url)
    except ValueError as error:
        raise SettingsInvalid(f"SEGLAM_CONSOLE_KEY_FILE: {settings.key_file}: {error}") from error
    desk = ReviewDesk(asking, partial(attempt, catalog, verifiers, runners), partial(_served, catalog), blocking)
    return Console(desk, TenantBoard(asking, service, blocking, alone=alone), people)


def _served(catalog: Catalog, tenant: str) -> dict[str, str]:
    return {each.name: each.digest for each in catalog.index(tenant)}


def _key(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise SettingsInvalid(f"SEGLAM_CONSOLE_KEY_FILE: {file} cannot be read: {error.strerror}") from error
