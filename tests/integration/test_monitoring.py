"""Alert rules, dashboards and runbooks against real services, which a real Prometheus scrapes."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from seglam.operator.health import HealthServer
from seglam.operator.metrics import Metrics as OperatorMetrics
from tests.certificates import Authority
from tests.charts import CHART, ROOT, render
from tests.gateway_thread import Running, gateway
from tests.gateways import free_port
from tests.integration.test_cluster_gateway import DOUBLE, RUNNERS
from tests.issuer import issuing
from tests.registry_http import serving as registry
from tests.runners import eventually, runner

MONITORING = CHART / "files" / "monitoring"
RULES = MONITORING / "rules.yaml"
DASHBOARDS = sorted((MONITORING / "dashboards").glob("*.json"))
RUNBOOKS = ROOT / "docs" / "runbooks"
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
METRIC = re.compile(r"\bseglam_[a-z_]+\b")
SUFFIXES = ("_total", "_bucket", "_sum", "_count")


@dataclass(frozen=True)
class Services:
    """Addresses of running services, with or without `/metrics`."""

    gateway: Running
    operator: int
    registry: str

    def expositions(self) -> dict[str, str]:
        """What each exposes."""
        return {
            "gateway": self.gateway.http.get("/metrics").text,
            "operator": _fetched(f"http://127.0.0.1:{self.operator}/metrics"),
            "registry": _fetched(f"{self.registry}/metrics"),
        }


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Gateway with a runner, the operator's metrics and a registry, each at least once used."""
    directory, authority = tmp_path_factory.mktemp("monitored"), Authority.new()
    (directory / "gateway").mkdir()
    with ExitStack() as kept:
        issuer = kept.enter_context(issuing())
        made = kept.enter_context(gateway(directory / "gateway", authority, issuer))
        pods = kept.enter_context(runner(directory / "runner", authority))
        made.serve(DOUBLE)
        made.know(RUNNERS, "default", pods)
        made.settle()
        assert made.ask("double 21").json()["answer"] == "42"
        made.ask("what is this", Cache_Control="only-if-cached")
        site = kept.enter_context(registry(f"sqlite:///{directory / 'registry.sqlite3'}", directory))
        yield Services(made, kept.enter_context(_operator()), str(site.client.base_url).rstrip("/"))


@contextmanager
def _operator() -> Iterator[int]:
    """The operator's server of health and metrics, with one sample of everything that it counts."""
    metrics = OperatorMetrics()
    metrics.reconciles.labels("ReasoningProcedure", "ok").inc()
    metrics.durations.labels("ReasoningProcedure").observe(0.1)
    metrics.writes.labels("ProcedureRevision", "create").inc()
    metrics.conditions.labels("ReasoningProcedure", "Ready", "True", "Active").set(1)
    metrics.verifications.labels("passed").inc()
    metrics.compilations.labels("Proposed").inc()
    metrics.queue_depth.labels("ReasoningProcedure").set(0)
    metrics.watch_age.labels("reasoningprocedures").set(0)
    started, stop = threading.Event(), asyncio.Event()
    found: dict[str, Any] = {}

    async def serve() -> None:
        async with HealthServer("127.0.0.1", 0, metrics) as server:
            found.update(port=server.port, loop=asyncio.get_running_loop())
            started.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert started.wait(60)
    try:
        yield int(found["port"])
    finally:
        found["loop"].call_soon_threadsafe(stop.set)
        thread.join()


def _fetched(url: str, accept: str = "text/plain") -> str:
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": accept}), timeout=30) as reply:
        return str(reply.read().decode())


def _rules() -> list[dict[str, Any]]:
    return list(yaml.safe_load(RULES.read_text())["groups"][0]["rules"])


def _expressions() -> dict[str, list[str]]:
    """What each dashboard, and the rules, ask."""
    found = {"rules": [rule["expr"] for rule in _rules()]}
    for path in DASHBOARDS:
        panels = json.loads(path.read_text())["panels"]
        found[path.stem] = [target["expr"] for panel in panels for target in panel["targets"]]
    return found


def test_every_metric_that_is_asked_for_is_exposed(services: Services) -> None:
    exposed = {
        line.split()[2]
        for text in services.expositions().values()
        for line in text.splitlines()
        if line[:6] == "# TYPE"
    }
    assert len(DASHBOARDS) == 3
    for name, expressions in _expressions().items():
        for metric in {each for text in expressions for each in METRIC.findall(text)}:
            base = next((metric.removesuffix(each) for each in SUFFIXES if metric.endswith(each)), metric)
            assert {metric, base, f"{base}_total"} & exposed, f"{name} asks for {metric}, which nothing exposes"


def test_every_label_that_is_asked_for_is_exposed(services: Services) -> None:
    """A selector of a label that no sample has selects nothing, for ever."""
    samples = "\n".join(services.expositions().values())
    for name, expressions in _expressions().items():
        for metric, selectors in re.findall(r"\b(seglam_[a-z_]+)\{([^}]*)\}", "\n".join(expressions)):
            labels = re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selectors)
            [sample] = re.findall(rf"^{metric}(?:_total)?\{{([^}}]*)\}}", samples, re.MULTILINE)[:1]
            assert set(labels) <= set(re.findall(r"(\w+)=", sample)), f"{name}: {metric}{{{selectors}}}"


def test_every_alert_has_a_runbook_and_no_runbook_is_left_over() -> None:
    alerts = {rule["alert"] for rule in _rules()}
    assert alerts == {path.stem for path in RUNBOOKS.glob("*.md")}
    for rule in _rules():
        page = (RUNBOOKS / f"{rule['alert']}.md").read_text()
        assert rule["annotations"]["runbook_url"] == f"RUNBOOKS/{rule['alert']}.md"
        assert page.startswith(f"# {rule['alert']}\n\nSeverity: {rule['labels']['severity']}.")
        assert all(part in page for part in ("## What it means", "## Look", "## Do"))


def test_the_chart_delivers_rules_and_dashboards_as_they_are() -> None:
    on = {
        "prometheusRule": {"enabled": True, "runbooks": "https://runbooks.example/x/"},
        "dashboards": {"enabled": True},
    }
    objects = render({"monitoring": on})
    [rule] = [each for each in objects if each["kind"] == "PrometheusRule"]
    stated = yaml.safe_load(RULES.read_text().replace("RUNBOOKS", "https://runbooks.example/x"))
    assert rule["spec"] == stated
    boards = [each for each in objects if each["metadata"]["name"].startswith("seglam-dashboard-")]
    assert [json.loads(next(iter(each["data"].values()))) for each in boards] == [
        json.loads(path.read_text()) for path in DASHBOARDS
    ]
    assert all(each["metadata"]["labels"]["grafana_dashboard"] == "1" for each in boards)
    assert not [
        each for each in render({}) if each["kind"] in ("PrometheusRule",) or "dashboard" in str(each["metadata"])
    ]


def test_promtool_takes_the_rules_and_they_fire_when_they_should(tmp_path: Path) -> None:
    _promtool("check", "rules", RULES)
    shutil.copy(RULES, tmp_path / "rules.yaml")
    shutil.copy(ROOT / "tests" / "alerts.yaml", tmp_path / "alerts.yaml")
    _promtool("test", "rules", tmp_path / "alerts.yaml")
    cases = yaml.safe_load((ROOT / "tests" / "alerts.yaml").read_text())["tests"]
    tried = {each["alertname"] for case in cases for each in case["alert_rule_test"] if each["exp_alerts"]}
    quiet = {each["alertname"] for case in cases for each in case["alert_rule_test"] if not each["exp_alerts"]}
    assert tried == quiet == {rule["alert"] for rule in _rules()}, "each fires, and each does not where all is well"


def test_a_real_prometheus_scrapes_them_and_evaluates_the_rules(services: Services, tmp_path: Path) -> None:
    port = free_port()
    targets = [f"127.0.0.1:{services.gateway.port}", f"127.0.0.1:{services.operator}", services.registry[7:]]
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(RULES)],
        "scrape_configs": [{"job_name": "seglam", "static_configs": [{"targets": targets}]}],
    }
    (tmp_path / "prometheus.yaml").write_text(json.dumps(config))
    program = _program("prometheus")
    command = [program, f"--config.file={tmp_path}/prometheus.yaml", f"--storage.tsdb.path={tmp_path}/data",
               f"--web.listen-address=127.0.0.1:{port}"]  # fmt: skip
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:

        def asked(path: str) -> Any:
            try:
                return json.loads(_fetched(f"http://127.0.0.1:{port}/api/v1/{path}"))["data"]
            except OSError:
                assert process.poll() is None, (tmp_path / "log").read_text()
                return None

        def scraped() -> bool:
            found = asked("targets")
            return bool(found) and [each["health"] for each in found["activeTargets"]] == ["up"] * 3

        eventually(scraped)
        value = asked("query?query=seglam_hits_total")["result"][0]["value"][1]
        assert float(value) >= 1

        def evaluated() -> bool:
            groups = asked("rules")["groups"]
            return bool(groups) and all(rule["health"] == "ok" for rule in groups[0]["rules"])

        eventually(evaluated)
        assert len(asked("rules")["groups"][0]["rules"]) == len(_rules())
    finally:
        process.terminate()
        process.wait(60)


def test_a_hit_of_a_recorded_request_is_an_exemplar_of_its_time(services: Services) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    services.gateway.gateway.metrics.hit(0.003, trace)
    text = services.gateway.http.get("/metrics", headers={"Accept": OPENMETRICS}).text
    [line] = [each for each in text.splitlines() if "0af7651916cd43dd8448eb211c80319c" in each]
    assert line.startswith('seglam_hit_duration_seconds_bucket{le="0.004"}') and 'span_id="b7ad6b7169203331"' in line
    assert "0af7651916cd43dd" not in services.gateway.http.get("/metrics").text


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"there is no {name}: install Debian's package prometheus")
    return found


def _promtool(*arguments: object) -> None:
    done = subprocess.run(
        [_program("promtool"), *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
