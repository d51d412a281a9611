"""Many procedures on a cluster: from apply to served, an operator that starts again, and what the processes take.

    python -m benchmarks.cluster_scale --context seglam-node [--count 1000] [--kib 6] [--namespace seglam-scale]

The chart is installed already. The namespace is made and removed. Everything is done by the people's own means: Alice
applies, Bob approves each review. Writes are counted by the operator's own metrics and by resource versions.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.machine import circumstances
from benchmarks.report import Report
from seglam.cluster import Client, Selection, Watch, from_kubeconfig
from seglam.cluster.kinds import NAMESPACE
from seglam.resources import names
from seglam.resources.names import PROCEDURE_REVIEW, PROCEDURE_REVISION, REASONING_PROCEDURE

SYSTEM = names.SYSTEM_NAMESPACE
WRITERS = 16
EDITED = 100
PADDING = "    # This line only makes the document as large as documents are.\n"


def documents(count: int, kib: int) -> Iterator[dict[str, Any]]:
    """Procedures of about `kib` KiB whose patterns have nothing in common."""
    for number in range(count):
        word = _word(number)
        code = "def solve(amount):\n" + PADDING * max(0, (kib * 1024 - 900) // len(PADDING))
        spec = {
            "summary": f"The amount and {number}.",
            "parameters": [{"name": "amount", "type": "integer"}],
            "returns": {"type": "integer"},
            "match": {"patterns": [{"text": f"what is the {word} of {{amount}}"}]},
            "code": code + f"    return amount + {number}\n",
            "examples": [
                {
                    "request": f"What is the {word} of 5?",
                    "arguments": [{"name": "amount", "value": "5"}],
                    "answer": str(5 + number),
                }
            ],
        }
        metadata = {"name": f"scale-{number:05d}"}
        yield {"apiVersion": names.API_VERSION, "kind": "ReasoningProcedure", "metadata": metadata, "spec": spec}


def _word(number: int) -> str:
    """A word of its own for each number, without digits."""
    letters = ""
    while True:
        number, rest = divmod(number, 26)
        letters += chr(ord("a") + rest)
        if not number:
            return f"mark{letters}"


class _Condition(msgspec.Struct, frozen=True):
    type: str
    status: str


class _Status(msgspec.Struct, frozen=True, rename="camel"):
    observed_generation: int = 0
    conditions: tuple[_Condition, ...] = ()


class _Meta(msgspec.Struct):
    generation: int = 0


class _Object(msgspec.Struct):
    """What is looked at of a procedure or a revision."""

    metadata: _Meta
    status: _Status = _Status()

    def has(self, kind: str) -> bool:
        """Whether a condition is true."""
        return any(each.type == kind and each.status == "True" for each in self.status.conditions)


_OBJECT = msgspec.json.Decoder(_Object)


class Scale:
    """One run against one cluster. Watches tell how far it is: lists of everything would be most of the API's work."""

    def __init__(self, client: Client, alice: Client, bob: Client, namespace: str, kubectl: list[str]) -> None:
        self._client = client
        self._alice = alice
        self._bob = bob
        self._namespace = namespace
        self._kubectl = kubectl
        self._procedures, self._revisions = (
            Watch(client, kind, _OBJECT.decode, selection=Selection(namespace))
            for kind in (REASONING_PROCEDURE, PROCEDURE_REVISION)
        )
        self.report = Report("cluster-scale")

    async def watched(self, count: int, kib: int) -> None:
        """Everything, while the watches run."""
        watches = [asyncio.create_task(each.run()) for each in (self._procedures, self._revisions)]
        try:
            await self.run(count, kib)
        finally:
            for task in watches:
                task.cancel()
            await asyncio.gather(*watches, return_exceptions=True)

    async def run(self, count: int, kib: int) -> None:
        """Everything, in order; the report grows on the way."""
        began = time.monotonic()
        await self._each(documents(count, kib), self._apply)
        self._add(f"{count} applied", time.monotonic() - began)
        await self._until(f"{count} verified", began, self._verified, count)
        await self._approve_all()
        await self._until(f"{count} Ready", began, self._ready, count)
        self._memory("after all are Ready")
        await self._edit(list(documents(min(EDITED, count), kib)), count)
        before = await self._versions()
        await asyncio.sleep(10)
        after = await self._versions()
        self.report.add("objects written in 10 quiet seconds", sum((after - before).values()), "objects", aim=0)
        await self._restart(count)
        changed = await self._versions()
        self.report.add("objects written by the restart", sum((changed - after).values()), "objects", aim=0)
        self._memory("after the restart")

    async def _apply(self, document: dict[str, Any]) -> None:
        document["metadata"]["namespace"] = self._namespace
        await self._alice.apply(REASONING_PROCEDURE, document, manager="kubectl")

    async def _edit(self, edited: list[dict[str, Any]], count: int) -> None:
        """Edit some at once; they are served as they were until the new text is approved."""
        for document in edited:
            document["spec"]["summary"] += " Edited."
        began = time.monotonic()
        await self._each(edited, self._apply)
        await self._until(f"{len(edited)} edited at once, verified", began, self._verified, count + len(edited))
        await self._approve_all()
        await self._until(f"{len(edited)} edited at once, all {count} Ready", began, self._ready, count)

    async def _approve_all(self) -> None:
        """Bob approves everything that waits."""
        began = time.monotonic()
        found = (await self._client.list(PROCEDURE_REVIEW, Selection(self._namespace))).items
        reviews = [review for review in found if not review["spec"].get("decisions")]

        async def approve(review: dict[str, Any]) -> None:
            entry = {"reviewer": "bob", "decision": "Approve", "reason": "a benchmark"}
            change = {"spec": {"decisions": [entry]}}
            await self._bob.patch(PROCEDURE_REVIEW, review["metadata"]["name"], change, self._namespace)

        await self._each(reviews, approve)
        self._add(f"{len(reviews)} reviews approved", time.monotonic() - began)

    async def _restart(self, count: int) -> None:
        """End the operator's pods without notice and wait until the new leader has seen everything."""
        pods = json.loads(
            self._run("get", "pods", "-n", SYSTEM, "-l", "app.kubernetes.io/component=operator", "-o", "json")
        )
        gone = [pod["metadata"]["name"] for pod in pods["items"]]
        began = time.monotonic()
        self._run(
            "delete", "pods", "-n", SYSTEM, "--grace-period=0", "--force", "--wait=false", "--ignore-not-found", *gone
        )
        self._run("rollout", "status", "deployment/seglam-operator", "-n", SYSTEM, "--timeout=120s")
        await self._until("operator restarted, all reconciled", began, self._reconciled, count, pause=1.0)

    async def _until(self, what: str, began: float, number: Callable[[], int], count: int, pause: float = 0.1) -> None:
        said = time.monotonic()
        while (reached := number()) < count:
            if time.monotonic() - said > 20:
                said = time.monotonic()
                print(f"{what}: {reached} after {said - began:.0f} s", file=sys.stderr, flush=True)
            await asyncio.sleep(pause)
        self._add(what, time.monotonic() - began)

    def _verified(self) -> int:
        return sum(each.has("Verified") for each in self._revisions)

    def _ready(self) -> int:
        found = self._procedures
        return sum(each.has("Ready") and each.status.observed_generation == each.metadata.generation for each in found)

    def _reconciled(self) -> int:
        """Procedures that the leader has reconciled since it started, as its metrics say."""
        return max(
            _metric(text, 'seglam_operator_reconcile_total{kind="ReasoningProcedure"') for text in self._metrics()
        )

    def _metrics(self) -> Iterator[str]:
        yield ""
        pods = json.loads(
            self._run("get", "pods", "-n", SYSTEM, "-l", "app.kubernetes.io/component=operator", "-o", "json")
        )
        for pod in pods["items"]:
            path = f"/api/v1/namespaces/{SYSTEM}/pods/{pod['metadata']['name']}:8080/proxy/metrics"
            done = subprocess.run([*self._kubectl, "get", "--raw", path], capture_output=True, text=True, check=False)
            yield done.stdout

    async def _versions(self) -> Counter[str]:
        """Each object with its version, to see what was written in between."""
        found: Counter[str] = Counter()
        for kind in (REASONING_PROCEDURE, PROCEDURE_REVISION, PROCEDURE_REVIEW):
            for each in (await self._client.list(kind, Selection(self._namespace))).items:
                meta = each["metadata"]
                found[f"{kind.kind}/{meta['name']}@{meta['resourceVersion']}"] += 1
        return found

    def _memory(self, when: str) -> None:
        """Resident memory of each pod's first process."""
        for component in ("operator", "gateway"):
            selector = f"app.kubernetes.io/component={component}"
            pods = json.loads(self._run("get", "pods", "-n", SYSTEM, "-l", selector, "-o", "json"))["items"]
            taken = []
            for pod in pods:
                status = self._run("exec", "-n", SYSTEM, pod["metadata"]["name"], "--", "cat", "/proc/1/status")
                taken.append(
                    next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS"))
                )
            self.report.add(f"memory of the {component} {when}", max(taken), "MiB", aim=300)

    @staticmethod
    async def _each(items: Iterable[dict[str, Any]], work: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
        waiting = iter(items)

        async def worker() -> None:
            for item in waiting:
                await work(item)

        await asyncio.gather(*(worker() for _ in range(WRITERS)))

    def _add(self, what: str, seconds: float) -> None:
        self.report.add(what, seconds, "s")
        print(f"{what}: {seconds:.1f} s", file=sys.stderr, flush=True)

    def _run(self, *command: str) -> str:
        return subprocess.run([*self._kubectl, *command], capture_output=True, text=True, check=True).stdout


def _metric(text: str, prefix: str) -> int:
    return int(sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(prefix)))


async def measure(kubeconfig: Path, context: str, namespace: str, count: int, kib: int) -> Report:
    """One run, in a namespace that is made for it and removed."""
    connection = from_kubeconfig(kubeconfig, context)

    def acting(user: str) -> Client:
        who = {"Impersonate-User": user, "Impersonate-Group": "system:masters"}
        return Client(dataclasses.replace(connection, impersonate=who))

    kubectl = ["kubectl", f"--kubeconfig={kubeconfig}", f"--context={context}"]
    async with Client(connection) as client, acting("alice") as alice, acting("bob") as bob:
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        await client.apply(NAMESPACE, body, manager="seglam-benchmark")
        scale = Scale(client, alice, bob, namespace, kubectl)
        try:
            await scale.watched(count, kib)
        finally:
            await client.delete(NAMESPACE, namespace)
        return scale.report


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster_scale", description=__doc__)
    parser.add_argument("--context", required=True, help="of the kubeconfig; stated, since a thousand objects are made")
    parser.add_argument("--kubeconfig", type=Path, default=Path(os.environ.get("KUBECONFIG", "~/.kube/config")))
    parser.add_argument("--count", type=int, default=1_000)
    parser.add_argument("--kib", type=int, default=6)
    parser.add_argument("--namespace", default="seglam-scale")
    chosen = parser.parse_args()
    kubeconfig = chosen.kubeconfig.expanduser()
    report = asyncio.run(measure(kubeconfig, chosen.context, chosen.namespace, chosen.count, chosen.kib))
    report.name = f"cluster-scale-{chosen.count}"
    print(report.table())
    report.write(circumstances(sys.argv[1:]))


if __name__ == "__main__":
    main()
