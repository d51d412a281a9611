"""A real single-node Kubernetes on a plain Linux machine: no Docker, no image registry, no downloaded binaries."""

from __future__ import annotations

from tests.cluster.node.layout import Layout
from tests.cluster.node.machine import missing
from tests.cluster.node.shell import NodeError

__all__ = ["Layout", "NodeError", "missing"]
