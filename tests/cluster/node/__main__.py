"""The node's commands, to be run as root in the repository's root.

    python3 -m tests.cluster.node missing              what this machine lacks for a node, if anything
    python3 -m tests.cluster.node missing-packages     names of Debian's packages that it lacks, one a line
    python3 -m tests.cluster.node build                build its programs from Go modules (kept in STATE/bin)
    python3 -m tests.cluster.node up                   build, start, and print the path of an administrator's kubeconfig
    python3 -m tests.cluster.node status               one line a process, and the node
    python3 -m tests.cluster.node load FILE...         import OCI or docker image archives
    python3 -m tests.cluster.node user NAME [GROUP...] print the path of a kubeconfig of a person
    python3 -m tests.cluster.node restart-apiserver    stop the API server and start it again
    python3 -m tests.cluster.node freeze-apiserver     let the API server hang (SIGSTOP) ...
    python3 -m tests.cluster.node thaw-apiserver       ... until this
    python3 -m tests.cluster.node down                 stop everything and leave only STATE/bin

STATE is $SEGLAM_NODE_STATE, else /var/lib/seglam-node. Only the standard library is needed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from tests.cluster.node import node
from tests.cluster.node.build import build
from tests.cluster.node.credentials import user_kubeconfig
from tests.cluster.node.layout import Layout
from tests.cluster.node.machine import missing, missing_packages
from tests.cluster.node.shell import NodeError, run


def _up(layout: Layout) -> None:
    node.up(layout)
    print(layout.admin)


def _missing(layout: Layout) -> None:
    if reasons := missing(layout):
        raise NodeError("\n".join(reasons))


def _load(layout: Layout, *archives: str) -> None:
    for archive in archives:
        run("ctr", "--address", layout.containerd, "--namespace", "k8s.io", "images", "import", Path(archive))


COMMANDS: dict[str, Callable[..., None]] = {
    "missing": _missing,
    "missing-packages": lambda _: print("".join(f"{name}\n" for name in missing_packages()), end=""),
    "build": build,
    "up": _up,
    "status": lambda layout: print(node.status(layout)),
    "load": _load,
    "user": lambda layout, name, *groups: print(user_kubeconfig(layout, name, *groups)),
    "restart-apiserver": node.restart_apiserver,
    "freeze-apiserver": node.freeze_apiserver,
    "thaw-apiserver": node.thaw_apiserver,
    "down": node.down,
}


def main(arguments: list[str]) -> None:
    if not arguments or arguments[0] not in COMMANDS or (arguments[0] == "user" and len(arguments) < 2):
        sys.exit(__doc__)
    try:
        COMMANDS[arguments[0]](Layout.of_environment(), *arguments[1:])
    except NodeError as problem:
        sys.exit(f"node: {problem}")


if __name__ == "__main__":
    main(sys.argv[1:])
