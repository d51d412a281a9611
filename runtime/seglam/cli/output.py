"""What a command prints: a person's text or JSON on stdout, progress and errors on stderr.

Colour only on a terminal and never with NO_COLOR. With `--json` nothing but JSON reaches stdout. What requests and
procedures hold is shown with control characters made visible, so that no text can steer the terminal.
"""

from __future__ import annotations

import json
import os
import sys
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on stdout.")]

WIDTH = 128
"""Columns of what is not read on a terminal."""
_BREAKING = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def console(stream: IO[str]) -> Console:
    """A console for a stream; plain text unless it is a terminal and NO_COLOR is not set."""
    from rich.console import Console

    terminal = stream.isatty()
    colour = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return Console(
        file=stream,
        force_terminal=terminal,
        color_system="auto" if colour else None,
        no_color=not colour,
        width=None if terminal else WIDTH,
        highlight=False,
        markup=False,
        emoji=False,
    )


def visible(text: str, limit: int | None = None) -> str:
    """The text with characters that would steer a terminal written as escapes, cut to `limit` characters."""
    if limit is not None and len(text) > limit:
        text = text[: limit - 3] + "..."
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c) in _BREAKING and c != "\n" else c for c in text
    )


def one_line(text: str, limit: int = 100) -> str:
    """The text on one line, cut to `limit` characters."""
    return visible(" ".join(text.split()), limit)


class Output:
    """Where one command writes.

    Args:
        as_json: whether stdout is for programs.
    """

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json

    def say(self, *parts: object, style: str | None = None) -> None:
        """Text, tables and the like for a person; nothing with `--json`."""
        if not self.as_json:
            # Texts are not broken into lines: what is copied from a terminal is what was printed.
            console(sys.stdout).print(*parts, style=style, soft_wrap=all(isinstance(part, str) for part in parts))

    def note(self, text: str) -> None:
        """A remark that is no result, on stderr."""
        console(sys.stderr).print(text, style="dim")

    def json(self, value: Mapping[str, Any]) -> None:
        """One object on one line of stdout; nothing without `--json`."""
        if self.as_json:
            sys.stdout.write(json_line(value))
            sys.stdout.flush()

    @contextmanager
    def progress(self, title: str, total: int | None = None) -> Iterator[Step]:
        """Progress of long work, on stderr where that is a terminal."""
        if not sys.stderr.isatty():
            yield Step()
            return
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console(sys.stderr), transient=True) as bar:
            yield Step(bar, bar.add_task(title, total=total))


class Step:
    """One line of progress; does nothing where nobody watches."""

    def __init__(self, bar: Progress | None = None, task: Any = None) -> None:
        self._bar = bar
        self._task = task

    def advance(self, title: str | None = None, by: int = 1) -> None:
        """A step done, and what is done now."""
        if self._bar is not None:
            self._bar.update(self._task, advance=by, description=title)


def json_line(value: object) -> str:
    """The value as one line of JSON. Decimals keep their digits; other numbers are as Python writes them.

    Characters that would steer a terminal are written as JSON's own escapes: the value is the same.
    """
    text = json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    if not (text.isascii() and text.isprintable()):
        text = "".join(json.dumps(c)[1:-1] if unicodedata.category(c) in _BREAKING else c for c in text)
    return text + "\n"


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(member) for member in value]
    return str(value) if isinstance(value, Decimal) else value
