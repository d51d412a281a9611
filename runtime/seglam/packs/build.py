"""A pack from a directory: `pack.yaml`, `procedures/`, README.md, LICENSE and `docs/`. Same input, same bytes."""

from __future__ import annotations

from pathlib import Path

from seglam.packs.pack import Pack
from seglam.procedures import Problem

SOURCE = "pack.yaml"


class BuildFailed(Exception):
    """The directory is no pack; `problems` says each fault with its place."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


def build(directory: Path) -> Pack:
    """Build the pack of a directory.

    `pack.yaml` says name, version, description, licence and requires. Each document of `procedures/*.yaml` is checked
    as `seglam procedures check` does and written again, alone in its file, with nothing but its name as metadata and
    without deployment fields.

    Raises:
        BuildFailed: something is missing or wrong.
        OSError: a file cannot be read.
    """
    raise NotImplementedError
