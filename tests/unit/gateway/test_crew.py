"""Threads that compile: bounded, in order, and fair between tenants."""

from __future__ import annotations

import threading

from seglam.gateway.crew import Crew


class Held:
    """Work that waits until it is let go, and notes when it began."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.began: list[str] = []
        self.ended = 0
        self._changed = threading.Condition()

    def work(self, name: str) -> None:
        with self._changed:
            self.began.append(name)
            self._changed.notify_all()
        assert self.gate.wait(60)
        with self._changed:
            self.ended += 1
            self._changed.notify_all()

    def wait_for(self, began: int, ended: int = 0) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.began) >= began and self.ended >= ended, 60)


def test_work_is_bounded_and_done_in_order() -> None:
    crew, held = Crew(1, 2, "test"), Held()
    crew.submit("a", lambda: held.work("0"))
    held.wait_for(1)
    assert crew.has_room("a")
    for name in ("1", "2"):
        crew.submit("a", lambda name=name: held.work(name))  # type: ignore[misc]
    assert not crew.has_room("a") and crew.has_room("b")
    held.gate.set()
    held.wait_for(3, 3)
    assert held.began == ["0", "1", "2"]
    crew.close(60)


def test_one_tenants_thousand_do_not_delay_anothers_first() -> None:
    crew, held = Crew(2, 1000, "test"), Held()
    for number in range(1000):
        crew.submit("a", lambda number=number: held.work(f"a{number}"))  # type: ignore[misc]
    held.wait_for(2)
    crew.submit("b", lambda: held.work("b0"))
    held.wait_for(3)  # while all that begins is held
    assert held.began == ["a0", "a1", "b0"]
    crew.close(0)
    held.gate.set()


def test_beyond_all_threads_tenants_take_turns() -> None:
    crew, held = Crew(1, 100, "test", most=1), Held()
    for name in ("a0", "a1", "a2", "b0", "c0", "b1"):
        crew.submit(name[0], lambda name=name: held.work(name))  # type: ignore[misc]
    held.gate.set()
    held.wait_for(6, 6)
    assert held.began == ["a0", "a1", "b0", "c0", "a2", "b1"]
    crew.close(60)


def test_closing_starts_nothing_more_and_does_not_wait_for_what_hangs() -> None:
    crew, held = Crew(1, 10, "test"), Held()
    crew.submit("a", lambda: held.work("0"))
    held.wait_for(1)
    crew.submit("a", lambda: held.work("1"))
    at_work = [thread for thread in threading.enumerate() if thread.name == "test"]
    assert at_work and all(thread.daemon for thread in at_work), "the end of the process waits for none of them"
    crew.close(0.01)
    held.gate.set()
    held.wait_for(1, 1)
    crew.submit("a", lambda: held.work("2"))
    assert held.began == ["0"]
