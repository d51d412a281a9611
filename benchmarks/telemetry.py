"""What telemetry and the record of answers cost: CPU time of a hit in the gateway's application, without sockets.

    python -m benchmarks.telemetry [--seconds 100] [--hits 300]    prints a table, writes results/telemetry.json

Arms take turns in one process, a few hundred hits each, so that what else the machine does falls on all of them. The
time of a turn is compared with those of the same round's other arms, and the median of the ratios counts. What is
gathered for later, rows and spans, is written within the turn. Spans go to an exporter that drops them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, process_time
from typing import Any

from fastapi import FastAPI
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from starlette.types import Message

from benchmarks.hit import TIMES
from seglam import telemetry
from seglam.gateway import Settings, build_service
from seglam.gateway.answers import AnswerLog, AnswerSettings
from seglam.gateway.api import create_app
from seglam.procedures import ReasoningProcedure, dump
from seglam.telemetry import state
from seglam.telemetry.drawing import Draw
from seglam.telemetry.sampling import Sampling
from seglam.telemetry.tallied import Tallied

RESULT = Path(__file__).parent / "results" / "telemetry.json"
HEADERS = [(b"host", b"localhost"), (b"content-type", b"application/json")]
BARE, OFF = "off, nothing recorded", "off"


class _Dropping(SpanExporter):
    def export(self, spans: Sequence[Any]) -> SpanExportResult:
        """Drop them."""
        return SpanExportResult.SUCCESS


@dataclass(frozen=True, slots=True)
class _On:
    active: state.Active
    flush: Callable[[], object]


def _on(share: float) -> _On:
    traces, processor = TracerProvider(Sampling()), BatchSpanProcessor(_Dropping())
    traces.add_span_processor(processor)
    telemetry.use(traces, MeterProvider())
    made = telemetry.active()
    assert made is not None
    return _On(replace(made, answers=Tallied(), draw=Draw(share)), processor.force_flush)


class _Asked:
    """Hits as the server makes them: at once, or where that is not possible, as an ASGI request."""

    def __init__(self, app: FastAPI) -> None:
        self._at_once = app.state.at_once(None)
        self._hot = app.state.hot[("POST", "/v1/requests")]
        self._number = count(10**6)

    async def hits(self, hits: int) -> int:
        """Make so many, none twice; how many of them were made at once."""
        made = 0
        for _ in range(hits):
            body = b'{"text": "What is %d times 7?"}' % next(self._number)
            head = self._at_once.head(HEADERS)
            found = None if head is None else self._at_once.found(head, body)
            answer = None if found is None else self._at_once.answer(found)
            if answer is None:
                await self._request(body)
            else:
                self._at_once.written(answer)
                made += 1
        return made

    async def _request(self, body: bytes) -> None:
        messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
        scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
                 "path": "/v1/requests", "raw_path": b"/v1/requests", "query_string": b"", "root_path": "",
                 "headers": HEADERS, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80)}  # fmt: skip

        async def receive() -> Message:
            if not messages:
                await asyncio.Event().wait()  # the client stays
            return messages.pop()

        async def send(message: Message) -> None:
            assert message.get("status", 200) == 200

        await self._hot(scope, receive, send)


def measure(seconds: float, hits: int) -> dict[str, dict[str, float]]:
    """Microseconds of CPU time of a hit in each arm, and its ratios to the first arm and to telemetry off."""
    with TemporaryDirectory() as directory:
        folder = Path(directory) / "procedures"
        folder.mkdir()
        (folder / "times.yaml").write_text(dump(ReasoningProcedure.model_validate(TIMES)))
        silent = {"SEGLAM_ANSWERS": "0"}
        service = build_service(Settings(Path(directory) / "data", procedures=(folder,), environ=silent))
        log = AnswerLog(AnswerSettings.of(Path(directory), {"SEGLAM_ANSWERS_RATE": "1000000"}))
        none = service.answers
        arms: dict[str, tuple[_On | None, AnswerLog | None]] = {
            BARE: (None, none),
            OFF: (None, log),
            "on, 1 % of the requests": (_on(0.01), log),
            "on, all requests": (_on(1.0), log),
        }
        times: dict[str, list[float]] = {name: [] for name in arms}
        asked = _Asked(create_app(service, hosts=None))
        until = monotonic() + seconds
        with asyncio.Runner() as loop:
            while monotonic() < until or len(times[BARE]) < 5:
                turn = len(times[BARE]) % len(arms)
                names = list(arms)
                for name in names[turn:] + names[:turn]:
                    on, service.answers = arms[name]
                    state._state.active = None if on is None else on.active
                    began = process_time()
                    loop.run(asked.hits(hits))
                    if service.answers is log:
                        log.flush()
                    if on is not None:
                        on.flush()
                    times[name].append((process_time() - began) / hits * 1e6)
        state._state.active, service.answers = None, none
        log.close()
        service.close()
    return {name: _row(each, times) for name, each in times.items()}


def _row(each: list[float], times: dict[str, list[float]]) -> dict[str, float]:
    def ratio(floor: list[float]) -> float:
        return round(statistics.median(mine / its for mine, its in zip(each, floor, strict=True)), 4)

    lower = statistics.quantiles(each, n=4)[0]
    return {"cpuUs": round(lower, 2), "ratio": ratio(times[BARE]), "ratioToOff": ratio(times[OFF])}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=100.0)
    parser.add_argument("--hits", type=int, default=300)
    given = parser.parse_args()
    found = measure(given.seconds, given.hits)
    print(f"{'':<28} {'CPU':>12}  to nothing  to off")
    for name, row in found.items():
        print(f"{name:<28} {row['cpuUs']:>9.2f} us  {row['ratio']:>10.3f}  {row['ratioToOff']:>6.3f}")
    RESULT.write_text(json.dumps({"seconds": given.seconds, "hits": given.hits, "arms": found}, indent=2) + "\n")


if __name__ == "__main__":
    main()
