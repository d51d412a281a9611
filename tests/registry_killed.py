"""A worker in a process of its own that is killed at one point of a publication, as by `kill -9`."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path

from seglam.registry.publishing.queue import Done, Queue, Work
from seglam.registry.publishing.steps import Steps, Tools
from tests import registries

POINTS = ("name", "gate", "verify", "sign-test-result", "sign-release", "signed", "commit", "index")
"""What is about to be kept when the process dies; all before is kept, and what was just made is lost."""


class Deadly(Queue):
    """Kills the process just before the step is kept."""

    point = ""

    def keep(self, work: Work, done: Done) -> Work:
        last = done.stated[-1].name if done.stated else "signed"
        if last == self.point:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().keep(work, done)


class Listed:
    """An index that is always up to date."""

    def update(self) -> None:
        """Nothing is to do."""


def dies(url: str, data: Path, point: str) -> int:
    """Work on what is submitted until the point; the process's exit code."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    process = context.Process(target=_work, args=(url, data, point))
    process.start()
    process.join(120)
    assert process.exitcode is not None, "the worker neither ended nor died"
    return process.exitcode


def _work(url: str, data: Path, point: str) -> None:
    with registries.desk(url, data, index=Listed(), lease_s=1.0) as made:
        queue = Deadly(made.database, "deadly", lease_s=0.3, give_up_s=3600)
        queue.point = point
        work = queue.take()
        assert work is not None
        steps = Steps(Tools(made.tools.origin, made.database, made.tools.signing, registries.bench, Listed()), queue)
        while not work.publication.settled:
            work = steps.step(work)
