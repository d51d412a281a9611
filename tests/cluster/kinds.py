"""Kinds on a cluster: installing them, and objects of them that tests write."""

from __future__ import annotations

import asyncio
import dataclasses
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seglam.cluster import Client, Connection, NotFound, Selection, from_kubeconfig
from seglam.cluster.kinds import CUSTOM_RESOURCE_DEFINITION, NAMESPACE
from seglam.resources import names
from seglam.resources.definitions import DEFINITIONS
from tests.cluster.locks import locked

MANAGER = "seglam-tests"
DIGEST = "sha256:" + "0123456789abcdef" * 4
OPERATOR = f"system:serviceaccount:{names.SYSTEM_NAMESPACE}:{names.OPERATOR}"
GATEWAY = f"system:serviceaccount:{names.SYSTEM_NAMESPACE}:{names.GATEWAY}"


def acting_as(connection: Connection, user: str) -> Connection:
    """A user with every right: what admission policies ask for, where they are installed, is who it is."""
    who = {"Impersonate-User": user, "Impersonate-Group": "system:masters"}
    return dataclasses.replace(connection, impersonate=who)


def acting_as_operator(connection: Connection) -> Connection:
    """The operator with every right: it alone may write revisions, open reviews and set statuses."""
    return acting_as(connection, OPERATOR)


async def install(client: Client) -> None:
    """Install the kinds as the models define them, and wait until they are served."""
    with locked("kinds"):  # what two make at one moment, one of them is refused
        await _install(client)


async def _install(client: Client) -> None:
    for definition in DEFINITIONS:
        await client.apply(CUSTOM_RESOURCE_DEFINITION, definition.document(), manager=MANAGER)
    for definition in DEFINITIONS:
        for _ in range(600):
            if (await conditions_of(client, definition.kind)).get("Established") == "True":
                break
            await asyncio.sleep(0.1)
    for definition in DEFINITIONS:
        for _ in range(600):
            try:
                await client.list(definition.kind, Selection("default"))
                break
            except NotFound:
                await asyncio.sleep(0.1)


async def conditions_of(client: Client, kind: names.Kind) -> dict[str, str]:
    """Conditions of a kind's definition by type."""
    found = await client.get(CUSTOM_RESOURCE_DEFINITION, kind.crd)
    return {each["type"]: each["status"] for each in found.get("status", {}).get("conditions", [])}


async def prepare(kubeconfig: Path, namespace: str) -> None:
    """The kinds and a namespace of the test's own."""
    async with Client(from_kubeconfig(kubeconfig)) as client:
        await install(client)
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        await client.apply(NAMESPACE, body, manager=MANAGER)


async def tidy(kubeconfig: Path, namespace: str) -> None:
    """Delete the namespace; its objects go with it."""
    async with Client(from_kubeconfig(kubeconfig)) as client:
        await client.delete(NAMESPACE, namespace)


def kubectl(kubeconfig: Path, *arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run kubectl, whatever comes of it."""
    command: Sequence[str] = ["kubectl", "--kubeconfig", str(kubeconfig), *arguments]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=120)


def resource(kind: names.Kind, namespace: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    """An object of a kind."""
    meta = {"name": name, "namespace": namespace}
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": meta, "spec": spec}


def procedure(namespace: str, name: str, **changes: Any) -> dict[str, Any]:
    """A small ReasoningProcedure."""
    spec = {
        "summary": "Twice a number.",
        "parameters": [{"name": "n", "type": "integer"}],
        "returns": {"type": "integer"},
        "match": {"patterns": [{"text": "what is twice {n}"}]},
        "code": "def solve(n):\n    return 2 * n\n",
        "examples": [
            {"request": "what is twice 4", "arguments": [{"name": "n", "value": "4"}], "answer": "8"},
        ],
    }
    return resource(names.REASONING_PROCEDURE, namespace, name, spec | changes)


def review(namespace: str, name: str, *decisions: dict[str, str]) -> dict[str, Any]:
    """A ProcedureReview."""
    spec = {"procedure": "twice", "digest": DIGEST, "authors": ["alice", "model:m-1"], "decisions": list(decisions)}
    return resource(names.PROCEDURE_REVIEW, namespace, name, spec)


def revision(namespace: str, name: str) -> dict[str, Any]:
    """A ProcedureRevision."""
    document = procedure(namespace, name)["spec"]
    spec = {"procedure": "twice", "digest": DIGEST, "authors": ["alice"], "document": document}
    return resource(names.PROCEDURE_REVISION, namespace, name, spec)


def compilation(namespace: str, name: str, **changes: Any) -> dict[str, Any]:
    """A ProcedureCompilation."""
    spec = {
        "fingerprint": "0123456789abcdef" * 2,
        "requestDigest": DIGEST,
        "requester": "alice",
        "attempt": 1,
        "reference": {"host": "10.1.2.3", "id": "r-1"},
    }
    return resource(names.PROCEDURE_COMPILATION, namespace, name, spec | changes)
