"""Procedure documents that a command line names, and how faults of them are printed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from seglam.cli.exits import CliError
from seglam.cli.output import Output, visible

if TYPE_CHECKING:
    from seglam.procedures import Loaded, Problem


def read(paths: Iterable[Path]) -> tuple[list[Loaded], list[Problem]]:
    """The documents of files and directories, in order, and what could not be read. `CliError` if there is nothing."""
    from seglam.procedures import load_documents

    loaded: list[Loaded] = []
    problems: list[Problem] = []
    for path in paths:
        if not path.exists():
            raise CliError("there is no such file or directory", "correct the path", where=str(path))
        more, faults = load_documents(path)
        if not more and not faults:
            raise CliError("it holds no procedure documents", "name *.yaml files or a directory", where=str(path))
        loaded += more
        problems += faults
    return loaded, problems


def same_names(loaded: Sequence[Loaded]) -> list[Problem]:
    """Documents that claim the name of another."""
    seen: dict[str, str] = {}
    problems = []
    for each in loaded:
        name = each.document.metadata.name
        if name in seen:
            path = ("metadata", "name")
            problems.append(each.problem(path, f"the name {name!r} is taken by {seen[name]}", "give each its own name"))
        seen.setdefault(name, each.file)
    return problems


def show(out: Output, problems: Iterable[Problem]) -> None:
    """Each fault on a line, as `file:line:column: ...`, which editors can follow."""
    for problem in problems:
        colour = "red" if problem.severity == "error" else "yellow"
        out.say(visible(f"{problem.severity}: {problem}"), style=colour)


def as_json(problems: Iterable[Problem]) -> list[dict[str, object]]:
    """The faults for `--json`."""
    return [asdict(problem) for problem in problems]
