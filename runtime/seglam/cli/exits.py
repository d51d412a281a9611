"""Exit codes and the errors that end a command: one table, shown in --help, tested, and used everywhere."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What a command's exit code means."""

    OK = 0
    NEGATIVE = 1
    USAGE = 2
    MISSING = 3
    DATA = 4
    SKIPPED = 5
    DEFECT = 70
    INTERRUPTED = 130


MEANINGS = {
    Exit.OK: "done",
    Exit.NEGATIVE: "a negative result: a miss, a faulty procedure, a rejected compilation, a wrong answer",
    Exit.USAGE: "the command line is wrong",
    Exit.MISSING: "something needed is not there: the engine, a model, a server, a free port",
    Exit.DATA: "a store or a file cannot be used, or what was named is not in it",
    Exit.SKIPPED: "done, but lines of the input were bad and were skipped",
    Exit.DEFECT: "a defect of SEGLAM itself",
    Exit.INTERRUPTED: "interrupted",
}


def table() -> str:
    """The exit codes as lines of text."""
    return "\n".join(f"  {code.value:>3}  {meaning}" for code, meaning in MEANINGS.items())


class CliError(Exception):
    """Ends a command with one line: what is wrong, where, and what to do."""

    def __init__(self, message: str, remedy: str, code: Exit = Exit.DATA, *, where: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.code = code
        self.where = where

    @property
    def line(self) -> str:
        """The error as one line."""
        place = f"{self.where}: " if self.where else ""
        return " ".join(f"{place}{self.message}; {self.remedy}".split())

    def as_json(self) -> dict[str, object]:
        """The error as the object that `--json` prints."""
        error = {"message": self.message, "where": self.where, "remedy": self.remedy, "exit_code": int(self.code)}
        return {"error": {key: value for key, value in error.items() if value is not None}}
