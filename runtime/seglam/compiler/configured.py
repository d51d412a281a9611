"""Which models the environment asks for: live ones where they are set, else recordings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from seglam.compiler.endpoints import SettingsError, endpoint_of
from seglam.compiler.model import Model
from seglam.compiler.recordings import RecordedModel, Recorder, read_recordings


@dataclass(frozen=True, slots=True)
class Models:
    """Author and verifier, and where their replies come from, in words."""

    author: Model
    verifier: Model
    described: str
    live: bool


def models_of(recordings: Path | None, environ: Mapping[str, str] | None = None) -> Models:
    """The models that the environment names; without `SEGLAM_MODEL`, the recordings of a directory.

    `SEGLAM_RECORD_DIR` and `SEGLAM_RECORD_ORIGIN` together record what live models reply; the origin says in words how
    the replies came to be.

    Raises:
        SettingsError: if the environment contradicts itself.
        RecordingError: if a recording cannot be read.
    """
    given = os.environ if environ is None else environ
    author, verifier = endpoint_of("author", given), endpoint_of("verifier", given)
    if author is None or verifier is None:
        found = read_recordings(recordings) if recordings is not None else {}
        words = f"{len(found)} completions recorded in {recordings}" if found else "no model and no recordings"
        return Models(RecordedModel(found, "author"), RecordedModel(found, "verifier"), words, live=False)
    from seglam.compiler.openai import OpenAIModel  # its libraries take a second that recordings need not wait for

    models: tuple[Model, Model] = (OpenAIModel(author, "author"), OpenAIModel(verifier, "verifier"))
    if directory := given.get("SEGLAM_RECORD_DIR", "").strip():
        origin = given.get("SEGLAM_RECORD_ORIGIN", "").strip()
        if not origin:
            raise SettingsError(
                "SEGLAM_RECORD_DIR is set: say in SEGLAM_RECORD_ORIGIN how these completions come to be"
            )
        models = (
            Recorder(models[0], "author", Path(directory), origin),
            Recorder(models[1], "verifier", Path(directory), origin),
        )
    return Models(*models, f"model {author.model}, verified by {verifier.model}", live=True)
