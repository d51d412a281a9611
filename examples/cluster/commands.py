"""kubectl and helm against the one cluster that the demonstration was given."""

from __future__ import annotations

import fnmatch
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

ALLOWED = ("kind-*", "k3d-*", "minikube", "seglam-node")
"""Contexts of clusters that are there to be tried on. SEGLAM_CLUSTER_CONTEXT allows one more, by its exact name."""
NODE_BIN = Path("/var/lib/seglam-node/bin")
POLL_S = 0.2

Found = TypeVar("Found")


class Failed(RuntimeError):
    """A step did not come to its end; the message says why."""


class Refused(Failed):
    """The cluster did not do what it was asked; it may a moment later."""


def program(name: str) -> str:
    """Where a program is: on the PATH, or where the test node keeps those that it builds."""
    found = shutil.which(name) or shutil.which(name, path=str(NODE_BIN))
    if found is None:
        raise Failed(f"there is no {name}: install it")
    return found


@dataclass(frozen=True, slots=True)
class Cluster:
    """One cluster, and how it is spoken to."""

    kubeconfig: Path
    context: str

    @classmethod
    def chosen(cls, kubeconfig: str | None, context: str | None) -> Cluster:
        """The cluster of a kubeconfig. Raises `Failed` unless its context is one that may be changed."""
        given = kubeconfig or os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
        path = Path(given.split(os.pathsep)[0])
        if not path.is_file():
            raise Failed(f"there is no kubeconfig {path}; set KUBECONFIG or --kubeconfig")
        wanted = context or os.environ.get("SEGLAM_CLUSTER_CONTEXT")
        name = wanted or _run([program("kubectl"), f"--kubeconfig={path}", "config", "current-context"]).strip()
        named = os.environ.get("SEGLAM_CLUSTER_CONTEXT")
        if name != named and not any(fnmatch.fnmatchcase(name, pattern) for pattern in ALLOWED):
            raise Failed(
                f"context {name!r} is none of {', '.join(ALLOWED)}, and this installs and deletes things; "
                f"if it may do so there, set SEGLAM_CLUSTER_CONTEXT={name}"
            )
        return cls(path, name)

    def kubectl(self, *arguments: str, user: str | None = None, body: Any = None, seconds: float = 120) -> str:
        """What kubectl prints. Raises `Refused` with what it says if it fails."""
        done = self.attempt(*arguments, user=user, body=body, seconds=seconds)
        if done.returncode != 0:
            raise Refused(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def attempt(
        self, *arguments: str, user: str | None = None, body: Any = None, seconds: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl as somebody, whatever comes of it. `body` goes in as JSON."""
        command = [program("kubectl"), f"--kubeconfig={self.kubeconfig}", f"--context={self.context}"]
        command += [] if user is None else [f"--as={user}"]
        text = None if body is None else json.dumps(body)
        return subprocess.run(
            [*command, *arguments], input=text, capture_output=True, text=True, check=False, timeout=seconds
        )

    def get(self, *arguments: str) -> dict[str, Any]:
        """An object, or a list of them."""
        found: dict[str, Any] = json.loads(self.kubectl("get", *arguments, "--output=json"))
        return found

    def helm(self, *arguments: str, seconds: float = 400) -> str:
        """What helm prints. Raises `Failed` with what it says if it fails."""
        where = [f"--kubeconfig={self.kubeconfig}", f"--kube-context={self.context}"]
        return _run([program("helm"), *where, *arguments], seconds)


def _run(command: Sequence[str], seconds: float = 60) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds)
    if done.returncode != 0:
        raise Failed(f"{Path(command[0]).name} failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def until(what: str, probe: Callable[[], Found | None], seconds: float = 240) -> Found:
    """The first true value of a probe. Raises `Failed` when it takes longer."""
    end = time.monotonic() + seconds
    last = "nothing was seen"
    while time.monotonic() < end:
        try:
            if found := probe():
                return found
        except Refused as problem:
            last = str(problem)
        time.sleep(POLL_S)
    raise Failed(f"{what}: not within {seconds:.0f} s; {last}")


def condition(found: dict[str, Any], type_: str) -> dict[str, str]:
    """An object's condition, empty where there is none."""
    listed = found.get("status", {}).get("conditions", [])
    return next((each for each in listed if each["type"] == type_), {})
