"""Two lanes of tests on one cluster, each a process of pytest-xdist: `--numprocesses 2`.

One lane has the tests of the operator and of the installed chart, in the order in which they need the chart; the other
has what can go on beside them. Tests that freeze or restart the API server run while the other lane rests.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from tests.cluster.locks import locked

CHART = frozenset(
    {
        "test_chart",
        "test_compilations",
        "test_console",
        "test_counterexamples",
        "test_end_to_end",
        "test_faults",
        "test_imports",  # an operator of its own, before one is installed
        "test_operator",
        "test_packs",
        "test_pools",
        "test_restore",
        "test_sandbox_pod",
        "test_uninstall",
        "test_upstream",
        "test_zero_calls",
    }
)
"""Modules of the lane of the operator and of the installed chart."""
ALONE = frozenset(
    {
        "test_a_version_that_is_forgotten_is_gone",
        "test_the_api_server_hangs",
        "test_the_api_server_restarts",
        "test_no_two_leaders_act",
    }
)
"""Tests during which nobody else can ask the API server, or during which it must be quiet."""


class Lanes(LoadScopeScheduling):  # type: ignore[misc]
    """Gives each lane to one process, in the order in which its tests were collected."""

    def _split_scope(self, nodeid: str) -> str:
        return "chart" if Path(nodeid.split("::")[0]).stem in CHART else "beside"


@contextmanager
def turn(item: pytest.Item) -> Iterator[None]:
    """Beside the other lane, or alone where a test needs that. Without lanes there is nothing to wait for."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    if run is None:
        yield
        return
    with ExitStack() as held:
        with locked("lanes-next"):  # so that whoever waits to be alone is not overtaken for ever
            held.enter_context(locked("lanes", shared=item.name not in ALONE))
        yield
