"""Tests never change a cluster that nobody meant for them; what an image is made from decides its tag."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cluster import choosing, images
from tests.cluster.choosing import NotAllowed, given


def _kubeconfig(directory: Path, context: str) -> Path:
    path = directory / "config"
    cluster = {"name": context, "cluster": {"server": "https://127.0.0.1:1"}}
    user = {"name": context, "user": {}}
    entry = {"name": context, "context": {"cluster": context, "user": context}}
    config = {"apiVersion": "v1", "kind": "Config", "current-context": context}
    path.write_text(json.dumps(config | {"clusters": [cluster], "users": [user], "contexts": [entry]}))
    return path


@pytest.mark.parametrize("context", ["production", "kind", "my-kind-cluster", "seglam-node-2", "kind*"])
def test_other_clusters_are_refused(tmp_path: Path, context: str) -> None:
    with (
        pytest.raises(NotAllowed, match="SEGLAM_TEST_CONTEXTS"),
        given(str(_kubeconfig(tmp_path, context)), context, None),
    ):
        pass


@pytest.mark.parametrize("context", ["kind-seglam", "k3d-a", "minikube", "seglam-node"])
def test_clusters_for_trials_are_taken(tmp_path: Path, context: str) -> None:
    with given(str(_kubeconfig(tmp_path, context)), context, None) as cluster:
        assert (cluster.kubectl.context, cluster.node) == (context, None)


def test_a_cluster_may_be_allowed_by_its_exact_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGLAM_TEST_CONTEXTS", "staging")
    with given(str(_kubeconfig(tmp_path, "staging")), "staging", None) as cluster:
        assert cluster.origin == "given"


def test_a_missing_kubeconfig_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotAllowed, match="nowhere"), given(str(tmp_path / "nowhere"), "kind-a", None):
        pass


def test_a_machine_that_lacks_everything_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("SEGLAM_NODE_STATE", str(tmp_path / "state"))
    with (
        pytest.raises(choosing.NoCluster, match=r"kind needs.*apt-get install.*containerd"),
        choosing.found(keep=False),
    ):
        pass


def test_a_tag_follows_what_goes_in_and_nothing_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("images/runner.Dockerfile", *images.INPUTS["runner"][:-1], "runtime/seglam/sandbox/a.py", "docs/a.md"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    monkeypatch.setattr(images, "ROOT", tmp_path)
    tag = images.tag_of("runner")
    (tmp_path / "docs/a.md").write_text("more")
    (tmp_path / "runtime/seglam/sandbox/__pycache__").mkdir()
    (tmp_path / "runtime/seglam/sandbox/__pycache__/a.pyc").write_text("more")
    assert images.tag_of("runner") == tag
    (tmp_path / "runtime/seglam/sandbox/a.py").write_text("more")
    assert images.tag_of("runner") != tag
