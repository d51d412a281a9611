"""Examining documents: in threads, a few at one time, and each question once."""

from __future__ import annotations

import asyncio
import contextvars
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import NamedTuple

from seglam.compiler import Case
from seglam.compiler.jobresult import JobResult
from seglam.operator.gather.benches import Benches
from seglam.operator.verifying import Findings, examine
from seglam.operator.weighing import Examination, weighed
from seglam.procedures import Revision
from seglam.resources import ProcedureCounterexampleSpec

REMEMBERED = 64


class _Question(NamedTuple):
    name: str
    digest: str
    compilation: tuple[str, int] | None
    base: str | None
    known: tuple[str, ...]


class Examinations:
    """Runs the gates on documents. What a compilation proposed is examined before it becomes a procedure, and its
    revision is then asked about the same again: the findings of the last questions are kept.
    """

    def __init__(self, benches: Benches, at_once: int) -> None:
        self._benches = benches
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="verification")
        self._found: OrderedDict[_Question, asyncio.Future[Findings]] = OrderedDict()

    async def available(self) -> None:
        """Return if documents can be examined now; `RunnersUnavailable` if not."""
        await self._benches.bench()

    async def findings(
        self,
        document: Revision,
        result: JobResult | None,
        base: Revision | None,
        known: Mapping[str, Case] = MappingProxyType({}),
    ) -> Findings:
        """What the gates find; see `examine`. `known` are the counterexamples by name.

        Raises:
            RunnersUnavailable: nothing is known of the outcome.
        """
        question = _Question(
            document.name,
            document.digest,
            (result.compilation, result.attempt) if result else None,
            base.digest if base else None,
            tuple(sorted(known)),
        )
        asked = self._found.get(question)
        if asked is None:
            asked = self._found[question] = asyncio.ensure_future(
                self._examine(document, result, base, list(known.values()))
            )
            while len(self._found) > REMEMBERED:
                self._found.popitem(last=False)
        try:
            return await asyncio.shield(asked)
        except BaseException:
            if asked.done():  # only findings are worth remembering
                self._found.pop(question, None)
            raise

    async def weighed(
        self, document: Revision, stated: ProcedureCounterexampleSpec, implementation: str | None
    ) -> Examination:
        """What both implementations make of a counterexample; see `weighed`. `RunnersUnavailable`."""
        bench = await self._benches.bench()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, weighed, document, stated, implementation, bench)

    async def _examine(
        self, document: Revision, result: JobResult | None, base: Revision | None, known: Sequence[Case]
    ) -> Findings:
        bench = await self._benches.bench()
        loop = asyncio.get_running_loop()
        here = contextvars.copy_context()  # the gates' spans belong to the verification's
        return await loop.run_in_executor(self._threads, here.run, examine, document, result, base, known, bench)
