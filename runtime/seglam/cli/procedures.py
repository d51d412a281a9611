"""`seglam procedures`: list, show, validate, test, export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seglam.cli import documents
from seglam.cli.exits import CliError, Exit
from seglam.cli.output import Json, Output, one_line, visible

app = typer.Typer(
    help="Look at the procedures of a store, or check procedure documents in files.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Paths = Annotated[
    list[Path], typer.Argument(help="YAML files, or directories of *.yaml and *.yml files.", show_default=False)
]


@app.command("validate")
def validate_(paths: Paths, as_json: Json = False) -> None:
    """Check documents without running anything; faults are shown as file:line:column.

    \b
    Example:
      seglam procedures validate examples/procedures
    """
    from seglam.procedures import validate

    out = Output(as_json)
    loaded, problems = documents.read(paths)
    problems += [problem for each in loaded for problem in validate(each)] + documents.same_names(loaded)
    errors = sum(problem.severity == "error" for problem in problems)
    documents.show(out, problems)
    out.say(f"{len(loaded)} documents read, {errors} errors, {len(problems) - errors} warnings")
    out.json({"documents": len(loaded), "errors": errors, "problems": documents.as_json(problems)})
    raise typer.Exit(Exit.NEGATIVE if errors else Exit.OK)


@app.command("test")
def test_(paths: Paths, as_json: Json = False) -> None:
    """Validate documents, inspect their code, bind and run their examples, try their refusals, look for overlaps.

    \b
    Example:
      seglam procedures test examples/procedures/capital-of-country.yaml
    """
    from seglam.cli.opening import sandbox
    from seglam.cli.proving import collisions, prove

    out = Output(as_json)
    loaded, problems = documents.read(paths)
    problems += documents.same_names(loaded)
    results = []
    with sandbox() as running, out.progress("testing", len(loaded)) as step:
        for each in loaded:
            proof = prove(each, running)
            problems += proof.problems
            results.append(proof)
            step.advance(each.document.metadata.name)
    problems += collisions([proof.loaded for proof in results if proof.valid])
    errors = sum(problem.severity == "error" for problem in problems)
    documents.show(out, problems)
    examples, refusals = sum(proof.examples for proof in results), sum(proof.refusals for proof in results)
    out.say(f"{len(loaded)} documents with {examples} examples and {refusals} refusals tested, {errors} errors")
    out.json(
        {
            "documents": len(loaded),
            "examples": examples,
            "refusals": refusals,
            "errors": errors,
            "passed": [proof.loaded.document.metadata.name for proof in results if proof.passed],
            "problems": documents.as_json(problems),
        }
    )
    raise typer.Exit(Exit.NEGATIVE if errors else Exit.OK)
