"""Where answers are recorded, and how many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

FILE = "answers.sqlite3"
KEEP = 100_000
DAYS = 30
RATE = 2_000
"""Recording costs about 12 us an answer, which at this rate is 2 to 3 percent of a core."""


@dataclass(frozen=True, slots=True)
class AnswerSettings:
    """Settings of the record.

    Attributes:
        url: database, as SQLAlchemy names it. `SEGLAM_LEDGER_URL`; else a SQLite file in the data directory.
        keep: answers of one tenant that are kept, the newest; 0 records nothing. `SEGLAM_ANSWERS`.
        days: how long. `SEGLAM_ANSWERS_DAYS`.
        rate: answers that one process records in a second; it counts the others. `SEGLAM_ANSWERS_RATE`.
    """

    url: str
    keep: int = KEEP
    days: int = DAYS
    rate: int = RATE

    @classmethod
    def of(cls, data_dir: Path, environ: Mapping[str, str]) -> Self:
        """The settings that the environment gives. `ValueError` names what cannot be used."""
        url = environ.get("SEGLAM_LEDGER_URL", "").strip() or f"sqlite:///{(data_dir / FILE).absolute()}"
        return cls(
            url,
            keep=_whole(environ, "SEGLAM_ANSWERS", KEEP),
            days=_whole(environ, "SEGLAM_ANSWERS_DAYS", DAYS),
            rate=_whole(environ, "SEGLAM_ANSWERS_RATE", RATE),
        )


def _whole(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ValueError(f"{name} is {text!r}; give a whole number, 0 for none")
    return int(text)
