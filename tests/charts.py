"""The chart as Helm renders it, for tests with and without a cluster."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
CHART = ROOT / "charts" / "seglam"
RELEASE = "seglam"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
NAMESPACE = "seglam-system"
NODE_BIN = Path("/var/lib/seglam-node/bin")
"""Where the test cluster's own node keeps the programs that it builds."""


def helm() -> str:
    """The helm command: SEGLAM_HELM, on the PATH or of the test node; a test that needs it is skipped without one."""
    found = os.environ.get("SEGLAM_HELM") or shutil.which("helm") or shutil.which("helm", path=str(NODE_BIN))
    if found is None:
        pytest.skip("there is no helm: install it, set SEGLAM_HELM, or bring up the test node, which builds it")
    return found


def run_helm(*arguments: str, values: Mapping[str, Any] | None = None) -> subprocess.CompletedProcess[str]:
    """Run helm, whatever comes of it; `values` are passed as a file."""
    given = ["--values", "-"] if values is not None else []
    text = json.dumps(values) if values is not None else None
    return subprocess.run(
        [helm(), *arguments, *given], input=text, capture_output=True, text=True, check=False, timeout=120
    )


def render(values: Mapping[str, Any] | None = None, *arguments: str) -> list[dict[str, Any]]:
    """The objects that the chart consists of with these values, in Helm's order."""
    shown = run_helm("template", RELEASE, str(CHART), "--namespace", NAMESPACE, *arguments, values=values)
    assert shown.returncode == 0, shown.stderr
    # The chart holds all definitions of kinds: PyYAML's own reader takes ten times as long as libyaml's.
    return [document for document in yaml.load_all(shown.stdout, Loader=LOADER) if document]


def named(objects: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    """The one object of a kind and name."""
    [found] = [each for each in objects if each["kind"] == kind and each["metadata"]["name"] == name]
    return found
