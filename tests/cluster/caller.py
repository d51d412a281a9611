"""A pod that asks the gateway as a tenant's workload does: by the Service, with a projected token."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.kubectl import Kubectl, eventually
from tests.cluster.release import SYSTEM

GATEWAY = f"http://seglam-gateway.{SYSTEM}.svc.cluster.local"
_SCRIPT = Path(__file__).parent / "asking.py"
_TOKEN = "/var/run/secrets/seglam/token"


@dataclass(frozen=True, slots=True)
class Question:
    """A request, and the answer that is right; None where any is."""

    text: str
    answer: str | None = None

    def as_json(self) -> dict[str, str]:
        """As the script reads it."""
        return {"text": self.text} | ({} if self.answer is None else {"answer": self.answer})


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a load. `other` counts what was no hit, by status and reason or by the error of the connection."""

    sent: int
    hits: int
    wrong: list[dict[str, Any]]
    other: dict[str, int]
    troubles: list[tuple[float, str]]
    seconds: float
    p50_ms: float
    p99_ms: float
    max_ms: float

    @property
    def failed(self) -> int:
        """Requests that were no hit."""
        return sum(self.other.values())

    def __str__(self) -> str:
        counts = (
            f"{self.hits} hits of {self.sent} in {self.seconds:.1f} s, {len(self.wrong)} wrong, failed {self.other}"
        )
        return f"{counts}, p50 {self.p50_ms} ms, p99 {self.p99_ms} ms, max {self.max_ms} ms"


class Caller:
    """Asks from a pod of one tenant."""

    def __init__(self, kubectl: Kubectl, namespace: str, image: str, url: str = GATEWAY) -> None:
        self._kubectl = kubectl
        self.namespace = namespace
        self._image = image
        self._url = url

    def start(self) -> None:
        """Make the pod and wait until it runs."""
        script = {"asking.py": _SCRIPT.read_text()}
        config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "caller"}, "data": script}
        self._kubectl.apply(config, _pod(self._image), namespace=self.namespace)
        self._kubectl("wait", "-n", self.namespace, "--for=condition=Ready", "pod/caller", "--timeout=120s")

    def ask(self, text: str, *, only_if_cached: bool = False) -> dict[str, Any]:
        """One request; its status and the answer's fields."""
        plan = self._plan([Question(text)], only_if_cached) | {"count": 1}
        result = json.loads(self._exec("python3", "/caller/asking.py", stdin=json.dumps(plan)))
        return dict(result["last"] or {"status": 0, "outcome": "", "reason": next(iter(result["other"]), "")})

    def send(self, questions: Sequence[Question], *, count: int, threads: int = 4) -> Result:
        """Send `count` requests, the questions in turn."""
        with self.load(questions, threads=threads, count=count) as load:
            return load.wait()

    @contextmanager
    def load(self, questions: Sequence[Question], *, threads: int = 2, count: int | None = None) -> Iterator[_Running]:
        """A load that goes on in the pod until `stop`, also while the API server does not answer."""
        name = f"/tmp/{secrets.token_hex(4)}"
        plan = self._plan(questions, only_if_cached=True) | {"threads": threads}
        plan |= {"stopFile": f"{name}.stop"} if count is None else {"count": count}
        work = f"python3 /caller/asking.py <{name}.plan >{name}.part 2>{name}.log && mv {name}.part {name}.json"
        detached = f"cat >{name}.plan; ({work}) </dev/null >/dev/null 2>&1 &"
        self._exec("sh", "-c", detached, stdin=json.dumps(plan))
        running = _Running(self, name)
        try:
            yield running
        finally:
            self._kubectl.attempt("exec", "-n", self.namespace, "caller", "--", "touch", f"{name}.stop")

    def _plan(self, questions: Sequence[Question], only_if_cached: bool) -> dict[str, Any]:
        asked = [question.as_json() for question in questions]
        return {"url": self._url, "tokenFile": _TOKEN, "requests": asked, "onlyIfCached": only_if_cached}

    def _exec(self, *command: str, stdin: str | None = None) -> str:
        return self._kubectl("exec", "-i", "-n", self.namespace, "caller", "--", *command, stdin=stdin, seconds=300)


class _Running:
    def __init__(self, caller: Caller, name: str) -> None:
        self._caller = caller
        self._name = name

    def stop(self) -> Result:
        """End the load and return what came of it."""
        self._caller._exec("touch", f"{self._name}.stop")
        return self.wait()

    def wait(self, seconds: float = 280) -> Result:
        """Wait for the load's own end."""
        shown = f"cat {self._name}.json || {{ cat {self._name}.log >&2; exit 1; }}"
        found = json.loads(eventually("the load ends", lambda: self._caller._exec("sh", "-c", shown), seconds=seconds))
        return Result(
            sent=found["sent"],
            hits=found["hits"],
            wrong=found["wrong"],
            other=found["other"],
            troubles=[tuple(each) for each in found["troubles"]],
            seconds=found["seconds"],
            p50_ms=found["p50Ms"],
            p99_ms=found["p99Ms"],
            max_ms=found["maxMs"],
        )


def _pod(image: str) -> dict[str, Any]:
    token = {"serviceAccountToken": {"path": "token", "audience": "seglam", "expirationSeconds": 3600}}
    container = {
        "name": "caller",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sleep", "infinity"],
        "volumeMounts": [
            {"name": "script", "mountPath": "/caller"},
            {"name": "token", "mountPath": "/var/run/secrets/seglam"},
        ],
    }
    spec = {
        "terminationGracePeriodSeconds": 0,
        "automountServiceAccountToken": False,
        "containers": [container],
        "volumes": [
            {"name": "script", "configMap": {"name": "caller"}},
            {"name": "token", "projected": {"sources": [token]}},
        ],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "caller"}, "spec": spec}
