"""The chart's admission policies and roles under other names, for marked namespaces only.

So they can be tried on a cluster on which others work, also while the chart itself is installed there. Identities stay
those of the chart: they are only names to impersonate.
"""

from __future__ import annotations

import asyncio
import copy
import json
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from seglam.resources import names
from tests.charts import render
from tests.cluster.kinds import OPERATOR, compilation, kubectl, prepare, procedure, review, revision, tidy

MARK = "seglam.dev/test"
POLICIES = ("authors", "reviews", "operator-only", "compilations", "compile-job", "imports", "operator-reach")
WAIT_S = 30.0
GATEWAY = f"system:serviceaccount:{names.SYSTEM_NAMESPACE}:{names.GATEWAY}"
EDITORS = ("alice", "bob", "carol", "dave")
APPROVERS = ("alice", "bob", "carol")
BACKUP = "backup"
"""Has the verb `restore`, granted by its name."""
WILDCARD = "wildcard"
"""Has every verb, and so `restore`, which nobody meant."""


def confined(mark: str, values: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """Policies, their bindings and all roles, each called `<name>-<mark>`; bindings for marked namespaces only."""
    shown = [*(f"templates/admission/{name}.yaml" for name in POLICIES), "templates/rbac/people.yaml"]
    shown += ["templates/rbac/operator.yaml", "templates/rbac/gateway.yaml"]
    objects = render(values, *(part for path in shown for part in ("--show-only", path)))
    kept = [
        each for each in objects if each["kind"] != "ServiceAccount" and each["kind"] not in ("Role", "RoleBinding")
    ]
    return [_confine(each, mark) for each in kept]


def _confine(given: dict[str, Any], mark: str) -> dict[str, Any]:
    body = copy.deepcopy(given)
    body["metadata"]["name"] += f"-{mark}"
    # Nobody's own role becomes part of the cluster's roles, and no release of Helm is told apart by these labels.
    body["metadata"]["labels"] = {MARK: mark}
    if "roleRef" in body:
        body["roleRef"]["name"] += f"-{mark}"
    if body["kind"].endswith("PolicyBinding"):
        body["spec"]["policyName"] += f"-{mark}"
        body["spec"]["matchResources"] = {"namespaceSelector": {"matchLabels": {MARK: mark}}}
    if body["metadata"]["name"].startswith("seglam-compile-job") and "matchConditions" in body["spec"]:
        for condition in body["spec"]["matchConditions"]:
            condition["expression"] = condition["expression"].replace("seglam-compile:", f"{namespace(mark)}:")
    return body


def namespace(mark: str) -> str:
    """The marked namespace."""
    return f"seglam-test-{mark}"


@dataclass(frozen=True, slots=True)
class Space:
    """A marked namespace, in which people act through kubectl."""

    kubeconfig: Path
    name: str

    def kubectl(self, user: str | None, *arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        """kubectl as a user; None is the administrator of the kubeconfig."""
        who = () if user is None else ("--as", user)
        return kubectl(self.kubeconfig, "--namespace", self.name, *who, *arguments, text=text)

    def takes(self, user: str | None, *arguments: str, body: dict[str, Any] | None = None) -> str:
        """What kubectl prints; the API server must take it."""
        done = self.kubectl(user, *arguments, text=_text(body))
        assert done.returncode == 0, f"{user}: kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def refuses(self, user: str | None, *arguments: str, body: dict[str, Any] | None = None) -> str:
        """What the API server says; it must refuse."""
        done = self.kubectl(user, *arguments, text=_text(body))
        assert done.returncode != 0, f"{user}: kubectl {' '.join(arguments)} was taken: {done.stdout}"
        return done.stderr

    def get(self, kind: str, name: str) -> dict[str, Any]:
        """An object."""
        found: dict[str, Any] = yaml.safe_load(self.takes(None, "get", kind, name, "--output", "yaml"))
        return found

    def until(self, probe: Callable[[], str], wanted: str) -> None:
        """Wait until a probe says what is wanted. Policies take effect about half a second after they are written."""
        end = time.monotonic() + WAIT_S
        while wanted not in (said := probe()):
            assert time.monotonic() < end, f"not within {WAIT_S:g} s: {wanted!r}; last: {said}"
            time.sleep(0.1)


@contextmanager
def installed(
    kubeconfig: Path, mark: str, values: dict[str, Any] | None = None, *, stamp: bool = True
) -> Iterator[Space]:
    """A marked namespace with the policies in effect, and people with their roles in it."""
    space = Space(kubeconfig, namespace(mark))
    asyncio.run(prepare(kubeconfig, space.name))
    objects = confined(mark, values)
    try:
        space.takes(None, "label", "namespace", space.name, f"{MARK}={mark}", "--overwrite")
        space.takes(None, "apply", "--filename", "-", body=_list([*objects, *_people(mark)]))
        _await(space, stamp)
        yield space
    finally:
        asyncio.run(tidy(kubeconfig, space.name))
        space.kubectl(
            None, "delete", "--ignore-not-found", "--wait=false", "--filename", "-", text=_text(_list(objects))
        )


def _people(mark: str) -> list[dict[str, Any]]:
    updating = role("updates-reviews", (names.GROUP, "procedurereviews", "get,update,patch"))
    return [
        bind("editors", f"seglam-editor-{mark}", EDITORS),
        bind("viewers", f"seglam-viewer-{mark}", EDITORS),
        bind("approvers", f"seglam-approver-{mark}", APPROVERS),
        bind("backup", f"seglam-restorer-{mark}", [BACKUP]),
        bind("wildcard", "cluster-admin", [WILDCARD]),
        updating,
        bind("updates-reviews", "updates-reviews", ["dave", "erin"], kind="Role"),
        role("approves-one", (names.GROUP, "reasoningprocedures", "approve", "twice")),
        bind("approves-one", "approves-one", ["erin"], kind="Role"),
    ]


def _await(space: Space, stamp: bool) -> None:
    """Wait until each policy refuses what it must, or stamps."""
    dry = ("create", "--dry-run=server", "--filename", "-")
    forged = procedure(space.name, "probe")
    forged["metadata"]["annotations"] = {names.ANNOTATION_AUTHORS: "somebody-else"}
    labelled = procedure(space.name, "probe")
    labelled["metadata"]["labels"] = {names.LABEL_PACK_IMPORT: "probe"}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "probe"}, "spec": {"ports": [{"port": 1}]}}
    probes: list[tuple[str, dict[str, Any]]] = [
        ("alice", forged),
        ("alice", labelled),
        (WILDCARD, review(space.name, "probe")),
        (WILDCARD, revision(space.name, "probe")),
        (WILDCARD, compilation(space.name, "probe")),
        (OPERATOR, service),
    ]
    for user, body in probes:
        command = partial(space.kubectl, user, *dry, text=_text(body))
        space.until(lambda command=command: command().stderr, "denied request")  # type: ignore[misc]
    if stamp:
        plain = partial(space.kubectl, "alice", *dry, "--output", "yaml", text=_text(procedure(space.name, "probe")))
        space.until(lambda: plain().stdout, f"{names.ANNOTATION_AUTHORS}: alice")


def _list(objects: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "List", "items": list(objects)}


def _text(body: dict[str, Any] | None) -> str | None:
    # JSON, since kubectl reads the name n of a parameter as a boolean in YAML.
    return None if body is None else json.dumps(body)


def bind(name: str, role: str, users: Sequence[str], kind: str = "ClusterRole") -> dict[str, Any]:
    """A RoleBinding for users."""
    group = "rbac.authorization.k8s.io"
    return {
        "apiVersion": f"{group}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": group, "kind": kind, "name": role},
        "subjects": [{"apiGroup": group, "kind": "User", "name": user} for user in users],
    }


def role(name: str, *rules: tuple[str, str, str] | tuple[str, str, str, str]) -> dict[str, Any]:
    """A Role of rules (group, resource, verbs separated by commas, name of an object)."""
    made = []
    for group, resource, verbs, *only in rules:
        made.append({"apiGroups": [group], "resources": [resource], "verbs": verbs.split(",")})
        if only:
            made[-1]["resourceNames"] = only
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": name}, "rules": made}


def unique(test: str) -> str:
    """A name for an object of one test, told apart from those of its other parameters."""
    plain = test.split("[")[0].removeprefix("test_").replace("_", "-")
    return f"{plain[:44].rstrip('-')}-{secrets.token_hex(3)}"
