"""`seglam serve`: the service on one machine, over HTTP."""

from __future__ import annotations

import signal
import socket
import sys
from pathlib import Path
from typing import Annotated

import typer

from seglam.cli.exits import Exit
from seglam.cli.opening import DataDir, Host, Port, Recordings, service, settings_of, split
from seglam.cli.output import Json, Output


def serve(
    host: Host = None,
    port: Port = None,
    procedures: Annotated[
        list[Path] | None,
        typer.Option(help="Serve the YAML files of this directory, and follow their changes; may be repeated.",
                     metavar="DIRECTORY", show_default=False),
    ] = None,
    recordings: Recordings = None,
    auto_approve: Annotated[
        str | None,
        typer.Option(help="Approve what passes all gates under this name, without a person. For demonstrations.",
                     metavar="NAME", show_default=False),
    ] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Serve until interrupted. The address is printed as soon as requests are answered.

    \b
    Examples:
      seglam serve
      seglam serve --port 0 --json --procedures examples/procedures
    """
    out = Output(as_json)
    settings = settings_of(
        host=host,
        port=port,
        procedures=tuple(procedures) if procedures else None,
        recordings=recordings,
        auto_approve=auto_approve,
        data_dir=data_dir,
    )
    from seglam.gateway.server import ListenError, bind, server

    try:
        listening = bind(settings.host, settings.port)
    except ListenError as error:
        raise split(str(error), "choose another --port", Exit.MISSING) from error
    with listening, service(settings) as running:
        at_work = server(running, listening)
        for signal_ in (signal.SIGINT, signal.SIGTERM):
            signal.signal(signal_, _leave)  # uvicorn raises the signal again when it has ended
        _announce(out, listening, running.described)
        at_work.run(sockets=[listening])


def _leave(*_: object) -> None:
    """End as asked: what is open is closed, and the exit code is 0."""
    raise SystemExit(Exit.OK)


def _announce(out: Output, listening: socket.socket, described: tuple[str, ...]) -> None:
    address, port = listening.getsockname()[:2]
    url = f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"
    out.say(f"SEGLAM answers at {url}", style="bold")
    for line in described:
        out.note(line)
    out.json({"url": url, "described": list(described)})
    sys.stdout.flush()
