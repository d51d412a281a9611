"""A whole hit, from a request's text to the answer: in process and over HTTP, beside a FastAPI no-op."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from itertools import count, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import SplitResult, urlsplit

from benchmarks.corpus import Corpus
from benchmarks.report import Report
from benchmarks.timing import NOISE, Series, each, interleave
from seglam.gateway import Answer, Outcome, Service, Settings, build_service
from seglam.procedures import ReasoningProcedure, Request, dump

FLOOR = "FastAPI no-op over HTTP"
PATTERNS = 300
"""Patterns beside the one that is asked."""
PATH = "/v1/requests"

TIMES = {
    "apiVersion": "seglam.dev/v1alpha1",
    "kind": "ReasoningProcedure",
    "metadata": {"name": "times"},
    "spec": {
        "summary": "The product of two whole numbers.",
        "parameters": [{"name": "a", "type": "integer"}, {"name": "b", "type": "integer"}],
        "returns": {"type": "integer"},
        "match": {"patterns": [{"text": "[what is] {a} (times|multiplied by) {b}"}]},
        "code": "def solve(a, b):\n    return a * b\n",
        "examples": [
            {
                "request": "What is 12 times 7?",
                "arguments": [{"name": "a", "value": "12"}, {"name": "b", "value": "7"}],
                "answer": "84",
            }
        ],
    },
}


def run(quick: bool) -> Report:
    """Everything; `quick` takes fewer rounds and calls."""
    rounds, calls = (5, 100) if quick else (15, 500)
    report = Report("hit")
    with ExitStack() as stack:
        here = Path(stack.enter_context(TemporaryDirectory(prefix="seglam-benchmark-")))
        procedures = _write_procedures(here / "procedures")
        service = stack.enter_context(_service(here / "embedded", procedures))
        served = [
            "seglam.cli.app", "serve", "--json", "--port", "0",
            "--procedures", str(procedures), "--data-dir", str(here / "served"),
        ]  # fmt: skip
        hit = stack.enter_context(_server(served))
        no_op = stack.enter_context(_server(["benchmarks.noop"]))
        handle = _handler(service)
        factors = count(1000)  # no request comes twice, so no memo answers
        series = interleave(
            {
                FLOOR: lambda: no_op(list(islice(factors, calls))),
                "hit over HTTP": lambda: hit(list(islice(factors, calls))),
                "hit in process": lambda: each(handle, list(islice(factors, calls))),
            },
            rounds,
        )
    floor = series[FLOOR]
    report.noise = series[NOISE].spread
    for name in (FLOOR, "hit over HTTP", "hit in process"):
        _add(report, name, series[name], floor)
    report.notes.append(
        f"One client, with one connection in each round; {PATTERNS} other patterns are active; each answer is checked, "
        "no request comes twice, and the store counts each hit."
    )
    return report


def _add(report: Report, name: str, times: Series, floor: Series) -> None:
    for label, share in (("p50", 0.5), ("p99", 0.99)):
        ratio = None if times is floor and share == 0.5 else times.ratio(floor, share)
        report.add(f"{name} {label}", times.at(share), "us", ratio, None if ratio is None else FLOOR)


def _write_procedures(directory: Path) -> Path:
    directory.mkdir()
    others = Corpus(PATTERNS).revisions
    (directory / "times.yaml").write_text(dump(ReasoningProcedure.model_validate(TIMES)), encoding="utf-8")
    for revision in others:
        document = {**TIMES, "metadata": {"name": revision.name}, "spec": revision.spec}
        path = directory / f"{revision.name}.yaml"
        path.write_text(dump(ReasoningProcedure.model_validate(document)), encoding="utf-8")
    return directory


@contextmanager
def _service(data_dir: Path, procedures: Path) -> Iterator[Service]:
    service = build_service(Settings(data_dir, procedures=(procedures,), strict=True))
    try:
        yield service
    finally:
        service.close()


def _handler(service: Service) -> Callable[[int], Answer]:
    def handle(factor: int) -> Answer:
        answer = service.handle(Request(text=f"What is {factor} times 7?"))
        if answer.outcome is not Outcome.HIT or answer.answer != str(7 * factor):
            raise RuntimeError(f"not the hit that is measured: {answer}")
        return answer

    return handle


@contextmanager
def _server(command: list[str]) -> Iterator[Callable[[Sequence[int]], list[float]]]:
    """A server in a process of its own, which prints its address as JSON first; makes calls and gives their times."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "OTEL_"))}
    environment["SEGLAM_STRICT"] = "1"
    server = subprocess.Popen([sys.executable, "-m", *command], stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert server.stdout is not None
        first = server.stdout.readline()
        if not first:
            raise RuntimeError(f"{command[0]} ended with exit code {server.wait()} before it answered")
        address = urlsplit(json.loads(first)["url"])
        yield lambda factors: _calls(address, factors)
    finally:
        server.terminate()
        server.wait()


def _calls(address: SplitResult, factors: Sequence[int]) -> list[float]:
    """A connection, which the first call opens untimed, and the time of each further call on it."""
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)

    def call(factor: int) -> None:
        body = json.dumps({"text": f"What is {factor} times 7?"})
        connection.request("POST", PATH, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = json.loads(response.read())
        if response.status != 200 or answer["answer"] not in (str(7 * factor), "no-op"):
            raise RuntimeError(f"not the answer that is measured: {response.status} {answer}")

    with closing(connection):
        call(factors[0])
        return each(call, factors[1:])
