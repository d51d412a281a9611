"""Procedure documents that a command line names, and how faults of them are printed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seglam.cli.exits import CliError
from seglam.cli.output import Output, visible

if TYPE_CHECKING:
    from seglam.procedures import Loaded, Problem, ReasoningProcedure

Paths = Annotated[
    list[Path], typer.Argument(help="YAML files, or directories of *.yaml and *.yml files.", show_default=False)
]


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


def faultless(path: Path) -> Iterator[Loaded]:
    """The valid documents of a path, each checked as it is asked for; `CliError` at the first error.

    What a document's patterns compile to is kept for a moment, so whoever uses each before asking for the next compiles
    nothing twice.
    """
    from seglam.procedures import validate

    loaded, problems = read([path])
    _refuse(problems + same_names(loaded))
    for each in loaded:
        _refuse(validate(each))
        yield each


def _refuse(problems: Iterable[Problem]) -> None:
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        first, others = errors[0], len(errors) - 1
        more = f" (and {others} more errors)" if others else ""
        place = f"{first.file}:{first.line}:{first.column}" if first.line else first.file
        raise CliError(f"{first.message}{more}", "see `seglam procedures validate`", where=place)


def by_file(paths: Iterable[Path]) -> dict[Path, list[ReasoningProcedure]]:
    """The valid documents of paths, by the file that holds them; `CliError` at the first error."""
    found: dict[Path, list[ReasoningProcedure]] = {}
    for each in (loaded for path in paths for loaded in faultless(path)):
        found.setdefault(Path(each.file), []).append(each.document)
    return found


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
