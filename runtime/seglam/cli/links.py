"""What `seglam trace` and `seglam pack audit` print alike: who signed, who imported, and which links hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from seglam.cli.output import Output, one_line, visible

if TYPE_CHECKING:
    from seglam.packs.chain import Check

WORDS = 600
"""Characters of a text that somebody else wrote."""


def say_import(out: Output, row: Mapping[str, Any]) -> None:
    """Who imported a pack when, and by which policy."""
    at = f" at {row['at'][:19]}" if row["at"] else ""
    out.say(f"  by {one_line(row['importer'])}{at}, policy {one_line(row['policy'])}, approval {row['approval']}")


def say_checks(out: Output, checks: Sequence[Check]) -> None:
    """Every link, and how many of them do not hold."""
    out.say("\nChecked", style="bold")
    for check in checks:
        mark, style = ("holds ", "green") if check.passed else ("BROKEN", "red")
        out.say(f"  {mark}  {visible(check.link)}: {one_line(check.words, WORDS)}", style=style)
    broken = sum(not check.passed for check in checks)
    if broken:
        out.say(f"{broken} of {len(checks)} links do not hold", style="bold red")
    else:
        out.say(f"all {len(checks)} links hold", style="bold green")
