"""Which revision is meant by what somebody typed."""

from __future__ import annotations

from seglam.cli.exits import CliError


def chosen(wanted: str, known: dict[str, str]) -> str:
    """The digest that is meant by a digest, its first characters, or a name; of several of one name the last.

    Args:
        known: names by digest.

    Raises:
        CliError: none is meant, or more than one.
    """
    start = wanted.removeprefix("sha256:")
    fitting = [digest for digest in known if start and digest.removeprefix("sha256:").startswith(start)]
    if len(fitting) > 1:
        raise CliError(f"{len(fitting)} revisions begin with that", "give more characters", where=wanted)
    fitting = fitting or [digest for digest, name in known.items() if name == wanted][-1:]
    if not fitting:
        raise CliError("there is no such revision", "see `seglam review list`", where=wanted or "an empty digest")
    return fitting[0]
