"""`seglam explain`: what the lookup decides, and why; nothing runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from seglam.cli.asking import Inputs, Locale, Now, TextArgument, Value, request_of
from seglam.cli.exits import CliError, Exit
from seglam.cli.opening import DataDir, Procedures, store
from seglam.cli.output import Json, Output, visible
from seglam.cli.tables import rows, table

if TYPE_CHECKING:
    from pathlib import Path

    from seglam.lookup import Binding, Hit, Index, Miss


def explain(
    text: TextArgument = None,
    value: Value = None,
    inputs: Inputs = None,
    now: Now = None,
    locale: Locale = None,
    procedures: Procedures = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Say why a request hits or misses.

    A hit is shown with its arguments and their types, a miss with the near procedures and what differs. Nothing runs,
    nothing is counted and no model is called. Exit code 0 for a hit, 1 for a miss.

    \b
    Examples:
      seglam explain "What is the capital of Korea?"
      seglam explain "What is the capital gain of Korea?" --procedures examples/procedures
    """
    from seglam.lookup import Hit
    from seglam.procedures import TextError

    out = Output(as_json)
    request = request_of(text, value, inputs, now, locale)
    index = _index(data_dir, procedures)
    try:
        found = index.find(request)
    except TextError as error:
        raise CliError(str(error), "send well-formed Unicode", Exit.USAGE) from error
    out.json(described(found))
    say(out, found)
    raise typer.Exit(Exit.OK if isinstance(found, Hit) else Exit.NEGATIVE)


def described(found: Hit | Miss) -> dict[str, Any]:
    """A lookup's result as `--json` prints it."""
    from seglam.lookup import Hit

    if isinstance(found, Hit):
        return {"outcome": "hit", "explanation": found.explanation, **_binding(found.binding)}
    return {
        "outcome": "miss",
        "reason": str(found.reason),
        "explanation": found.explanation,
        "bindings": [_binding(each) for each in found.bindings],
        "near": [
            {
                "procedure": near.revision.name,
                "revision": near.revision.digest,
                "pattern": _pattern(near.revision.spec.match.patterns or [], near.pattern),
                "difference": near.difference,
            }
            for near in found.near
        ],
    }


def say(out: Output, found: Hit | Miss) -> None:
    """A lookup's result for a person."""
    content = described(found)
    if content["outcome"] == "hit":
        out.say("hit", style="bold green")
        out.say(visible(content["explanation"]))
        _say_arguments(out, content)
        return
    out.say(f"miss: {content['reason']}", style="bold yellow")
    out.say(visible(content["explanation"]))
    for binding in content["bindings"]:
        _say_arguments(out, binding)
    if content["near"]:
        made = table("near procedure", "pattern", "what differs", left=3)
        made.columns[1].no_wrap = made.columns[2].no_wrap = False
        lines = ((near["procedure"], near["pattern"] or "", near["difference"]) for near in content["near"])
        out.say(rows(made, lines))


def _say_arguments(out: Output, binding: dict[str, Any]) -> None:
    made = table("argument", "type", "value", left=3)
    made.columns[2].no_wrap = False
    arguments = ((each["name"], each["type"], each["value"]) for each in binding["arguments"])
    out.say(visible(f"{binding['procedure']}  {binding['revision']}"))
    if binding["arguments"]:
        out.say(rows(made, arguments))


def _binding(binding: Binding) -> dict[str, Any]:
    types = binding.revision.argument_types
    return {
        "procedure": binding.revision.name,
        "revision": binding.revision.digest,
        "pattern": _pattern(binding.revision.spec.match.patterns or [], binding.pattern),
        "arguments": [
            {"name": name, "type": types[name].name, "value": value} for name, value in binding.arguments.items()
        ],
    }


def _pattern(patterns: list[Any], number: int | None) -> str | None:
    return patterns[number].text if number is not None and number < len(patterns) else None


def _index(data_dir: Path | None, procedures: Path | None) -> Index:
    """What would be served: the store's active revisions, or the documents of a path."""
    from seglam.cli.documents import faultless
    from seglam.lookup import Index
    from seglam.lookup.bulk import adding_many
    from seglam.procedures import Revision

    index = Index()
    if procedures is not None:
        with adding_many():
            for loaded in faultless(procedures):
                index.add(Revision.of(loaded.document))
        return index
    from seglam.gateway.store import revision_of

    with store(data_dir) as opened:
        for row in opened.active():
            index.add(revision_of(row))
    return index
