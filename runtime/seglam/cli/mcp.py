"""`seglam mcp`: the procedures of this machine as tools of a Model Context Protocol server."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seglam.cli.opening import DataDir, service, settings_of

if TYPE_CHECKING:
    from seglam.gateway.access import Caller
    from seglam.procedures import Revision


def mcp(
    procedures: Annotated[
        list[Path] | None,
        typer.Option(help="Serve the YAML files of this directory, and follow their changes; may be repeated.",
                     metavar="DIRECTORY", show_default=False),
    ] = None,
    data_dir: DataDir = None,
) -> None:  # fmt: skip
    """Serve active procedures as tools, over standard input and output, until the client goes.

    Whatever else is to be said goes to standard error. No model is asked, and nothing is compiled.

    \b
    Example, in the configuration of a client:
      {"mcpServers": {"seglam": {"command": "seglam", "args": ["mcp", "--procedures", "examples/procedures"]}}}
    """
    settings = settings_of(procedures=tuple(procedures) if procedures else None, data_dir=data_dir, strict=True)
    from seglam.gateway.access import Caller
    from seglam.gateway.mcp.server import Tools
    from seglam.gateway.serving.embedded import EmbeddedAnswers
    from seglam.gateway.serving.places import Places
    from seglam.gateway.store import DEFAULT_TENANT

    with service(settings) as running:

        async def active(caller: Caller) -> Sequence[Revision]:
            return list(running.index)

        async def main() -> None:
            answers = EmbeddedAnswers(running, Places())
            me = Caller(DEFAULT_TENANT, "mcp")
            await Tools(answers, active, lambda: me).serve_stdio()

        asyncio.run(main())
