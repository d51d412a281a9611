"""`seglam pack diff`: what changed between two packs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from seglam.cli.exits import Exit
from seglam.cli.opening import DataDir
from seglam.cli.output import Json, Output, visible
from seglam.cli.packs.faults import told
from seglam.cli.packs.options import ConfigDir, Registry
from seglam.cli.review import short

MARKS = {"added": "+", "removed": "-", "changed": "~"}


def diff(
    before: Annotated[
        str, typer.Argument(metavar="BEFORE", help="A pack: a file, NAME@VERSION ...", show_default=False)
    ],
    after: Annotated[str, typer.Argument(metavar="AFTER", help="Another pack.", show_default=False)],
    registry: Registry = None,
    data_dir: DataDir = None,
    config_dir: ConfigDir = None,
    as_json: Json = False,
) -> None:
    """Show what changed from one pack to another: procedures, patterns, examples, code, files. Exit code 1 if anything.

    \b
    Example:
      seglam pack diff dates-0.1.0.tar dates-0.2.0.tar
    """
    from seglam.cli.packs.places import Places
    from seglam.packs.difference import difference

    out = Output(as_json)
    places = Places.of(registry, data_dir, config_dir)
    old, new = places.packed(before).pack, places.packed(after).pack
    with told():
        found = difference(old, new)
    out.say(f"{found.before} {short(found.before_digest)} -> {found.after} {short(found.after_digest)}", style="bold")
    for name, was, now in found.description:
        out.say(visible(f"~ {name}: {was} -> {now}"))
    for each in found.procedures:
        out.say(f"{MARKS[each.change]} procedure {visible(each.name)}", style="bold")
        if each.fields:
            out.say(f"    changed: {', '.join(each.fields)}")
        for what, lists in (("pattern", each.patterns), ("example", each.examples)):
            for text in lists.removed:
                out.say(visible(f"    - {what} {text}", 400))
            for text in lists.added:
                out.say(visible(f"    + {what} {text}", 400))
        if each.code:
            out.say("\n".join(f"    {visible(line, 400)}" for line in each.code))
    for file in found.files:
        out.say(f"{MARKS[file.change]} file {visible(file.path)}")
    if not found:
        out.say("the same bytes")
    out.json(
        {
            **asdict(found),
            "before": str(found.before),
            "after": str(found.after),
            "same": not found,
        }
    )
    raise typer.Exit(Exit.NEGATIVE if found else Exit.OK)
