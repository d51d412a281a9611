"""When an object is as it is wanted, and when somebody else has a hand in it."""

from __future__ import annotations

from typing import Any

import pytest

from seglam.cluster.kinds import NAMESPACE, SERVICE
from seglam.operator.owned import NotOwned, added_by_others, contains, is_owned


@pytest.mark.parametrize(
    ("live", "wanted", "holds"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, True),
        ({"a": 1}, {"a": 2}, False),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({"a": {"b": {"c": [1, 2]}}}, {"a": {"b": {"c": [1, 2]}}}, True),
        ({"a": [1, 2, 3]}, {"a": [1, 2]}, False),
        ({"a": [{"x": 1, "default": True}]}, {"a": [{"x": 1}]}, True),
        ({"a": [{"x": 2}]}, {"a": [{"x": 1}]}, False),
        ({}, {"podSelector": {}}, True),
        ({"podSelector": {"matchLabels": {"x": "y"}}}, {"podSelector": {}}, True),
        ({"a": "12"}, {"a": ["1", "2"]}, False),
        (None, {"a": 1}, False),
        ({"a": True}, {"a": True}, True),
    ],
)
def test_contained(live: Any, wanted: Any, holds: bool) -> None:
    assert contains(live, wanted) is holds


@pytest.mark.parametrize(
    ("entries", "others"),
    [
        ([], False),
        ([{"manager": "seglam-operator", "fieldsV1": {"f:spec": {}}}], False),
        ([{"manager": "kube-controller-manager", "subresource": "status", "fieldsV1": {"f:spec": {}}}], False),
        ([{"manager": "kubectl-label", "fieldsV1": {"f:metadata": {}}}], False),
        ([{"manager": "kubectl-edit", "fieldsV1": {"f:spec": {"f:egress": {}}}}], True),
        ([{"manager": "kubectl", "fieldsV1": {"f:data": {}}}], True),
    ],
)
def test_a_hand_of_others(entries: list[dict[str, Any]], others: bool) -> None:
    assert added_by_others({"metadata": {"managedFields": entries}}) is others


@pytest.mark.parametrize(
    ("labels", "owned"),
    [
        (None, False),
        ({}, False),
        ({"app.kubernetes.io/managed-by": "Helm"}, False),
        ({"app.kubernetes.io/managed-by": "seglam-operator"}, True),
    ],
)
def test_ownership_is_a_label(labels: dict[str, str] | None, owned: bool) -> None:
    assert is_owned({"metadata": {"labels": labels}}) is owned


def test_a_foreign_object_is_named_with_what_to_do() -> None:
    service = NotOwned(SERVICE, {"metadata": {"name": "default", "namespace": "seglam-run-a"}})
    assert "Service seglam-run-a/default exists" in service.message
    assert "delete it" in service.message
    assert "Namespace seglam-run-a exists" in NotOwned(NAMESPACE, {"metadata": {"name": "seglam-run-a"}}).message
