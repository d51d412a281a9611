"""Which cluster the tests run on: one that was named, else kind where there is Docker, else a real node of our own."""

from __future__ import annotations

import fnmatch
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.cluster.images import Images, images_for_kind, images_for_node
from tests.cluster.kubectl import Kubectl
from tests.cluster.locks import locked
from tests.cluster.node import Layout, missing
from tests.cluster.node.node import down, is_up, up
from tests.cluster.node.shell import run, succeeds

# Tests install, break and delete things, so a cluster must look like one that is there for that. Others are named
# exactly, in SEGLAM_TEST_CONTEXTS.
ALLOWED = ("kind-*", "k3d-*", "minikube", "seglam-node")
KIND_CLUSTER = "seglam-test"


class NoCluster(Exception):
    """No cluster can be had here. The message says why, for each way to one."""


class NotAllowed(Exception):
    """The cluster that was named is not one that tests may change."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """The cluster under test."""

    origin: Literal["given", "kind", "node"]
    kubectl: Kubectl
    helm: str
    node: Layout | None = None
    given_images: Images | None = None
    ends: bool = False
    """Whether it is taken away in the end, with all that is in it."""

    @property
    def kubeconfig(self) -> Path:
        return self.kubectl.kubeconfig

    def images(self) -> Images:
        """Both images, built where they must be, known to the cluster."""
        if self.given_images is not None:
            return self.given_images
        if self.node is not None:
            return images_for_node(self.node)
        if self.origin == "kind":
            return images_for_kind(KIND_CLUSTER)
        raise NoCluster("a cluster that was given needs --platform-image and --runner-image, which it can pull")


@contextmanager
def given(kubeconfig: str | None, context: str | None, images: Images | None) -> Iterator[Cluster]:
    """The cluster of a kubeconfig, if its context is on the allow list."""
    path = Path(kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config").expanduser()
    if not path.is_file():
        raise NotAllowed(f"there is no kubeconfig {path}")
    program = _kubectl()
    current = context or run(program, f"--kubeconfig={path}", "config", "current-context").strip()
    allowed = (*ALLOWED, *filter(None, os.environ.get("SEGLAM_TEST_CONTEXTS", "").split(",")))
    if not any(fnmatch.fnmatchcase(current, pattern) for pattern in allowed):
        raise NotAllowed(
            f"tests may not change the cluster of context {current!r} (allowed: {', '.join(allowed)}); "
            f"if they may, set SEGLAM_TEST_CONTEXTS={current}"
        )
    layout = Layout.of_environment()
    ours = path == layout.admin
    yield Cluster("given", Kubectl(path, current, program), _helm(layout), layout if ours else None, images)


@contextmanager
def found(*, keep: bool) -> Iterator[Cluster]:
    """A cluster of our own, taken away at the end unless it was there before or `keep`.

    Raises:
        NoCluster: neither kind nor the real node can run here.
    """
    reasons = []
    if shutil.which("docker") and shutil.which("kind") and succeeds("docker", "info"):
        with _kind(keep=keep) as cluster:
            yield cluster
        return
    reasons.append("kind needs a running Docker and the program kind")
    layout = Layout.of_environment()
    if lacks := missing(layout):
        raise NoCluster("; ".join([*reasons, *lacks]))
    with _node(layout, keep=keep) as cluster:
        yield cluster


@contextmanager
def _node(layout: Layout, *, keep: bool) -> Iterator[Cluster]:
    ends = not is_up(layout) and not keep
    try:
        with locked("node"):  # each lane looks whether it is up
            up(layout)
        kubectl = Kubectl(layout.admin, "seglam-node", str(layout.bin / "kubectl"))
        yield Cluster("node", kubectl, _helm(layout), layout, ends=ends)
    finally:
        if ends:
            down(layout)


@contextmanager
def _kind(*, keep: bool) -> Iterator[Cluster]:
    there = KIND_CLUSTER in run("kind", "get", "clusters").split()
    ends = not there and not keep
    if not there:
        run("kind", "create", "cluster", "--name", KIND_CLUSTER, "--wait", "120s")
    try:
        path = Path(os.environ.get("KUBECONFIG") or "~/.kube/config").expanduser()
        kubectl = Kubectl(path, f"kind-{KIND_CLUSTER}", _kubectl())
        yield Cluster("kind", kubectl, _helm(Layout.of_environment()), ends=ends)
    finally:
        if ends:
            run("kind", "delete", "cluster", "--name", KIND_CLUSTER)


def _kubectl() -> str:
    own = Layout.of_environment().bin / "kubectl"
    return str(own) if own.exists() else "kubectl"


def _helm(layout: Layout) -> str:
    own = layout.bin / "helm"
    return str(own) if own.exists() else "helm"


def server_version(kubectl: Kubectl) -> str:
    """The API server's version, as v1.36.3."""
    done = subprocess.run(
        [
            kubectl.program,
            f"--kubeconfig={kubectl.kubeconfig}",
            f"--context={kubectl.context}",
            "version",
            "-o",
            "json",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    return str(json.loads(done.stdout)["serverVersion"]["gitVersion"])
