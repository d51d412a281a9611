"""Directories of YAML files as a second source of procedures.

Files are active as they are: their owner reviewed them by putting them there. A bad file is reported, and what it held
before stays.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from watchfiles import watch

from seglam.gateway.catalog import Catalog
from seglam.gateway.store import ReviewRefused, Store, StoreError
from seglam.lookup import Index
from seglam.lookup.bulk import adding_many
from seglam.procedures import Loaded, Problem, Revision, load_documents, validate

SUFFIXES = (".yaml", ".yml")
DEBOUNCE_MS = 200


class Source:
    """Watched directories.

    Args:
        directories: each is read once at the start, then when something in it changes.
        report: called with every fault of a file.

    Attributes:
        problems: faults of the files as they are now, by file.
    """

    def __init__(self, directories: Sequence[Path], report: Callable[[str], None] = lambda _: None) -> None:
        self.directories = tuple(directory.resolve() for directory in directories)
        self.problems: dict[str, list[Problem]] = {}
        self._report = report
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, store: Store, catalog: Catalog) -> None:
        """Read all files, then watch them in a thread.

        Raises:
            FileNotFoundError: a directory does not exist.
        """
        for directory in self.directories:
            if not directory.is_dir():
                raise FileNotFoundError(f"{directory} is no directory; make it, or do not name it as one of procedures")
        reader = _Reader(self, store, catalog)
        with adding_many():
            for directory in self.directories:
                reader.read(directory)
        if self.directories:
            self._thread = threading.Thread(target=self._watch, args=(reader,), name="seglam-watch", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Watch no longer."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def note(self, file: str, problems: Sequence[Problem]) -> None:
        """Keep and report the faults of a file; none clears them."""
        self.problems.pop(file, None)
        if problems:
            self.problems[file] = list(problems)
        for problem in problems:
            self._report(str(problem))

    def _watch(self, reader: _Reader) -> None:
        events = watch(
            *self.directories,
            stop_event=self._stop,
            debounce=DEBOUNCE_MS,
            rust_timeout=DEBOUNCE_MS,
            yield_on_timeout=True,
            recursive=False,
        )
        unread = set(self.directories)  # what changed between the first reading and now was not seen
        for changes in events:
            unread |= {Path(path).parent for _, path in changes if path.endswith(SUFFIXES)}
            for directory in sorted(unread & set(self.directories)):
                try:
                    reader.read(directory)
                except (StoreError, OSError) as error:
                    self._report(f"{directory} was not read again: {error}")
            unread.clear()


class _Reader:
    """Brings what is served in line with the files of a directory."""

    def __init__(self, source: Source, store: Store, catalog: Catalog) -> None:
        self._source = source
        self._store = store
        self._catalog = catalog
        self._seen: dict[Path, set[str]] = {}

    def read(self, directory: Path) -> None:
        """Read all files of a directory. Those that are gone are withdrawn first, so that a document may move."""
        files = sorted(path for path in directory.iterdir() if path.suffix in SUFFIXES)
        present = {str(path) for path in files}
        for file in sorted(self._known(directory) - present):
            self._catalog.change(partial(self._store.withdraw, file))
            self._source.note(file, [])
        self._seen[directory] = present
        for path in files:
            self._read(path)

    def _known(self, directory: Path) -> set[str]:
        if directory in self._seen:
            return self._seen[directory]
        return {file for file in self._store.files() if Path(file).parent == directory}

    def _read(self, path: Path) -> None:
        file = str(path)
        loaded, problems = load_documents(path)
        problems += [problem for each in loaded for problem in validate(each)]
        errors = [problem for problem in problems if problem.severity == "error"]
        if not errors:
            for each in loaded:
                problems += self._place(file, each)
            names = [each.document.metadata.name for each in loaded]
            self._catalog.change(partial(self._store.withdraw, file, names))
        self._source.note(file, problems)

    def _place(self, file: str, loaded: Loaded) -> list[Problem]:
        revision = Revision.of(loaded.document)
        try:
            Index(explains=False).add(revision)  # whatever validation has not seen must not reach the store
            self._catalog.change(partial(self._store.place, file, loaded.document))
        except (ReviewRefused, ValueError) as error:
            return [loaded.problem((), str(error), "the revision that was active before stays")]
        return []
