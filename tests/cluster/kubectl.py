"""kubectl as tests use it: one object for one cluster and one person."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any


class KubectlFailed(AssertionError):
    """A command that should have succeeded did not. The message holds what it said."""


@dataclass(frozen=True, slots=True)
class Kubectl:
    """Runs kubectl against one cluster."""

    kubeconfig: Path
    context: str
    program: str = "kubectl"
    user: str | None = None
    groups: tuple[str, ...] = ()

    def as_user(self, user: str, *groups: str) -> Kubectl:
        """The same cluster as somebody else sees it, by impersonation."""
        return replace(self, user=user, groups=groups)

    def attempt(
        self, *arguments: object, stdin: str | None = None, seconds: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run a command and return what it did."""
        command = [self.program, f"--kubeconfig={self.kubeconfig}", f"--context={self.context}"]
        if self.user is not None:
            command += [f"--as={self.user}", *(f"--as-group={group}" for group in self.groups)]
        words = [*command, *map(str, arguments)]
        return subprocess.run(words, input=stdin, text=True, capture_output=True, check=False, timeout=seconds)

    def __call__(self, *arguments: object, stdin: str | None = None, seconds: float = 120) -> str:
        """The standard output of a command that must succeed."""
        done = self.attempt(*arguments, stdin=stdin, seconds=seconds)
        if done.returncode:
            raise KubectlFailed(
                f"kubectl {' '.join(map(str, arguments))}: {done.stderr.strip() or done.stdout.strip()}"
            )
        return done.stdout

    def json(self, *arguments: object) -> Any:
        """What `kubectl ... -o json` prints, read."""
        return json.loads(self(*arguments, "-o", "json"))

    def apply(self, *objects: dict[str, Any], namespace: str | None = None) -> None:
        """Apply objects on the server's side."""
        where = () if namespace is None else ("-n", namespace)
        items = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self("apply", "--server-side", "--force-conflicts", *where, "-f", "-", stdin=json.dumps(items))

    def refusal(self, *arguments: object, stdin: str | None = None) -> str:
        """What the API server says to a command that it must refuse."""
        done = self.attempt(*arguments, stdin=stdin)
        assert done.returncode != 0, f"kubectl {' '.join(map(str, arguments))} was accepted: {done.stdout}"
        return done.stderr.strip()


def eventually(what: str, probe: Callable[[], Any], *, seconds: float = 60, every: float = 0.2) -> Any:
    """The first true value of `probe`; an AssertionError with its last failure after `seconds`."""
    deadline = time.monotonic() + seconds
    last: object = None
    while True:
        try:
            found = probe()
            if found:
                return found
            last = found
        except KubectlFailed as problem:
            last = problem
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds:.0f} s; last seen: {last}")
        time.sleep(every)


def condition(resource: dict[str, Any], kind: str) -> dict[str, Any]:
    """The condition of a type, empty if there is none."""
    for each in resource.get("status", {}).get("conditions", []):
        if each["type"] == kind:
            return dict(each)
    return {}
