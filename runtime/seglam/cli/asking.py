"""A request from what a command line says."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seglam.cli.exits import CliError, Exit

if TYPE_CHECKING:
    from seglam.procedures import Attachment, Request

MEDIA_TYPES = {".csv": "text/csv", ".json": "application/json"}
"""Media types by the ending of a file's name; others are plain text."""

TextArgument = Annotated[
    str | None,
    typer.Argument(metavar="[TEXT]", help="The request; - reads standard input.", show_default=False),
]
Value = Annotated[
    str | None,
    typer.Option("--value", metavar="JSON", help="A structured request, not a text.", show_default=False),
]
Inputs = Annotated[
    list[Path] | None,
    typer.Option("--input", metavar="FILE", help="Attach a file; repeatable.", show_default=False),
]
Now = Annotated[
    str | None,
    typer.Option("--now", metavar="TIME", help="The time that relative dates mean, RFC 3339.", show_default=False),
]
Locale = Annotated[
    str | None,
    typer.Option("--locale", help="BCP 47 locale, such as en-US; its region decides formats.", show_default=False),
]


def request_of(
    text: str | None, value: str | None, inputs: Sequence[Path] | None, now: str | None, locale: str | None
) -> Request:
    """The request; `CliError` says what of it cannot be read."""
    from seglam.procedures import Request

    if (text is None) == (value is None):
        what = "there is no request" if text is None else "there are a text and a value"
        raise CliError(what, "give a TEXT or --value JSON", Exit.USAGE)
    if text == "-":
        text = _decoded(sys.stdin.buffer.read(), "standard input")
    if text is not None:
        _well_formed(text, "TEXT")
    given = {"now": now, "locale": locale}
    return Request(
        text=text,
        value=None if value is None else _json(value),
        inputs={path.name: _attachment(path) for path in inputs or ()},
        context={name: each for name, each in given.items() if each is not None},
    )


def _attachment(path: Path) -> Attachment:
    from seglam.procedures import Attachment

    try:
        content = path.read_bytes()
    except OSError as error:
        raise CliError(f"cannot be read ({error.strerror})", "correct the path", where=str(path)) from error
    return Attachment(MEDIA_TYPES.get(path.suffix.lower(), "text/plain"), _decoded(content, str(path)))


def _decoded(content: bytes, where: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CliError(f"byte {error.start} is not UTF-8", "give UTF-8 text", where=where) from error


def _json(text: str) -> object:
    _well_formed(text, "--value")
    try:
        return json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise CliError(f"this is no JSON: {error}", "give one JSON value", Exit.USAGE, where="--value") from error


def _well_formed(text: str, where: str) -> None:
    """Bytes of a command line that are not UTF-8 arrive as lone surrogates."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise CliError(f"character {error.start} is not UTF-8", "give UTF-8 text", Exit.USAGE, where=where) from error
