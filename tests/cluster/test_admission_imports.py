"""Imports: who asked for them is stamped, and only the operator says which procedure is of which import."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from seglam.resources import names
from tests.cluster.confined import BACKUP, WILDCARD, Space, installed, unique
from tests.cluster.kinds import DIGEST, OPERATOR, kubectl, procedure, resource

PACK = "registry.acme.example/calendar/easter"
CREATE = ("create", "--filename", "-")
APPLY = ("apply", "--filename", "-")
LABEL, RELEASE, AUTHORS = names.LABEL_PACK_IMPORT, names.ANNOTATION_PACK_RELEASE, names.ANNOTATION_AUTHORS
EDIT = {"spec": {"summary": "Two times a number."}}
AGAIN = {"spec": {"summary": "Double a number."}}
KEY = "0" * 64


@pytest.fixture(scope="module")
def space(kubeconfig: Path) -> Iterator[Space]:
    with installed(kubeconfig, "imports") as made:
        yield made


@pytest.fixture
def name(space: Space, request: pytest.FixtureRequest) -> str:
    """Name of a procedure that the operator made for an import."""
    name = unique(request.node.name)
    space.takes(OPERATOR, *CREATE, body=made(space, name))
    return name


def made(space: Space, name: str, **labels: str) -> dict[str, Any]:
    """A procedure as the operator makes it for the import `easter`, or with other labels."""
    body = procedure(space.name, name)
    body["metadata"] |= {
        "labels": labels or {LABEL: "easter"},
        "annotations": {AUTHORS: "alice", RELEASE: f"{PACK}@1.0.0"},
    }
    return body


def wanted(space: Space, name: str, **spec: Any) -> dict[str, Any]:
    return resource(names.PACK_IMPORT, space.name, name, {"pack": PACK, **(spec or {"version": "^1.0"})})


def patch(space: Space, user: str | None, name: str, change: dict[str, Any]) -> tuple[str, ...]:
    return ("patch", "rp", name, "--type=merge", "--patch", json.dumps(change))


def test_who_asks_is_the_author_and_authors_accumulate(space: Space) -> None:
    space.takes("alice", *APPLY, body=wanted(space, "stamped"))
    space.takes("bob", *APPLY, body=wanted(space, "stamped", version="^1.1"))
    found = space.get("pki", "stamped")
    assert names.authors_of(found["metadata"]["annotations"]) == ("alice", "bob")
    said = space.refuses("bob", "annotate", "--overwrite", "pki", "stamped", f"{AUTHORS}=carol")
    assert "cannot be forged" in said


@pytest.mark.parametrize("user", ["alice", WILDCARD, None], ids=["editor", "wildcard", "cluster-admin"])
def test_nobody_passes_a_procedure_off_as_imported(space: Space, user: str | None) -> None:
    body = procedure(space.name, "own")
    body["metadata"]["labels"] = {LABEL: "easter"}
    assert "only the operator sets" in space.refuses(user, *CREATE, body=body)
    body["metadata"] |= {"labels": {}, "annotations": {RELEASE: f"{PACK}@9.0.0"}}
    assert "only the operator sets" in space.refuses(user, *CREATE, body=body)


@pytest.mark.parametrize("user", ["alice", None], ids=["editor", "cluster-admin"])
def test_nobody_takes_a_procedure_from_its_import(space: Space, name: str, user: str | None) -> None:
    for change in (
        {"labels": {LABEL: None}},
        {"labels": {LABEL: "other"}},
        {"annotations": {RELEASE: f"{PACK}@0.1.0"}},
    ):
        said = space.refuses(user, *patch(space, user, name, {"metadata": change}))
        assert "only the operator sets or removes" in said


def test_the_operator_gives_its_own_another_text_and_nobody_elses(space: Space, name: str) -> None:
    space.takes(OPERATOR, *patch(space, OPERATOR, name, EDIT | {"metadata": {"annotations": {AUTHORS: "bob"}}}))
    assert space.get("rp", name)["spec"]["summary"] == EDIT["spec"]["summary"]
    space.takes("alice", *CREATE, body=procedure(space.name, f"{name}-own"))
    said = space.refuses(OPERATOR, *patch(space, OPERATOR, f"{name}-own", EDIT))
    assert "never changes the spec" in said
    grab = AGAIN | {"metadata": {"labels": {LABEL: "easter"}}}
    assert "never changes the spec" in space.refuses(OPERATOR, *patch(space, OPERATOR, f"{name}-own", grab))
    move = AGAIN | {"metadata": {"labels": {LABEL: "other"}}}
    assert "never changes the spec" in space.refuses(OPERATOR, *patch(space, OPERATOR, name, move))


def test_the_operator_deletes_what_its_imports_made_and_nothing_else(space: Space, name: str) -> None:
    space.takes("alice", *CREATE, body=procedure(space.name, f"{name}-own"))
    assert "deletes no procedures" in space.refuses(OPERATOR, "delete", "rp", f"{name}-own", "--wait=false")
    space.takes(OPERATOR, "delete", "rp", name, "--wait=false")
    space.takes("alice", "delete", "rp", f"{name}-own", "--wait=false")


def test_a_backup_tool_restores_what_was_imported(space: Space) -> None:
    space.takes(BACKUP, *CREATE, body=made(space, "restored"))


@pytest.mark.parametrize("user", [WILDCARD, None], ids=["wildcard", "cluster-admin"])
def test_nobody_but_the_operator_says_what_is_accepted(space: Space, user: str | None) -> None:
    name = f"said-{'admin' if user is None else user}"
    space.takes("alice", *CREATE, body=wanted(space, name))
    release = {"release": f"{PACK}@1.0.0", "digest": DIGEST, "approval": "Pack", "procedures": []}
    change = json.dumps({"status": {"accepted": [release]}})
    command = ("patch", "pki", name, "--subresource=status", "--type=merge", "--patch", change)
    assert "only the operator may" in space.refuses(user, *command)
    space.takes(OPERATOR, *command)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"version": "1.0.0", "digest": DIGEST}, "either version or digest"),
        ({"follow": True}, "either version or digest"),
        ({"digest": DIGEST, "follow": True}, "cannot be followed"),
        ({"version": "1.0.0", "policy": "lenient"}, 'unknown field "spec.policy"'),
        ({"version": "1.0.0", "url": "https://evil.example"}, 'unknown field "spec.url"'),
        ({"version": "1.0.0", "pack": "easter"}, "spec.pack"),
    ],
)
def test_an_import_says_what_and_nothing_else(space: Space, spec: dict[str, Any], words: str) -> None:
    body = wanted(space, "refused", **spec)
    assert words in space.refuses("alice", "create", "--validate=strict", "--filename", "-", body=body)


def test_an_import_stays_with_its_pack(space: Space) -> None:
    space.takes("alice", *APPLY, body=wanted(space, "fixed"))
    said = space.refuses("alice", *APPLY, body=wanted(space, "fixed", version="^1.0", pack=f"{PACK}-other"))
    assert "stays with its pack" in said


def policy(**changes: Any) -> dict[str, Any]:
    requirement = {"predicate": "release", "keys": [KEY]}
    spec = {
        "namespaces": ["*"],
        "packs": ["*"],
        "trustRoot": "ours",
        "mode": "Key",
        "require": [requirement],
        **changes,
    }
    kind = names.TRUST_POLICY
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": "probe"}, "spec": spec}


IDENTITY = {"issuer": "https://issuer.example", "subject": "https://kubernetes.io/namespaces/a/serviceaccounts/b"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"require": [{"predicate": "release", "identities": [IDENTITY]}]}, "in mode Key keys"),
        ({"mode": "Keyless"}, "in mode Keyless every requirement has identities"),
        ({"require": [{"predicate": "release", "keys": [KEY], "identities": [IDENTITY]}]}, "in mode Key keys"),
        ({"require": [{"predicate": "review", "keys": [KEY], "threshold": 2}]}, "never met"),
        ({"approval": "Pack"}, "needs a required review"),
        ({"require": []}, "spec.require"),
        ({"mode": "Any"}, "spec.mode"),
    ],
)
def test_a_policy_that_contradicts_itself_is_not_stored(
    kubeconfig: Path, space: Space, changes: Any, words: str
) -> None:
    text = json.dumps(policy(**changes))
    done = kubectl(kubeconfig, "create", "--dry-run=server", "--filename", "-", text=text)
    assert done.returncode != 0
    assert words in done.stderr


def test_what_was_seen_of_trust_is_the_operators_to_say(kubeconfig: Path, space: Space) -> None:
    kind, name = names.TRUST_ROOT, unique("trust")
    root = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": name}}
    body = root | {"spec": {"keys": [{"id": KEY, "pem": "-"}]}}
    assert kubectl(kubeconfig, "create", "--filename", "-", text=json.dumps(body)).returncode == 0
    try:
        change = json.dumps({"status": {"indexVersion": 1}})
        command = ("patch", kind.plural, name, "--subresource=status", "--type=merge", "--patch", change)
        assert "only the operator may update trustroots/status" in space.refuses(None, *command)
        space.takes(OPERATOR, *command)
    finally:
        kubectl(kubeconfig, "delete", kind.plural, name)


def test_tenants_do_not_say_whom_to_trust(kubeconfig: Path, space: Space) -> None:
    text = json.dumps(policy())
    assert kubectl(kubeconfig, "create", "--dry-run=server", "--filename", "-", text=text).returncode == 0
    assert "forbidden" in space.refuses("alice", *CREATE, body=policy())
