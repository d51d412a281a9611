"""`seglam pack export`: packs, statements, index and trust as one file that crosses an air gap."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seglam.cli.opening import DataDir
from seglam.cli.output import Json, Output
from seglam.cli.packs.options import ConfigDir, Registry
from seglam.cli.packs.places import Places


def export(
    packs: Annotated[list[str], typer.Argument(metavar="PACK...", help="NAME@VERSION, or files.", show_default=False)],
    target: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Where to write.", show_default=False)],
    registry: Registry = None,
    data_dir: DataDir = None,
    config_dir: ConfigDir = None,
    as_json: Json = False,
) -> None:
    """Write packs with all statements about them, and the index that lists them, as one file.

    \b
    Example:
      seglam pack export registry.acme.example/finance/dates@0.1.0 --out dates-export.tar
    """
    raise NotImplementedError(Output(as_json), Places.of(registry, data_dir, config_dir), packs, target)
