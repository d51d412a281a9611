"""What runs programs, wherever it does: a sandbox in this process or the runners of a cluster."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from seglam.sandbox.results import Inspection, Mode, Program, Run


class EngineInfo(Protocol):
    """What is known of an engine without having it."""

    @property
    def digest(self) -> str:
        """Of the component, the name under which evidence records the engine."""

    @property
    def modules(self) -> frozenset[str]:
        """What a procedure may import."""

    @property
    def memory_floor_mib(self) -> int:
        """What an instance needs before it has done anything; a smaller limit is a fault."""


class Executor(Protocol):
    """Runs programs on one build of the engine. Thread-safe; a call blocks its thread.

    What goes wrong in a program is `Run.fault`. What keeps it from being run is raised: by runners elsewhere
    `seglam.sandbox.RunnersUnavailable`.
    """

    @property
    def engine(self) -> EngineInfo:
        """The engine that runs them."""

    def run(
        self, program: Program, arguments: Mapping[str, object], *, mode: Mode = Mode.WARM, tenant: str = "default"
    ) -> Run:
        """One call of `solve` with tagged JSON arguments by name."""

    def run_many(
        self,
        program: Program,
        arguments: Sequence[Mapping[str, object]],
        *,
        mode: Mode = Mode.FRESH,
        tenant: str = "default",
    ) -> list[Run]:
        """Several calls in order, each in a fresh namespace; one run for each."""

    def inspect(self, code: str, example_values: Iterable[object] = ()) -> Inspection:
        """What the code holds, read without running it; see `seglam.sandbox.Sandbox.inspect`."""
