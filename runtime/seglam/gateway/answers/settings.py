"""Where answers are recorded, and how many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

FILE = "answers.sqlite3"
KEEP = 100_000
DAYS = 30


@dataclass(frozen=True, slots=True)
class AnswerSettings:
    """Settings of the record.

    Attributes:
        url: database, as SQLAlchemy names it. `SEGLAM_LEDGER_URL`; else a SQLite file in the data directory.
        keep: answers of one tenant that are kept, the newest; 0 records nothing. `SEGLAM_ANSWERS`.
        days: how long. `SEGLAM_ANSWERS_DAYS`.
    """

    url: str
    keep: int = KEEP
    days: int = DAYS

    @classmethod
    def of(cls, data_dir: Path, environ: Mapping[str, str]) -> Self:
        """The settings that the environment gives. `ValueError` names what cannot be used."""
        url = environ.get("SEGLAM_LEDGER_URL", "").strip() or f"sqlite:///{(data_dir / FILE).absolute()}"
        return cls(url, _whole(environ, "SEGLAM_ANSWERS", KEEP), _whole(environ, "SEGLAM_ANSWERS_DAYS", DAYS))


def _whole(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ValueError(f"{name} is {text!r}; give a whole number, 0 for none")
    return int(text)
