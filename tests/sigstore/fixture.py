"""The services as the fixture `sigstore`, one instance for each test process; tests/conftest.py offers it to all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sigstore.build import missing
from tests.sigstore.instance import Sigstore

__all__ = ["sigstore"]


@pytest.fixture(scope="session")
def sigstore(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sigstore]:
    """The running services; skips with the reason where they were not built."""
    if reason := missing():
        pytest.skip(reason)
    running = Sigstore(tmp_path_factory.mktemp("sigstore"))
    yield running
    running.close()
