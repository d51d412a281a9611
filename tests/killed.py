"""`seglam` in a process of its own that is killed, as by `kill -9`, before one of the things that it does to its files.

The process is forked from a server that has loaded everything, so that it starts in a fraction of a second.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlmodel import Session

from seglam.cli import app
from seglam.cli.packs import importing
from seglam.gateway.packs import importing as taking

DONE = ("os.rename", "os.link", "os.mkdir", "os.remove")
"""What changes the names below a directory; each is one step, and so is a transaction."""


def run(directory: Path, step: int, environ: Mapping[str, str], *arguments: str) -> int:
    """Run a command, and kill it before so many steps are done below a directory; its exit code."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, importing.__name__, taking.__name__])
    process = context.Process(target=_run, args=(directory, step, dict(environ), arguments))
    process.start()
    process.join(120)
    assert process.exitcode is not None, "the command neither ended nor died"
    return process.exitcode


def _run(directory: Path, step: int, environ: Mapping[str, str], arguments: tuple[str, ...]) -> None:
    os.environ.update(environ)
    os.chdir(directory)
    sys.argv = ["seglam", *arguments]
    left = step

    def count() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def happens(event: str, given: tuple[Any, ...]) -> None:
        if event in DONE and str(given[0]).startswith(str(directory)):
            count()

    commit = Session.commit

    def committed(session: Session) -> None:
        count()
        commit(session)
        count()

    sys.addaudithook(happens)
    Session.commit = committed  # type: ignore[assignment,method-assign]
    app.main()
