"""The chart, installed as people install it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.cluster.choosing import Cluster
from tests.cluster.images import Images
from tests.cluster.kubectl import Kubectl

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "seglam"
LEASE_S = 9
"""Of the operator's election: many tests wait until it has run out."""
RELEASE, SYSTEM, COMPILE = "seglam", "seglam-system", "seglam-compile"


class HelmFailed(AssertionError):
    """A helm command failed. The message holds what it said."""


def helm(cluster: Cluster, *arguments: object, seconds: float = 300) -> str:
    """The standard output of a helm command that must succeed."""
    where = (f"--kubeconfig={cluster.kubeconfig}", f"--kube-context={cluster.kubectl.context}", f"--namespace={SYSTEM}")
    words = [cluster.helm, *where, *map(str, arguments)]
    done = subprocess.run(words, text=True, capture_output=True, check=False, timeout=seconds)
    if done.returncode:
        raise HelmFailed(f"helm {' '.join(map(str, arguments))}:\n{done.stdout}{done.stderr}")
    return done.stdout


def values_of(images: Images, extra: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Values with which the chart takes these images and settles quickly."""
    named = {}
    for part, name in (("platform", images.platform), ("runner", images.runner)):
        repository, _, tag = name.rpartition(":")
        named[part] = {"repository": repository, "tag": tag}
    values: dict[str, Any] = {
        "images": named,
        "operator": {"leaseSeconds": LEASE_S},
        "gateway": {"drainSeconds": 2},
        "console": {"enabled": True, "publicUrl": "http://127.0.0.1"},  # whatever port is forwarded
    }
    for part, stated in (extra or {}).items():
        values[part] = {**values.get(part, {}), **stated}
    return values


def install(cluster: Cluster, values: Mapping[str, Any], *flags: str) -> str:
    """Install or upgrade the release and wait until it is ready; kinds that tests have installed become the chart's."""
    ensure_namespace(cluster.kubectl, SYSTEM)
    command = (
        "upgrade",
        "--install",
        RELEASE,
        CHART,
        "--take-ownership",
        "--force-conflicts",
        "--wait",
        "--timeout=3m",
    )
    given = [f"--set-json={key}={json.dumps(value)}" for key, value in values.items()]
    return helm(cluster, *command, *given, *flags)


def uninstall(cluster: Cluster) -> str:
    """Uninstall the release and wait until its objects are gone."""
    return helm(cluster, "uninstall", RELEASE, "--ignore-not-found", "--wait", "--timeout=3m")


def ensure_namespace(kubectl: Kubectl, name: str, **labels: str) -> None:
    """Make a namespace unless it is there."""
    metadata = {"name": name, "labels": labels}
    kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
