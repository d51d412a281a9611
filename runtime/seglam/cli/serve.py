"""`seglam serve`: the service on one machine, over HTTP."""

from __future__ import annotations

import gc
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from seglam.cli.console import console_of
from seglam.cli.exits import Exit
from seglam.cli.opening import DataDir, Host, Port, Recordings, service, settings_of, split
from seglam.cli.output import Json, Output

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from seglam.gateway.settings import Settings


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
    registry: Annotated[
        bool,
        typer.Option("--registry/--no-registry", envvar="SEGLAM_SERVE_REGISTRY", show_envvar=False,
                     help="Also serve a registry of packs on the same port (SEGLAM_SERVE_REGISTRY=0: do not)."),
    ] = True,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Serve until interrupted. The address is printed as soon as requests are answered.

    The gateway answers below /v1; the registry of this machine's packs below /api/v1, /v2 and /tuf, with a key of its
    own that is made at the first start (see `seglam pack trust local`).

    \b
    Examples:
      seglam serve
      seglam serve --port 0 --json --procedures examples/procedures --no-registry
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
    from seglam.cli.packs.embedded import door
    from seglam.gateway.server import ListenError, bind, is_loopback, server

    try:
        listening = bind(settings.host, settings.port)
    except ListenError as error:
        raise split(str(error), "choose another --port", Exit.MISSING) from error
    with listening, service(settings) as running, door(running, settings, _url(listening)) as imports:
        beside = _registry(settings, listening, out) if registry else None
        console = console_of(running, settings, _url(listening), local=is_loopback(listening))

        def around(gateway: ASGIApp) -> ASGIApp:
            inner = imports.beside(console.beside(gateway) if console else gateway)
            return beside(inner) if beside else inner

        # A page of another site may point its own name here: only where everybody proves who they are is another taken.
        public = urlsplit(settings.public_url).hostname if settings.access_required else None
        at_work = server(running, listening, around, names=[public] if public else [])
        for signal_ in (signal.SIGINT, signal.SIGTERM):
            signal.signal(signal_, _leave)  # uvicorn raises the signal again when it has ended
        described = running.described
        if console:
            at = settings.public_url or _url(listening)
            described = (*described, f"review console: {at}/console; `seglam console` prints a link to it")
        if beside:
            described = (*described, f"registry: {_url(listening)}/api/v1, packs of localhost/")
            described = (*described, f"marketplace: {_url(listening)}/marketplace")
        _announce(out, listening, described)
        gc.freeze()  # what stays for good is not looked through again and again
        at_work.run(sockets=[listening])


def _leave(*_: object) -> None:
    """End as asked: what is open is closed, and the exit code is 0."""
    raise SystemExit(Exit.OK)


def _announce(out: Output, listening: socket.socket, described: tuple[str, ...]) -> None:
    url = _url(listening)
    out.say(f"SEGLAM answers at {url}", style="bold")
    for line in described:
        out.note(line)
    out.json({"url": url, "described": list(described)})
    sys.stdout.flush()


def _url(listening: socket.socket) -> str:
    address, port = listening.getsockname()[:2]
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"


def _registry(settings: Settings, listening: socket.socket, out: Output) -> Callable[[ASGIApp], ASGIApp] | None:
    """What puts the registry beside the gateway; None where it is not installed."""
    try:
        from seglam.cli.packs.embedded import Beside, open_registry

        app = open_registry(settings, _url(listening))
    except ModuleNotFoundError as error:
        out.note(f"no registry is served: {error.name} is not installed (seglam[registry])")
        return None
    return lambda gateway: Beside(gateway, app)
