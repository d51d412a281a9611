"""Who wrote a procedure: stamped, accumulating, never forged or removed, whatever the tool."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from seglam.resources import names
from tests.cluster.confined import BACKUP, WILDCARD, Space, installed, unique
from tests.cluster.kinds import OPERATOR, kubectl, procedure

AUTHORS = names.ANNOTATION_AUTHORS
APPLY = ("apply", "--filename", "-")
SERVER_SIDE = ("apply", "--server-side", "--filename", "-")
CREATE = ("create", "--filename", "-")
REPLACE = ("replace", "--filename", "-")
REFUSED = "cannot be forged or removed"


@pytest.fixture(scope="module")
def space(kubeconfig: Path) -> Iterator[Space]:
    with installed(kubeconfig, "authors") as made:
        yield made


@pytest.fixture
def name(space: Space, request: pytest.FixtureRequest) -> str:
    """Name of a procedure of the test's own, which alice has written."""
    name = unique(request.node.name)
    space.takes("alice", *APPLY, body=written(space, name))
    return name


def written(space: Space, name: str, summary: str = "Twice a number.", authors: str | None = None) -> dict[str, Any]:
    """A procedure; another summary is another spec."""
    body = procedure(space.name, name, summary=summary)
    if authors is not None:
        body["metadata"]["annotations"] = {AUTHORS: authors}
    return body


def authors(space: Space, name: str) -> list[str]:
    """The authors that the annotation states, in its order."""
    text: str = space.get("rp", name)["metadata"].get("annotations", {}).get(AUTHORS, "")
    return text.split("\n") if text else []


def test_who_creates_is_the_author(space: Space, name: str) -> None:
    assert authors(space, name) == ["alice"]


def test_authors_accumulate(space: Space, name: str) -> None:
    """Alice writes, Bob edits, Alice edits: both wrote it, so neither approves it."""
    space.takes("bob", *APPLY, body=written(space, name, "Two times a number."))
    assert authors(space, name) == ["alice", "bob"]
    space.takes("alice", *APPLY, body=written(space, name, "Double a number."))
    assert authors(space, name) == ["alice", "bob"]


def test_every_way_to_edit_is_stamped(space: Space, name: str) -> None:
    change = json.dumps({"spec": {"summary": "Two times a number."}})
    space.takes("bob", "patch", "rp", name, "--type=merge", "--patch", change)
    space.takes("carol", *REPLACE, body=written(space, name, "Double a number."))
    body = written(space, name, "Twofold.")
    space.takes("dave", *SERVER_SIDE, "--field-manager=gitops", "--force-conflicts", body=body)
    assert authors(space, name) == ["alice", "bob", "carol", "dave"]


def test_metadata_has_no_author(space: Space, name: str) -> None:
    space.takes("bob", "label", "rp", name, "team=shop")
    space.takes("bob", "annotate", "rp", name, "note=mine")
    assert authors(space, name) == ["alice"]


def test_the_same_again_changes_nothing(space: Space, name: str) -> None:
    """A GitOps controller applies, replaces and patches what is there already, as another account."""
    space.takes("bob", *SERVER_SIDE, "--field-manager=gitops", "--force-conflicts", body=written(space, name))
    before = space.get("rp", name)["metadata"]["resourceVersion"]
    for _ in range(3):
        space.takes("bob", *SERVER_SIDE, "--field-manager=gitops", body=written(space, name))
        assert space.get("rp", name)["metadata"]["resourceVersion"] == before
    space.takes("bob", *REPLACE, body=written(space, name))
    space.takes("bob", *APPLY, body=written(space, name))
    assert authors(space, name) == ["alice"]


@pytest.mark.parametrize("stated", ["bob", "alice\nbob", "bob\nalice", "alice\n", " alice"])
def test_a_creator_cannot_state_others(space: Space, stated: str) -> None:
    assert REFUSED in space.refuses("alice", *CREATE, body=written(space, "forged", authors=stated))


def test_a_creator_may_state_themselves(space: Space) -> None:
    space.takes("alice", *CREATE, body=written(space, "stated", authors="alice"))
    assert authors(space, "stated") == ["alice"]


@pytest.mark.parametrize("stated", ["bob", "alice\nbob", "alice\nmallory", ""])
@pytest.mark.parametrize("user", ["alice", "bob", None], ids=["author", "other", "cluster-admin"])
def test_annotate_cannot_forge(space: Space, name: str, user: str | None, stated: str) -> None:
    assert REFUSED in space.refuses(user, "annotate", "--overwrite", "rp", name, f"{AUTHORS}={stated}")
    assert authors(space, name) == ["alice"]


@pytest.mark.parametrize("user", ["alice", "bob", None], ids=["author", "other", "cluster-admin"])
def test_annotate_cannot_remove(space: Space, name: str, user: str | None) -> None:
    assert REFUSED in space.refuses(user, "annotate", "rp", name, f"{AUTHORS}-")
    assert authors(space, name) == ["alice"]


def test_patches_cannot_remove(space: Space, name: str) -> None:
    path = "/metadata/annotations/" + AUTHORS.replace("/", "~1")
    removal = json.dumps([{"op": "remove", "path": path}])
    assert REFUSED in space.refuses("alice", "patch", "rp", name, "--type=json", "--patch", removal)
    none = json.dumps({"metadata": {"annotations": {AUTHORS: None}}})
    assert REFUSED in space.refuses("alice", "patch", "rp", name, "--type=merge", "--patch", none)
    assert authors(space, name) == ["alice"]


def test_removing_while_editing_removes_nothing(space: Space, name: str) -> None:
    change = json.dumps({"metadata": {"annotations": {AUTHORS: None}}, "spec": {"summary": "Two times a number."}})
    space.takes("bob", "patch", "rp", name, "--type=merge", "--patch", change)
    assert authors(space, name) == ["alice", "bob"]


def test_replace_cannot_forge_and_keeps_what_it_leaves_out(space: Space, name: str) -> None:
    assert REFUSED in space.refuses("bob", *REPLACE, body=written(space, name, authors="bob"))
    assert REFUSED in space.refuses("bob", *REPLACE, body=written(space, name, "Two times a number.", "bob"))
    space.takes("bob", *REPLACE, body=written(space, name))
    assert authors(space, name) == ["alice"]
    space.takes("bob", *REPLACE, body=written(space, name, "Two times a number."))
    assert authors(space, name) == ["alice", "bob"]


def test_another_field_manager_cannot_forge_or_remove(space: Space, name: str) -> None:
    manager = ("--field-manager=mine", "--force-conflicts")
    assert REFUSED in space.refuses("bob", *SERVER_SIDE, *manager, body=written(space, name, authors="bob"))
    changed = written(space, name, "Two times a number.", "bob")
    assert REFUSED in space.refuses("bob", *SERVER_SIDE, *manager, body=changed)
    # Owned once, then left out: server-side apply would remove it.
    space.takes(
        "alice", *SERVER_SIDE, "--field-manager=hers", "--force-conflicts", body=written(space, name, authors="alice")
    )
    space.takes("alice", *SERVER_SIDE, "--field-manager=hers", body=written(space, name))
    assert authors(space, name) == ["alice"]


def test_stating_what_is_there_is_no_forgery(space: Space, name: str) -> None:
    """`kubectl edit` and `get | apply` send the annotation back."""
    space.takes("bob", *APPLY, body=written(space, name, "Two times a number.", authors="alice"))
    assert authors(space, name) == ["alice", "bob"]


def test_the_operator_writes_for_others_but_never_changes_a_spec(space: Space, name: str) -> None:
    made = written(space, f"{name}-made", authors="alice\nmodel:m-1")
    space.takes(OPERATOR, *SERVER_SIDE, "--field-manager=seglam-operator", body=made)
    assert authors(space, f"{name}-made") == ["alice", "model:m-1"]
    unsigned = written(space, f"{name}-unsigned")
    said = space.refuses(OPERATOR, *SERVER_SIDE, "--field-manager=seglam-operator", body=unsigned)
    assert "the operator states the authors" in said
    change = json.dumps({"spec": {"summary": "Two times a number."}})
    said = space.refuses(OPERATOR, "patch", "rp", name, "--type=merge", "--patch", change)
    assert "the operator never changes the spec" in said


def test_authors_begin_anew_when_the_operator_has_cleared_them(space: Space, name: str) -> None:
    """It does so when a revision is active: what was approved is nobody's draft any more."""
    cleared = json.dumps({"metadata": {"annotations": {AUTHORS: None}}})
    space.takes(OPERATOR, "patch", "rp", name, "--type=merge", "--patch", cleared)
    assert authors(space, name) == []
    space.takes("bob", "label", "rp", name, "team=shop")
    assert authors(space, name) == []
    space.takes("carol", *APPLY, body=written(space, name, "Two times a number."))
    assert authors(space, name) == ["carol"]


def test_a_backup_tool_restores_authors(space: Space) -> None:
    restored = written(space, "restored", authors="alice\nbob")
    space.takes(BACKUP, *CREATE, body=restored)
    assert authors(space, "restored") == ["alice", "bob"]
    assert REFUSED in space.refuses(WILDCARD, *CREATE, body=written(space, "restored-too", authors="alice\nbob"))


def test_a_user_name_with_a_line_break_is_no_author(space: Space, kubeconfig: Path) -> None:
    group = ("--as-group", "system:masters")
    said = space.refuses("alice\nbob", *group, *CREATE, body=written(space, "two-lines"))
    assert "line break" in said or "invalid header" in said


def test_garbage_collection_and_deletion_pass(space: Space, name: str) -> None:
    space.takes("bob", "delete", "rp", name, "--cascade=foreground", "--timeout=60s")
    assert kubectl(space.kubeconfig, "-n", space.name, "get", "rp", name).returncode != 0


@pytest.fixture(scope="module")
def unstamped(kubeconfig: Path) -> Iterator[Space]:
    """As on a cluster without MutatingAdmissionPolicy."""
    if kubectl(kubeconfig, "get", "mutatingadmissionpolicy", "seglam-authors").returncode == 0:
        pytest.skip("the chart is installed on this cluster, so authors are stamped in every namespace")
    with installed(kubeconfig, "unstamped", {"admission": {"stamp": "never"}}, stamp=False) as made:
        yield made


def test_without_the_stamp_people_state_themselves(unstamped: Space) -> None:
    assert REFUSED in unstamped.refuses("alice", *CREATE, body=written(unstamped, "mine"))
    assert 'must be "alice"' in unstamped.refuses("alice", *CREATE, body=written(unstamped, "mine", authors="bob"))
    unstamped.takes("alice", *CREATE, body=written(unstamped, "mine", authors="alice"))
    edited = written(unstamped, "mine", "Two times a number.", "alice")
    assert r'must be "alice\nbob"' in unstamped.refuses("bob", *APPLY, body=edited)
    unstamped.takes("bob", *APPLY, body=written(unstamped, "mine", "Two times a number.", "alice\nbob"))
    assert REFUSED in unstamped.refuses("bob", *REPLACE, body=written(unstamped, "mine", "Two times a number."))
    assert authors(unstamped, "mine") == ["alice", "bob"]
