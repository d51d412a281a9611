"""The record of answers as a command reads it: from the database itself, or by the API of a server that has it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from seglam.cli import client
from seglam.cli.exits import CliError, Exit

if TYPE_CHECKING:
    from seglam.cli.packs.places import Places
    from seglam.gateway.answers import Recorded


def recorded(places: Places, text: str) -> Recorded:
    """The record of an answer; `CliError` if there is none."""
    from sqlalchemy.exc import SQLAlchemyError

    from seglam.gateway.answers import AnswerSettings, Records

    identity = _identity(text)
    try:
        settings = AnswerSettings.of(places.data_dir, os.environ)
        found = Records(settings).get(identity)
    except ValueError as error:
        raise CliError(str(error), "correct it", Exit.USAGE) from error
    except SQLAlchemyError as error:
        words = f"the record of answers cannot be read ({type(error).__name__})"
        raise CliError(words, "see SEGLAM_LEDGER_URL or --data-dir", Exit.DATA) from error
    if found is None:
        words = f"no answer {identity} is recorded here"
        raise CliError(words, "it is older than what is kept, or of another --data-dir", Exit.NEGATIVE)
    return found


def told(server: str, token: str | None, tenant: str, text: str) -> tuple[Recorded, dict[str, str | None]]:
    """What a cluster's gateway says of an answer of the caller's: the record, and the spans in which its revision was
    compiled and activated. `CliError` if it knows none."""
    from seglam.gateway.answers import Recorded

    identity = _identity(text)
    try:
        found = client.get(server, f"/v1/answers/{identity}", token)
    except CliError as error:
        if error.code is not Exit.DATA:
            raise
        words = f"no answer {identity} of yours is recorded there"
        remedy = "it is older than what is kept; or another replica gave it, which only a ledger makes all of them know"
        raise CliError(words, remedy, Exit.NEGATIVE, where=server) from error
    if "compiled" not in found:
        words = "this is no cluster's gateway"
        raise CliError(words, "leave --server out, on the machine of that service", Exit.USAGE, where=server)
    members = ("outcome", "reason", "procedure", "revision", "compilation")
    said = {name: _text(found.get(name)) for name in members}
    answer = Recorded(
        identity,
        tenant,
        str(found["at"]),
        str(found["source"]),
        str(said.pop("outcome")),
        **said,
        trace_id=_text(found.get("traceId")),
        span_id=_text(found.get("spanId")),
    )
    return answer, {name: _text(found.get(name)) for name in ("compiled", "activated")}


def answers_of(places: Places, digests: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """The last answers of revisions, by their digests; for `seglam pack audit`. Empty where none are recorded."""
    from sqlalchemy.exc import SQLAlchemyError

    from seglam.gateway.answers import AnswerSettings, Records

    try:
        records = Records(AnswerSettings.of(places.data_dir, os.environ))
        return {digest: [each.as_json() for each in records.of_revision(digest)] for digest in digests}
    except (ValueError, SQLAlchemyError):
        return {digest: [] for digest in digests}


def _identity(text: str) -> str:
    from seglam.gateway.answers import answer_id

    identity = answer_id(text)
    if identity is None:
        raise CliError(f"{text!r} is no id of an answer", "take the member `id` of one", Exit.USAGE)
    return identity


def _text(value: object) -> str | None:
    return None if value is None else str(value)
