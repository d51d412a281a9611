"""A real OpenTelemetry Collector, built from its Go modules, that writes what it receives to files."""

from __future__ import annotations

import json
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from tests.gotools.build import program

CONFIG = """\
receivers: {{otlp: {{protocols: {{http: {{endpoint: "{address}"}}}}}}}}
exporters:
  file/traces: {{path: {directory}/traces.jsonl, flush_interval: 100ms}}
  file/metrics: {{path: {directory}/metrics.jsonl, flush_interval: 100ms}}
  file/logs: {{path: {directory}/logs.jsonl, flush_interval: 100ms}}
service:
  telemetry: {{metrics: {{level: none}}, logs: {{level: warn}}}}
  pipelines:
    traces: {{receivers: [otlp], exporters: [file/traces]}}
    metrics: {{receivers: [otlp], exporters: [file/metrics]}}
    logs: {{receivers: [otlp], exporters: [file/logs]}}
"""


@dataclass(frozen=True)
class Linked:
    """A link of a span: what it leads to, and what kind of link it is."""

    kind: str
    trace_id: str
    span_id: str


@dataclass(frozen=True)
class Seen:
    """A span as the collector wrote it."""

    name: str
    service: str
    trace_id: str
    span_id: str
    parent: str
    attributes: dict[str, Any]
    links: tuple[Linked, ...] = ()

    @property
    def where(self) -> tuple[str, str]:
        """Trace and span id."""
        return self.trace_id, self.span_id

    def linked(self, kind: str) -> tuple[str, str]:
        """Where its one link of a kind leads."""
        [found] = [each for each in self.links if each.kind == kind]
        return found.trace_id, found.span_id


@dataclass
class Collector:
    """A collector at work."""

    url: str
    directory: Path
    port: int = 0
    _spans: list[Seen] = field(default_factory=list)

    def spans(self, name: str | None = None, **attributes: str) -> list[Seen]:
        """The spans that have arrived, of a name and with these values of attributes (dots as two underscores)."""
        wanted = {key.replace("__", "."): value for key, value in attributes.items()}
        return [
            span
            for span in self._read()
            if (name is None or span.name == name)
            and all(span.attributes.get(key) == value for key, value in wanted.items())
        ]

    def span(self, name: str, seconds: float = 30, **attributes: str) -> Seen:
        """The last span of a name, once it has arrived."""
        until = monotonic() + seconds
        while not (found := self.spans(name, **attributes)):
            assert monotonic() < until, f"no span {name} {attributes}; there are {[each.name for each in self.spans()]}"
            sleep(0.1)
        return found[-1]

    def lines(self, kind: str) -> list[dict[str, Any]]:
        """What has arrived of traces, metrics or logs, an export a line."""
        path = self.directory / f"{kind}.jsonl"
        text = path.read_text() if path.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def _read(self) -> Iterator[Seen]:
        for line in self.lines("traces"):
            for resource in line["resourceSpans"]:
                service = _values(resource["resource"].get("attributes", []))["service.name"]
                for scope in resource["scopeSpans"]:
                    yield from (_seen(span, str(service)) for span in scope["spans"])


def _seen(span: dict[str, Any], service: str) -> Seen:
    links = tuple(
        Linked(str(_values(link.get("attributes", [])).get("seglam.link")), link["traceId"], link["spanId"])
        for link in span.get("links", [])
    )
    parent, attributes = span.get("parentSpanId", ""), _values(span.get("attributes", []))
    return Seen(span["name"], service, span["traceId"], span["spanId"], parent, attributes, links)


def _values(attributes: list[dict[str, Any]]) -> dict[str, Any]:
    return {each["key"]: next(iter(each["value"].values()), None) for each in attributes}


@contextmanager
def collecting(directory: Path, host: str = "127.0.0.1") -> Iterator[Collector]:
    """A collector on an address of this machine, until the block ends; the test is skipped where none is built."""
    command = program("otelcol")
    if command is None:
        pytest.skip("the collector is not built: python3 -m tests.gotools build otelcol")
    directory.mkdir(parents=True, exist_ok=True)
    with socket.socket() as free:
        free.bind((host, 0))
        port = free.getsockname()[1]
    config = directory / "collector.yaml"
    config.write_text(CONFIG.format(address=f"{host}:{port}", directory=directory))
    said = directory / "collector.log"
    with said.open("wb") as log:
        process = subprocess.Popen([command, f"--config=file:{config}"], stdout=log, stderr=log)
    url = f"http://{host}:{port}"
    try:
        _until(lambda: _answers(url), process, said)
        yield Collector(url, directory, port)
    finally:
        process.terminate()
        process.wait(30)


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=2).close()
    except urllib.error.HTTPError:
        return True  # 404: it listens
    except OSError:
        return False
    return True


def _until(holds: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    end = monotonic() + 60
    while not holds():
        assert process.poll() is None and monotonic() < end, log.read_text()
        sleep(0.05)
