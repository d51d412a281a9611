"""What packs raise, as errors of the command line: what is wrong, where, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from seglam.cli.exits import CliError, Exit
from seglam.cli.output import one_line

WORDS = 600
"""Characters of a message that a pack or a registry may have a part in."""


@contextmanager
def told(where: str | None = None) -> Iterator[None]:
    """Turn the errors of `seglam.packs` into `CliError`, with a place if they have none of their own.

    Signing that failed and registries that did not answer are `MISSING`, what was named or read is `DATA`.
    """
    from seglam.packs.names import NameInvalid, ReferenceInvalid
    from seglam.packs.problems import PackError, PackInvalid, TransportError
    from seglam.packs.versions import VersionInvalid

    try:
        yield
    except (NameInvalid, ReferenceInvalid, VersionInvalid) as error:
        what, _, remedy = str(error).partition(": ")
        raise CliError(what, remedy or "see `seglam pack --help`", Exit.USAGE, where=where) from error
    except PackInvalid as error:
        place = f"{where}: {error.where}" if where else error.where
        remedy = "take another copy; this one is refused as a whole"
        raise CliError(f"{one_line(error.words, WORDS)} ({error.code})", remedy, Exit.DATA, where=place) from error
    except TransportError as error:
        remedy = "try again" if error.retriable else "correct the reference or the registry"
        code = Exit.MISSING if error.retriable or error.status is None else Exit.DATA
        raise CliError(f"{one_line(error.words, WORDS)} ({error.code})", remedy, code, where=where) from error
    except PackError as error:
        raise CliError(f"{one_line(error.words, WORDS)} ({error.code})", "take another copy", where=where) from error
