"""A registry in a process of its own that is killed at one point of a publication, as by `kill -9`.

The process is forked from a server that has loaded everything, so that it starts in a fraction of a second.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import httpx2

from seglam.packs.index.repository import Repository
from seglam.registry import __main__ as program
from seglam.registry import app
from seglam.registry.api import publications
from seglam.registry.publishing import committing, publisher
from seglam.registry.publishing.queue import Done, Queue, Work
from seglam.registry.settings import Settings
from tests.registry_process import Publishers, environment

KEPT = ("name", "gate", "verify", "sign-test-result", "sign-release", "signed", "commit", "index")
"""Steps of which the process dies just before they are kept: what was made is lost, all before it is there."""
POINTS = ("taken-in", *KEPT[:6], "commit", "written", "put", "index", "answered")
"""All points in the order in which a publication comes to them. `taken-in`: the archive is kept, and nobody knows of it
yet; `written`: everything that is published is written and the transaction is not committed; `put`: likewise in the
index; `answered`: all is done, and the answer is not sent."""
SEEN = ("put", "index", "answered")
"""Points at which the version is published already."""
_ORDER = "die-at"


class Mortal(Publishers):
    """A registry that dies where it is told to."""

    def __init__(self, url: str, data: Path, **environ: str) -> None:
        self.data = data
        data.mkdir(parents=True, exist_ok=True)
        self._environ = environment(url, data, {f"SEGLAM_REGISTRY_{name}": text for name, text in environ.items()})
        self._process: BaseProcess | None = None
        self.start()

    def start(self) -> None:
        """Start it, for the first time or after its death; it goes on with what is left."""
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__, app.__name__])
        heard, said = context.Pipe(duplex=False)
        self._process = context.Process(target=_serve, args=(self._environ, self.data / "log", said))
        self._process.start()
        said.close()
        with os.fdopen(os.dup(heard.fileno())) as lines:
            words = lines.readline()
        heard.close()
        assert "http://" in words, f"the registry did not start: {(self.data / 'log').read_text()[-2000:]}"
        self.client = httpx2.Client(base_url=words.split()[-1], timeout=120)

    def die_at(self, point: str) -> None:
        """Die when the point is next reached, once."""
        (self.data / _ORDER).write_text(point)

    def died(self) -> bool:
        """Wait for its end; whether it was killed."""
        assert self._process is not None
        self.client.close()
        self._process.join(120)
        return self._process.exitcode == -signal.SIGKILL

    def close(self) -> None:
        """End it, however it stands."""
        assert self._process is not None
        self.client.close()
        self._process.kill()
        self._process.join()


@contextmanager
def mortal(url: str, data: Path, **environ: str) -> Iterator[Mortal]:
    """A registry that can be killed at any point."""
    made = Mortal(url, data, **environ)
    try:
        yield made
    finally:
        made.close()


def _serve(environ: Mapping[str, str], log: Path, said: Connection) -> None:
    os.environ.clear()
    os.environ.update(environ)
    with log.open("ab") as errors:
        os.dup2(errors.fileno(), 2)
    os.dup2(said.fileno(), 1)
    said.close()
    dies = _Dies(Path(environ["SEGLAM_REGISTRY_DATA"]) / _ORDER)
    dies.after(Queue, "submit", "taken-in")
    dies.after(committing, "publish", "written")
    dies.after(Repository, "put", "put")
    dies.before(publications, "_answer", "answered")
    keep = Queue.keep

    def deadly(queue: Queue, work: Work, done: Done) -> Work:
        dies.at(done.stated[-1].name if done.stated else "signed")
        return keep(queue, work, done)

    Queue.keep = deadly  # type: ignore[assignment,method-assign]
    publisher.LOOK_S = 0.1
    settings = replace(Settings.from_environ(environ), lease_s=0.3)
    Settings.from_environ = lambda _=None: settings  # type: ignore[method-assign,assignment]
    program.main([])


class _Dies:
    """Kills the process where the order says."""

    def __init__(self, order: Path) -> None:
        self._order = order

    def at(self, point: str) -> None:
        if self._order.exists() and self._order.read_text() == point:
            self._order.unlink()
            os.kill(os.getpid(), signal.SIGKILL)

    def after(self, owner: Any, name: str, point: str) -> None:
        real: Callable[..., Any] = getattr(owner, name)

        def call(*given: Any, **named: Any) -> Any:
            result = real(*given, **named)
            self.at(point)
            return result

        setattr(owner, name, call)

    def before(self, owner: Any, name: str, point: str) -> None:
        real: Callable[..., Any] = getattr(owner, name)

        def call(*given: Any, **named: Any) -> Any:
            self.at(point)
            return real(*given, **named)

        setattr(owner, name, call)
