"""The real engines, loaded once. Without them the tests fail with the remedy: nothing stands in for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from seglam.sandbox import Engine, Mode, Program, Run, Sandbox

Solve = Callable[..., Run]


@pytest.fixture(scope="session")
def engine() -> Engine:
    return Engine.load()


@pytest.fixture(scope="session")
def other_engine() -> Engine:
    return Engine.load(build="b")


@pytest.fixture(scope="session")
def shared_sandbox(engine: Engine) -> Iterator[Sandbox]:
    with Sandbox(engine) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(engine: Engine) -> Iterator[Sandbox]:
    """A sandbox of this test's own, with counts that start at zero."""
    with Sandbox(engine) as sandbox:
        yield sandbox


@pytest.fixture
def solve(shared_sandbox: Sandbox) -> Solve:
    """One call of some code: `solve(code, name=value, ...)`, with a low step limit so that endless loops end soon."""

    def call(code: str, *, fuel: int = 500_000_000, mode: Mode = Mode.FRESH, **arguments: object) -> Run:
        return shared_sandbox.run(Program(f"sha256:{hash(code)}", code, fuel=fuel), arguments, mode=mode)

    return call
