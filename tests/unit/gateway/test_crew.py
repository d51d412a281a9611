"""Threads that compile."""

from __future__ import annotations

import threading

from seglam.gateway.crew import Crew


def test_work_is_bounded_and_done_in_order() -> None:
    crew, gate, begun = Crew(1, 2, "test"), threading.Event(), threading.Event()
    done: list[int] = []

    def first() -> None:
        begun.set()
        gate.wait()

    crew.submit(first)
    begun.wait()
    for number in range(2):
        assert crew.has_room()
        crew.submit(lambda number=number: done.append(number))  # type: ignore[misc]
    assert not crew.has_room()
    finished = threading.Event()
    gate.set()
    while not crew.has_room():
        pass
    crew.submit(finished.set)
    finished.wait()
    assert done == [0, 1]
    crew.close(grace=5)


def test_closing_drops_what_has_not_begun() -> None:
    crew, gate, begun = Crew(1, 2, "test"), threading.Event(), threading.Event()
    done: list[str] = []

    def first() -> None:
        begun.set()
        gate.wait()
        done.append("first")

    crew.submit(first)
    begun.wait()
    crew.submit(lambda: done.append("second"))
    closing = threading.Thread(target=crew.close, args=(30,))
    closing.start()
    while not crew.has_room():
        pass
    gate.set()
    closing.join()
    assert done == ["first"]


def test_a_process_does_not_wait_for_its_crew() -> None:
    crew = Crew(2, 1, "test")
    assert all(thread.daemon for thread in threading.enumerate() if thread.name.startswith("test-"))
    crew.close(grace=5)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("test-")]
