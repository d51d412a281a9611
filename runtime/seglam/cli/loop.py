"""The whole loop in this process, one request at a time: decided, run, and on a miss compiled and approved."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from seglam.cli.decisions import Decision
from seglam.cli.documents import faultless
from seglam.cli.exits import CliError
from seglam.cli.loglines import LogLine
from seglam.cli.opening import service, settings_of
from seglam.cli.report import NO_CALLS, Calls

if TYPE_CHECKING:
    from seglam.gateway.service import Service
    from seglam.gateway.settings import Settings
    from seglam.gateway.store import CallRow
    from seglam.procedures import Revision

WAIT_S = 7200.0
"""A compilation has a budget of its own, which ends sooner."""

PAUSE_S = 3600.0
"""A type that a gate rejected is not tried again within a replay, so that no decision depends on the clock."""


class Loop:
    """A service on a throw-away store, or on that of a data directory.

    Args:
        procedures: documents to begin with.
        recordings: directory of recorded completions, where no model is set.
        data_dir: None for a store that is gone at the end.
        approve: name under which what passes all gates is approved; None leaves it waiting.
        only_if_cached: never compile.
        aliases: whether a miss near a known procedure is first asked about as another wording.
    """

    def __init__(
        self,
        procedures: Path | None,
        recordings: Path | None,
        data_dir: Path | None,
        *,
        approve: str | None,
        only_if_cached: bool,
        aliases: bool = True,
    ) -> None:
        self._stack = ExitStack()
        self._only_if_cached = only_if_cached
        with ExitStack() as stack:
            directory = data_dir or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="seglam-replay-")))
            settings = settings_of(
                data_dir=directory,
                recordings=recordings,
                auto_approve=approve,
                pause_s=PAUSE_S,
                strict=only_if_cached,
                aliases=aliases,
            )
            self._service: Service = stack.enter_context(service(settings))
            self.described = _described(settings, only_if_cached)
            if procedures is not None:
                self._begin_with(procedures)
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def decide(self, line: LogLine) -> Decision:
        """Answer a request; a miss waits for its compilation."""
        answer = self._service.handle(
            line.request, requester="replay-log", only_if_cached=self._only_if_cached, wait_s=WAIT_S
        )
        calls = NO_CALLS
        if answer.started and answer.compilation is not None:
            calls = counted(self._service.store.calls(answer.compilation))
        return Decision(
            outcome=str(answer.outcome),
            reason=None if answer.reason is None else str(answer.reason),
            procedure=answer.procedure,
            revision=answer.revision,
            arguments=answer.arguments if answer.procedure is not None else None,
            answer=answer.answer,
            stage=str(answer.stage),
            lookup_us=answer.timings.lookup_us,
            run_us=answer.timings.run_us,
            calls=calls,
        )

    @property
    def active(self) -> list[Revision]:
        """What is served by now."""
        return list(self._service.index)

    def _begin_with(self, path: Path) -> None:
        """Serve the documents of a file or directory; `CliError` at the first fault."""
        from seglam.gateway.store import ReviewRefused
        from seglam.lookup.bulk import adding_many

        with adding_many():
            for each in faultless(path):
                try:
                    change = self._service.store.place(each.file, each.document)
                except ReviewRefused as refused:
                    raise CliError(str(refused), "use another --data-dir", where=each.file) from refused
                if change is not None:
                    self._service.catalog.apply(change)


def _described(settings: Settings, only_if_cached: bool) -> str:
    """Where completions come from, in words."""
    from seglam.compiler import models_of

    return "no model was asked" if only_if_cached else models_of(settings.recordings, settings.environ).described


def counted(calls: Iterable[CallRow]) -> Calls:
    """The calls of one compilation by purpose; whatever the author was asked besides a repair is an author's call."""
    rows: Sequence[CallRow] = list(calls)
    author = [call for call in rows if call.role == "author"]
    repairs = sum(call.purpose == "repair" for call in author)
    return Calls(
        author=len(author) - repairs,
        repair=repairs,
        verifier=len(rows) - len(author),
        input_tokens=sum(call.input_tokens for call in rows),
        output_tokens=sum(call.output_tokens for call in rows),
        recorded=sum(call.recording is not None for call in rows),
    )
