"""Addresses of runner pods, from slices of endpoints."""

from __future__ import annotations

import json
from typing import Any

from seglam.cluster import Change, Key
from seglam.cluster.changes import Type
from seglam.gateway.cluster.decoding import endpoint_slice
from seglam.gateway.cluster.runners import Endpoints
from seglam.sandbox import Address


def sliced(name: str, *endpoints: dict[str, Any], pool: str = "default", ports: object = None) -> Change[Any]:
    raw = {
        "metadata": {"namespace": "run", "name": name, "labels": {"kubernetes.io/service-name": pool}},
        "endpoints": list(endpoints),
        "ports": ports if ports is not None else [{"name": "runs", "port": 8443}],
    }
    return Change(Type.ADDED, Key("run", name), None, endpoint_slice(json.dumps(raw).encode()))


def pod(address: str, **conditions: bool) -> dict[str, Any]:
    return {"addresses": [address], "conditions": conditions}


def test_only_pods_that_are_ready_are_asked() -> None:
    endpoints = Endpoints()
    endpoints.apply(
        [
            sliced("a", pod("10.0.0.1", ready=True), pod("10.0.0.2", ready=False), pod("10.0.0.3")),
            sliced("b", pod("10.0.0.4", ready=False, serving=True, terminating=True)),
            sliced("c", pod("10.0.0.5", ready=True), pool="rp-double"),
        ]
    )
    assert endpoints.addresses("run", "default") == (Address("10.0.0.1", 8443), Address("10.0.0.3", 8443))
    assert endpoints.addresses("run", "rp-double") == (Address("10.0.0.5", 8443),)
    assert endpoints.addresses("other", "default") == ()
    assert endpoints.size() == 3


def test_pods_that_are_ending_are_asked_where_no_other_is_there() -> None:
    endpoints = Endpoints()
    endpoints.apply([sliced("a", pod("10.0.0.4", ready=False, serving=True), pod("10.0.0.5", ready=False))])
    assert endpoints.addresses("run", "default") == (Address("10.0.0.4", 8443),)


def test_a_slice_that_goes_takes_its_pods_with_it() -> None:
    endpoints = Endpoints()
    endpoints.apply([sliced("a", pod("10.0.0.1", ready=True)), sliced("b", pod("10.0.0.2", ready=True))])
    endpoints.apply([Change(Type.DELETED, Key("run", "a"), None, None)])
    assert endpoints.addresses("run", "default") == (Address("10.0.0.2", 8443),)


def test_a_slice_may_be_empty_and_name_several_ports() -> None:
    empty = {"metadata": {"namespace": "run", "name": "a"}, "endpoints": None, "ports": None}
    assert endpoint_slice(json.dumps(empty).encode()).ready == ()
    ports = [{"name": "metrics", "port": 8080}, {"name": "runs", "port": 8443}]
    change = sliced("a", pod("10.0.0.1"), ports=ports)
    assert change.new is not None and change.new.ready == (Address("10.0.0.1", 8443),)
