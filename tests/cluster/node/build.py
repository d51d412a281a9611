"""Builds Kubernetes, etcd, CoreDNS, Helm and kube-network-policies from their Go modules.

The first build takes about seven minutes on two cores. A stamp holds the digest of what each group was built from, so
that a group is built again exactly when its modules changed, and then mostly from Go's cache.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.cluster.node.layout import HELM, KUBERNETES, Layout
from tests.cluster.node.shell import NodeError, run, write

HERE = Path(__file__).resolve().parent
_STRIP = "-s -w"
_PAUSE = "#include <unistd.h>\nint main(void) { for (;;) pause(); }\n"


def build(layout: Layout) -> None:
    """Bring every program of the node into `layout.bin`."""
    layout.bin.mkdir(parents=True, exist_ok=True)
    _group(layout, "kubernetes", _modules("kubernetes") + KUBERNETES, _kubernetes)
    _group(layout, "netpol", _modules("netpol"), _netpol)
    _group(layout, "dns", _modules("dns"), _coredns)
    _group(layout, "helm", HELM, _helm)
    _group(layout, "pause", _PAUSE, _pause)


def _group(layout: Layout, name: str, made_from: str, make: Callable[[Layout], None]) -> None:
    stamp = layout.bin / f".{name}"
    digest = hashlib.sha256(made_from.encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        return
    print(f"node: building {name} ...", file=sys.stderr)
    started = time.monotonic()
    make(layout)
    write(stamp, digest)
    print(f"node: {name} built in {time.monotonic() - started:.0f} s", file=sys.stderr)


def _modules(directory: str) -> str:
    return "".join((HERE / directory / name).read_text() for name in ("go.mod", "go.sum"))


def _kubernetes(layout: Layout) -> None:
    version = "k8s.io/component-base/version"
    major, minor, _ = KUBERNETES.split(".")
    stated = f"-X {version}.gitVersion=v{KUBERNETES} -X {version}.gitMajor={major} -X {version}.gitMinor={minor}"
    _go(layout, "install", "-trimpath", "-ldflags", f"{_STRIP} {stated}", "tool", cwd=HERE / "kubernetes")
    (layout.bin / "server").rename(layout.bin / "etcd")


def _netpol(layout: Layout) -> None:
    _go(layout, "install", "-trimpath", "-ldflags", _STRIP, "tool", cwd=HERE / "netpol")
    (layout.bin / "standard").rename(layout.bin / "netpol")


def _coredns(layout: Layout) -> None:
    _go(layout, "build", "-trimpath", "-ldflags", _STRIP, "-o", layout.bin / "coredns", cwd=HERE / "dns")


def _helm(layout: Layout) -> None:
    _go(layout, "install", "-trimpath", "-ldflags", _STRIP, f"helm.sh/helm/v4/cmd/helm@v{HELM}", cwd=HERE)


def _pause(layout: Layout) -> None:
    source = write(layout.run / "pause.c", _PAUSE)
    run("cc", "-static", "-Os", "-o", layout.bin / "pause", source)


def _go(layout: Layout, *command: object, cwd: Path) -> None:
    try:
        run("nice", "go", *command, cwd=cwd, env={**os.environ, "GOBIN": str(layout.bin)})
    except NodeError as problem:
        raise NodeError(
            f"{problem}\nGo 1.26 or later and a Go module proxy are needed (see `go env GOPROXY`)"
        ) from None
