"""What all tests share: hypothesis profiles and an environment that no developer's settings reach."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.sigstore.fixture import sigstore

__all__ = ["sigstore"]

if TYPE_CHECKING:
    from tests.postgres import Postgres

# The shell that starts the tests must not make them call a real model, export telemetry or read a store.
for _name in [name for name in os.environ if name.startswith(("OPENAI_", "OTEL_", "SEGLAM_"))]:
    if _name != "SEGLAM_ENGINE_DIR":
        del os.environ[_name]

# No deadline: a busy machine is no defect. CI runs the same examples each time, elsewhere new ones are sought. Half as
# many as usual, since all tiers have half an hour; `HYPOTHESIS_PROFILE=thorough` seeks long.
settings.register_profile("dev", deadline=None, print_blob=True, max_examples=50)
settings.register_profile("ci", deadline=None, print_blob=True, max_examples=50, derandomize=True)
settings.register_profile("thorough", deadline=None, print_blob=True, max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The event loop of tests marked `anyio`: asyncio, as in production."""
    return "asyncio"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL cluster of this test run; skips, with the reason, where there is none."""
    from tests import postgres as clusters  # its driver is the registry's

    with clusters.running() as found:
        if isinstance(found, str):
            pytest.skip(found)
        yield found


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty database, once of each kind that the registry runs on."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'registry.sqlite3'}"
        return
    cluster: Postgres = request.getfixturevalue("postgres")
    url = cluster.create()
    yield url
    cluster.drop(url)
