"""A sandboxed hit over HTTP on one core, beside a FastAPI constant, GPTCache's exact hit and an echo; and telemetry."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from benchmarks.hit import PATTERNS, _write_procedures
from benchmarks.near_miss.served import NoPeers, peers_python
from benchmarks.report import Report
from benchmarks.serving.load import Load
from benchmarks.timing import NOISE, interleave

ROOT = Path(__file__).parents[1]
HIT, REPEATED, CONSTANT, GPTCACHE, ECHO = (
    "sandboxed hit",
    "sandboxed hit, one question repeated",
    "FastAPI constant",
    "GPTCache exact hit",
    "uvloop echo",
)
CONNECTIONS = (1, 16, 256)
SAMPLED = "telemetry on, 1 % sampled"
PRODUCT, NO_OP = '"answer":"{product}"', '"no-op"'


@dataclass(frozen=True, slots=True)
class Subject:
    """A server that is measured, and what is asked of it."""

    name: str
    host: str
    port: int
    process: int
    distinct: bool = True
    expected: str = NO_OP

    def load(self, connections: int, seconds: float) -> Load:
        """What a client sends."""
        return Load(self.host, self.port, connections, seconds, self.distinct, self.expected)


@dataclass(frozen=True, slots=True)
class Round:
    """What one round of a subject showed: requests a second, and microseconds; `processor` is the server's for each."""

    rate: float
    processor: float
    p50: float
    p99: float


Rounds = dict[tuple[str, int], list[Round]]


def run(quick: bool) -> Report:
    """Everything; `quick` takes fewer and shorter rounds."""
    rounds, seconds = (1, 0.5) if quick else (9, 2.0)
    report = Report("gateway")
    with ExitStack() as stack:
        here = Path(stack.enter_context(TemporaryDirectory(prefix="seglam-benchmark-")))
        client = stack.enter_context(_client())
        subjects = _subjects(stack, here, report)
        measured: Rounds = {}
        for number in range(rounds):
            for connections in CONNECTIONS:
                turn = number % len(subjects)
                for subject in subjects[turn:] + subjects[:turn]:
                    taken = measured.setdefault((subject.name, connections), [])
                    taken.append(_round(client, subject.load(connections, seconds), subject.process))
    report.noise = interleave({}, rounds)[NOISE].spread
    for connections in CONNECTIONS:
        for subject in subjects:
            _add(report, measured, subject.name, connections)
    report.notes.append(
        f"Each server has core {_cores()[0]} to itself and one process, the client core {_cores()[-1]}; {PATTERNS} "
        "other patterns are active, each answer is checked, and no question comes twice unless said so. Rates are "
        f"requests a second, medians of {rounds} rounds in turn; a ratio is of the same round's {CONSTANT}. Telemetry "
        "on goes to a collector that reads nothing; its ratio is to the hit without."
    )
    return report


def _add(report: Report, measured: Rounds, name: str, connections: int) -> None:
    taken = measured[(name, connections)]
    floor = HIT if name == SAMPLED else CONSTANT
    base = measured[(floor, connections)]
    ratio = None if name == floor else median(a.rate / b.rate for a, b in zip(taken, base, strict=True))
    where = f"{name}, {connections} connections"
    report.add(f"{where}: rate", median(each.rate for each in taken), "1/s", ratio, floor if ratio else None)
    share = median(a.processor / b.processor for a, b in zip(taken, base, strict=True)) if ratio else None
    processor = median(each.processor for each in taken)
    report.add(f"{where}: processor time", processor, "us", share, floor if ratio else None)
    report.add(f"{where}: p50", median(each.p50 for each in taken), "us")
    report.add(f"{where}: p99", median(each.p99 for each in taken), "us")


def _subjects(stack: ExitStack, here: Path, report: Report) -> list[Subject]:
    procedures = _write_procedures(here / "procedures")

    def hits(name: str, **environ: str) -> tuple[str, int, int]:
        command = [
            sys.executable, "-m", "seglam.cli.app", "serve", "--json", "--port", "0", "--no-registry",
            "--procedures", str(procedures), "--data-dir", str(here / name),
        ]  # fmt: skip
        return stack.enter_context(_server(command, {"SEGLAM_STRICT": "1", **environ}))

    plain = hits("plain")
    collector = stack.enter_context(_server([sys.executable, "-m", "benchmarks.serving.echo"], core=-1))
    traced = hits(
        "traced",
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{collector[0]}:{collector[1]}",
        OTEL_TRACES_SAMPLER="parentbased_traceidratio",
        OTEL_TRACES_SAMPLER_ARG="0.01",
    )
    subjects = [
        Subject(HIT, *plain, expected=PRODUCT),
        Subject(REPEATED, *plain, distinct=False, expected=PRODUCT),
        Subject(SAMPLED, *traced, expected=PRODUCT),
        Subject(CONSTANT, *stack.enter_context(_server([sys.executable, "-m", "benchmarks.noop"]))),
        Subject(ECHO, *stack.enter_context(_server([sys.executable, "-m", "benchmarks.serving.echo"]))),
    ]
    try:
        command = [str(peers_python()), "-m", "benchmarks.serving.gptcached"]
        one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        where = stack.enter_context(_server(command, one_thread))
        subjects.append(Subject(GPTCACHE, *where, distinct=False, expected=PRODUCT))
    except NoPeers as missing:
        report.notes.append(f"{missing}.")
    return subjects


@contextmanager
def _server(
    command: Sequence[str], environ: Mapping[str, str] | None = None, core: int = 0
) -> Iterator[tuple[str, int, int]]:
    """A server in a process of its own on one core, which prints its address as JSON first."""
    plain = {name: text for name, text in os.environ.items() if not name.startswith(("OPENAI_", "OTEL_", "SEGLAM_S"))}
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**plain, **(environ or {})})
    try:
        os.sched_setaffinity(process.pid, {_cores()[core]})
        assert process.stdout is not None
        first = process.stdout.readline()
        if not first:
            raise RuntimeError(f"{command[2]} ended with exit code {process.wait()} before it answered")
        address = urlsplit(json.loads(first)["url"])
        _pin(process.pid, _cores()[core])
        yield address.hostname or "", address.port or 0, process.pid
    finally:
        process.terminate()
        process.wait()


@contextmanager
def _client() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.serving.load"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        os.sched_setaffinity(process.pid, {_cores()[-1]})
        yield process
    finally:
        process.terminate()
        process.wait()


def _round(client: subprocess.Popen[str], load: Load, server: int) -> Round:
    before = _processor(server)
    assert client.stdin is not None
    assert client.stdout is not None
    client.stdin.write(json.dumps(asdict(load)) + "\n")
    client.stdin.flush()
    line = client.stdout.readline()
    if not line:
        raise RuntimeError(f"the client ended with exit code {client.wait()}; its message is above")
    taken = json.loads(line)
    processor = (_processor(server) - before) / taken["all"]
    return Round(taken["answers"] / taken["seconds"], processor, taken["p50"], taken["p99"])


def _processor(process: int) -> float:
    """Processor time of a process in microseconds, in steps of a clock tick."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") * 1e6


def _cores() -> list[int]:
    return sorted(os.sched_getaffinity(0))


def _pin(process: int, core: int) -> None:
    """Keep threads that began before it was said where they may run."""
    for thread in Path(f"/proc/{process}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {core})
