"""What the demonstrations print while they go on: numbered steps, how long each took, and what happened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter


@dataclass
class Steps:
    """The titles of the steps so far, and the seconds that each took."""

    times: list[tuple[str, float]] = field(default_factory=list, kw_only=True)

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Say what begins; take its time."""
        print(f"\n{len(self.times) + 1}. {title}", flush=True)
        began = perf_counter()
        yield
        self.times.append((title, perf_counter() - began))
        print(f"   {self.times[-1][1]:.1f} s", flush=True)

    def say(self, text: str) -> None:
        """A line of what happened."""
        print("   " + text.strip().replace("\n", "\n   "), flush=True)
