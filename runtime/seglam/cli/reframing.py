"""`seglam procedures reframe`: documents with today's shared rules and frames."""

from __future__ import annotations

from typing import Annotated

import typer

from seglam.cli import documents
from seglam.cli.exits import Exit
from seglam.cli.files import atomic
from seglam.cli.output import Json, Output


def reframe(
    paths: documents.Paths,
    write: Annotated[bool, typer.Option("--write", help="Change the files instead of only naming them.")] = False,
    as_json: Json = False,
) -> None:
    """Give documents today's shared rules, and the politeness around their patterns that these allow.

    A document carries copies of the shared rules, so it stays as it is when they grow. What this makes is another
    revision: test it with `seglam procedures test`, beside the others that you serve, and review it like any other.
    Without --write the exit code is 1 if some document would change.

    \b
    Example:
      seglam procedures reframe --write procedures/ && seglam procedures test procedures/
    """
    from seglam.compiler.framing import reframed
    from seglam.procedures import dump

    out = Output(as_json)
    changed: list[str] = []
    by_file = documents.by_file(paths)
    for file, old in by_file.items():
        new = [reframed(document) for document in old]
        names = [a.metadata.name for a, b in zip(old, new, strict=True) if a.spec != b.spec]
        for name in names:
            out.say(f"{file}: {name} {'changed' if write else 'would change'}")
        if names and write:
            with atomic(file) as target:
                target.write("---\n".join(map(dump, new)).encode())
        changed += names
    count = sum(map(len, by_file.values()))
    out.say(f"{count} documents read, {len(changed)} {'changed' if write else 'would change'}")
    out.json({"documents": count, "changed": changed, "written": write})
    raise typer.Exit(Exit.NEGATIVE if changed and not write else Exit.OK)
