"""The client where the API server fails: what is tried again, what is not, and what the caller learns."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from seglam.cluster import (
    AlreadyExists,
    Client,
    ClusterError,
    Conflict,
    Connection,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    TokenFile,
    TooLarge,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    path_of,
)
from seglam.cluster.client import yaml_safe
from seglam.cluster.kinds import CONFIG_MAP, DEPLOYMENT, NAMESPACE
from seglam.cluster.transport import Fenced, NotSent, pause
from tests.unit.cluster.server import Answer, hangs_up, refuses, says, serving

pytestmark = pytest.mark.anyio
BODY = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "ns"}, "data": {"k": "v"}}


@pytest.mark.parametrize(
    ("status", "reason", "error"),
    [
        (400, "BadRequest", Invalid),
        (401, "Unauthorized", Unauthorized),
        (403, "Forbidden", Forbidden),
        (404, "NotFound", NotFound),
        (409, "Conflict", Conflict),
        (409, "AlreadyExists", AlreadyExists),
        (410, "Expired", Gone),
        (413, "RequestEntityTooLarge", TooLarge),
        (422, "Invalid", Invalid),
        (418, "Teapot", ClusterError),
    ],
)
async def test_refusals_are_typed_and_not_tried_again(status: int, reason: str, error: type[ClusterError]) -> None:
    async with serving(refuses(status, reason, "because")) as (server, client):
        with pytest.raises(ClusterError) as refusal:
            await client.get(CONFIG_MAP, "a", "ns")
    assert type(refusal.value) is error
    assert str(refusal.value) == f"GET /api/v1/namespaces/ns/configmaps/a: {status} {reason}: because"
    assert len(server.requests) == 1


@pytest.mark.parametrize("failure", [refuses(503, ""), refuses(500, "InternalError"), refuses(429, ""), hangs_up])
async def test_reading_and_applying_are_tried_again(failure: Answer) -> None:
    async with serving(failure, failure, says(200, BODY)) as (server, client):
        assert await client.get(CONFIG_MAP, "a", "ns") == BODY
        assert len(server.requests) == 3
    async with serving(failure, says(200, BODY)) as (server, client):
        assert await client.apply(CONFIG_MAP, BODY, manager="m") == BODY
        assert len(server.requests) == 2


Call = Callable[[Client], Awaitable[object]]


def stated_version() -> dict[str, Any]:
    """An object that names the version which it is made from."""
    return BODY | {"metadata": {"name": "a", "namespace": "ns", "resourceVersion": "1"}}


@pytest.mark.parametrize("failure", [refuses(503, ""), refuses(500, "InternalError"), hangs_up])
@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.create(CONFIG_MAP, BODY),
        lambda client: client.patch(CONFIG_MAP, "a", [{"op": "add", "path": "/data/-"}], "ns", type="json"),
        lambda client: client.apply(CONFIG_MAP, stated_version(), manager="m"),
    ],
)
async def test_what_may_have_been_carried_out_is_not_done_twice(failure: Answer, call: Call) -> None:
    async with serving(failure, says(200, BODY)) as (server, client):
        with pytest.raises(Unavailable):
            await call(client)
    assert len(server.requests) == 1


async def test_a_call_that_was_turned_away_is_made_again() -> None:
    async with serving(refuses(429, "TooManyRequests", Retry_After="0"), says(201, BODY)) as (server, client):
        await client.create(CONFIG_MAP, BODY)
    assert len(server.requests) == 2


async def test_a_long_pause_is_the_callers_concern() -> None:
    async with serving(refuses(429, "TooManyRequests", Retry_After="60")) as (server, client):
        with pytest.raises(TooManyRequests) as refusal:
            await client.get(CONFIG_MAP, "a", "ns")
    assert refusal.value.retry_after == 60
    assert len(server.requests) == 1


async def test_attempts_end() -> None:
    async with serving(refuses(503, "", Retry_After="0")) as (server, client):
        with pytest.raises(Unavailable):
            await client.get(CONFIG_MAP, "a", "ns")
    assert len(server.requests) == 5
    assert (client.counts.failures, client.counts.retries) == (1, 4)


async def test_a_field_that_a_kind_does_not_have_is_permanent() -> None:
    message = "failed to create typed patch object (ns/a; /v1, Kind=ConfigMap): .dta: field not declared in schema"
    async with serving(refuses(500, "", message)) as (server, client):
        with pytest.raises(Invalid, match="field not declared in schema"):
            await client.apply(CONFIG_MAP, BODY, manager="m")
    assert len(server.requests) == 1


async def test_a_call_ends_with_its_deadline() -> None:
    async with serving(refuses(503, "", Retry_After="3")) as (server, client):
        with pytest.raises(Unavailable, match=r"no answer within 0\.2 s; the last attempt failed: said so"):
            await client.get(CONFIG_MAP, "a", "ns", deadline=0.2)
    assert len(server.requests) == 1


async def test_nobody_there_is_said_so() -> None:
    async with serving(says(200)) as (_, client):
        address = client.connection.server
    async with Client(Connection(address)) as client:
        with pytest.raises(NotSent, match="Connect call failed"):
            await client.create(CONFIG_MAP, BODY)
    assert client.counts.retries == 4


async def test_an_answer_of_something_else_is_no_object() -> None:
    async with serving(says(200, "<html>")) as (_, client):
        with pytest.raises(Unavailable, match="not the API server's"):
            await client.get(CONFIG_MAP, "a", "ns")


async def test_a_token_that_is_refused_is_read_again(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("old\n")
    credential = TokenFile(token)
    credential(False)
    token.write_text("new\n")
    async with serving(refuses(401, "Unauthorized"), says(200, BODY), credential=credential) as (server, client):
        await client.get(CONFIG_MAP, "a", "ns")
    assert [request.headers["Authorization"] for request in server.requests] == ["Bearer old", "Bearer new"]


async def test_deleting_what_is_gone_is_no_failure() -> None:
    async with serving(hangs_up, refuses(404, "NotFound")) as (server, client):
        assert not await client.delete(CONFIG_MAP, "a", "ns", uid="u")
    assert json.loads(server.bodies[1])["preconditions"] == {"uid": "u"}


async def test_a_list_begins_again_when_its_version_ends() -> None:
    def page(name: str, more: str) -> dict[str, object]:
        return {"metadata": {"resourceVersion": "7", "continue": more}, "items": [{"metadata": {"name": name}}]}

    answers = (
        says(200, page("a", "next")),
        refuses(410, "Expired"),
        says(200, page("a", "next")),
        says(200, page("b", "")),
    )
    async with serving(*answers) as (server, client):
        listing = await client.list(CONFIG_MAP, limit=1)
    assert [item["metadata"]["name"] for item in listing.items] == ["a", "b"]
    assert listing.resource_version == "7"
    assert [request.query.get("continue") for request in server.requests] == [None, "next", None, "next"]


def test_paths_name_group_and_namespace() -> None:
    assert path_of(CONFIG_MAP, None) == "/api/v1/configmaps"
    assert path_of(DEPLOYMENT, "ns", "a", "status") == "/apis/apps/v1/namespaces/ns/deployments/a/status"
    assert path_of(NAMESPACE, "ignored", "a/b") == "/api/v1/namespaces/a%2Fb"
    with pytest.raises(ValueError, match="needs a namespace"):
        path_of(CONFIG_MAP, None, "a")


def test_pauses_grow_and_are_bounded() -> None:
    assert pause(1, 2.5) == 2.5
    assert all(0.05 <= pause(1, None) <= 0.1 for _ in range(20))
    assert all(2.5 <= pause(40, None) <= 5.0 for _ in range(20))


def test_json_for_an_apply_means_the_same_to_a_yaml_reader() -> None:
    text = "a\x85b\u2028c\x7f\ufeff\U0001f600\n\té"
    assert yaml_safe({"k": text}) == '{"k":"a\\u0085b\\u2028c\\u007f\\ufeff\U0001f600\\n\\té"}'.encode()
    assert json.loads(yaml_safe({"k": text})) == {"k": text}


async def test_a_client_that_may_not_write_any_more_still_reads() -> None:
    async with (
        serving(says(200, BODY)) as (server, client),
        Client(client.connection, may_write=lambda: False) as fenced,
    ):
        for writing in (
            fenced.apply(CONFIG_MAP, BODY, manager="m"),
            fenced.create(CONFIG_MAP, BODY),
            fenced.replace(CONFIG_MAP, BODY),
            fenced.patch(CONFIG_MAP, "a", {}, "ns"),
            fenced.delete(CONFIG_MAP, "a", "ns"),
        ):
            with pytest.raises(Fenced):
                await writing
        assert server.requests == []
        assert await fenced.get(CONFIG_MAP, "a", "ns") == BODY
