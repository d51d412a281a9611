"""What a workload is: requests in the form of `seglam replay`'s log lines, and what may be said of them beforehand."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Line = dict[str, Any]
"""{"id", "text", "expected"?, "compare"?, "family"?, "must_miss"?}, see `seglam replay --help`."""


class DataProblem(ValueError):
    """The data set is not there, or is another one; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file of a public data set.

    Attributes:
        repository: on GitHub, with the commit whose file the digest is of.
        path: in that repository.
        licence: as the repository states it.
    """

    repository: str
    commit: str
    path: str
    licence: str
    sha256: str

    @property
    def name(self) -> str:
        """The file's own name."""
        return Path(self.path).name

    @property
    def described(self) -> str:
        """Where it comes from, in words."""
        return f"github.com/{self.repository} at {self.commit}, {self.path}; {self.licence}"

    def find(self, data: Path | None) -> Path:
        """The file in a directory, or in a copy of the repository; `DataProblem` if it is missing or another one."""
        wanted = f"get it from {self.described}, and give the directory that it is in as --data"
        if data is None:
            raise DataProblem(f"this workload needs {self.name}: {wanted}")
        for place in (data, data / self.name, data / self.path):
            if place.is_file():
                found = hashlib.sha256(place.read_bytes()).hexdigest()
                if found != self.sha256:
                    raise DataProblem(f"{place} has SHA-256 {found}, not {self.sha256}: {wanted}")
                return place
        raise DataProblem(f"{data} holds no {self.name}: {wanted}")


@dataclass(frozen=True, slots=True)
class Stream:
    """A workload ready to be asked.

    Attributes:
        metric: what counts as right, in words.
        sources: where the data comes from, in words.
        given: questions and answers that caches of answers hold before the first request; empty is an empty start.
        facts: what was counted in the data itself.
    """

    lines: Sequence[Line]
    metric: str
    sources: Sequence[str]
    given: Sequence[tuple[str, str]] = ()
    facts: Mapping[str, object] = field(default_factory=dict)
