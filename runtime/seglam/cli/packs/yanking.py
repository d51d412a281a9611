"""`seglam pack yank`: the publisher takes a version out of use; it stays, and nobody new imports it."""

from __future__ import annotations

from typing import Annotated

import typer

from seglam.cli.exits import CliError, Exit
from seglam.cli.opening import DataDir
from seglam.cli.output import Json, Output, visible
from seglam.cli.packs.faults import told
from seglam.cli.packs.options import ConfigDir, Registry, Token
from seglam.cli.packs.places import Places
from seglam.cli.packs.registry import identity_token, registry


def yank(
    release: Annotated[str, typer.Argument(metavar="NAME@VERSION", help="What was published.", show_default=False)],
    reason: Annotated[str, typer.Option("--reason", help="Why, for those who use it.", show_default=False)],
    undo: Annotated[bool, typer.Option("--undo", help="Put a yanked version back into use.")] = False,
    token: Token = None,
    registry_url: Registry = None,
    data_dir: DataDir = None,
    config_dir: ConfigDir = None,
    as_json: Json = False,
) -> None:
    """Take a version out of use. The registry signs that as a fact, and every gate refuses the version from then on.

    \b
    Example:
      seglam pack yank registry.acme.example/finance/dates@0.1.0 --reason "wrong on leap days; use 0.1.1"
    """
    from seglam.packs.names import Release

    if not reason.strip():
        raise CliError("the reason is empty", "say why, for those who use it", Exit.USAGE, where="--reason")
    out = Output(as_json)
    places = Places.of(registry_url, data_dir, config_dir)
    with told():
        named = Release.parse(release)
    name = named.name
    address = f"/api/v1/packs/{name.namespace}/{name.pack}/versions/{named.version}"
    with registry(places.url(name.origin)) as opened:
        opened.authorize(identity_token(token, name.origin, places.data_dir), name.namespace, ["yank"])
        done = opened.change("POST", address, "restore" if undo else "yank", {"reason": reason})
    said = "restored" if undo else "yanked"
    out.say(f"{said}  {named}: {visible(reason, 300)}")
    out.json({"release": str(named), "done": said, "reason": reason, "version": done.json() if done.content else None})
