"""What telemetry and the record of answers cost: CPU time of a hit through the gateway's application, without sockets.

    python -m benchmarks.telemetry [--rounds 20] [--hits 1000]    prints a table, writes results/telemetry.json

Arms take turns in one process, so that what else the machine does falls on all of them; the lower quartile of the
rounds counts. Spans go to an exporter that drops them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from starlette.types import ASGIApp, Message

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
BODY = json.dumps({"text": "What is 12 times 7?"}).encode()
HEADERS = [(b"host", b"localhost"), (b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))]


class _Dropping(SpanExporter):
    def export(self, spans: Sequence[Any]) -> SpanExportResult:
        """Drop them."""
        return SpanExportResult.SUCCESS


def _on(share: float) -> state.Active:
    traces = TracerProvider(Sampling())
    traces.add_span_processor(BatchSpanProcessor(_Dropping()))
    telemetry.use(traces, MeterProvider())
    made = telemetry.active()
    assert made is not None
    return replace(made, answers=Tallied(), draw=Draw(share))


async def _hits(app: ASGIApp, count: int) -> None:
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
             "path": "/v1/requests", "raw_path": b"/v1/requests", "query_string": b"", "root_path": "",
             "headers": HEADERS, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80)}  # fmt: skip
    statuses: list[int] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": BODY, "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    for _ in range(count):
        await app(dict(scope), receive, send)
    assert statuses == [200] * count


def measure(rounds: int, hits: int) -> dict[str, dict[str, float]]:
    """Microseconds of CPU time of a hit in each arm, and the ratio to the first."""
    off: state.Active | None = None
    with TemporaryDirectory() as directory:
        folder = Path(directory) / "procedures"
        folder.mkdir()
        (folder / "times.yaml").write_text(dump(ReasoningProcedure.model_validate(TIMES)))
        silent = {"SEGLAM_ANSWERS": "0"}
        service = build_service(Settings(Path(directory) / "data", procedures=(folder,), environ=silent))
        log = AnswerLog(AnswerSettings.of(Path(directory), {}))
        none = service.answers
        arms = {
            "off, nothing recorded": (off, none),
            "off": (off, log),
            "on, 1 % of the requests": (_on(0.01), log),
            "on, all requests": (_on(1.0), log),
        }
        times: dict[str, list[float]] = {name: [] for name in arms}
        app = create_app(service, hosts=None)
        hot = app.state.hot[("POST", "/v1/requests")]
        with asyncio.Runner() as loop:
            for number in range(rounds + 1):
                for name, (active, answers) in arms.items():
                    state._state.active, service.answers = active, answers
                    began = process_time()
                    loop.run(_hits(hot, hits))
                    if number:  # the first warms up
                        times[name].append((process_time() - began) / hits * 1e6)
        state._state.active, service.answers = None, none
        log.close()
        service.close()
    quartiles = {name: statistics.quantiles(each, n=4)[0] for name, each in times.items()}
    floor = next(iter(quartiles.values()))
    return {name: {"cpuUs": round(us, 2), "ratio": round(us / floor, 4)} for name, us in quartiles.items()}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--hits", type=int, default=1000)
    given = parser.parse_args()
    found = measure(given.rounds, given.hits)
    for name, row in found.items():
        print(f"{name:<28} {row['cpuUs']:>9.2f} us  {row['ratio']:>7.4f}")
    RESULT.write_text(json.dumps({"rounds": given.rounds, "hits": given.hits, "arms": found}, indent=2) + "\n")


if __name__ == "__main__":
    main()
