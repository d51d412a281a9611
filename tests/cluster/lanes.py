"""Two lanes of tests on one cluster, each a process of pytest-xdist: `--numprocesses 2 --dist loadgroup`.

One lane has the tests of the operator and of the installed chart, in the order in which they need the chart; the other
has what can go on beside them. Tests that freeze or restart the API server run while the other lane rests.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.cluster.locks import locked

CHART, BESIDE = "chart", "beside"
ALONE = frozenset(
    {
        "test_a_version_that_is_forgotten_is_gone",
        "test_the_api_server_hangs",
        "test_the_api_server_restarts",
        "test_no_two_leaders_act",
    }
)
"""Tests during which nobody else can ask the API server, or during which it must be quiet."""


def lane_of(item: pytest.Item) -> str:
    """The lane of a test."""
    operates = item.path.stem in ("test_operator", "test_imports")  # of their own, before one is installed
    return CHART if operates or "installed" in getattr(item, "fixturenames", ()) else BESIDE


@contextmanager
def turn(item: pytest.Item) -> Iterator[None]:
    """Beside the other lane, or alone where a test needs that. Without lanes there is nothing to wait for."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    if run is None:
        yield
        return
    with ExitStack() as held:
        with locked(f"{run}-next"):  # so that whoever waits to be alone is not overtaken for ever
            held.enter_context(locked(run, shared=item.name not in ALONE))
        yield
