"""The Kubernetes client against a real API server."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from seglam.cluster import (
    AlreadyExists,
    Change,
    Client,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    Selection,
    TooLarge,
    Unauthorized,
    Unavailable,
    Watch,
    from_kubeconfig,
)
from seglam.cluster.kinds import CONFIG_MAP, LEASE, NAMESPACE, POD, SELF_SUBJECT_REVIEW, SERVICE_ACCOUNT
from seglam.cluster.transport import NotSent
from tests.cluster.choosing import Cluster
from tests.cluster.kinds import MANAGER, prepare, tidy
from tests.cluster.node.node import forget_old_versions
from tests.cluster.relay import relayed

pytestmark = pytest.mark.anyio
SPACE = "seglam-test-client"
MARKED = Selection(SPACE, labels="seglam.dev/test=watched")


@pytest.fixture(scope="module")
def space(kubeconfig: Path) -> Iterator[str]:
    """A namespace for the tests."""
    asyncio.run(prepare(kubeconfig, SPACE))
    yield SPACE
    asyncio.run(tidy(kubeconfig, SPACE))


@pytest.fixture
async def client(kubeconfig: Path, space: str) -> AsyncIterator[Client]:
    """The cluster as its administrator sees it."""
    async with Client(from_kubeconfig(kubeconfig)) as connected:
        yield connected


def config_map(name: str, labels: dict[str, str] | None = None, **data: str) -> dict[str, Any]:
    """A ConfigMap."""
    meta = {"name": name, "namespace": SPACE} | ({"labels": labels} if labels else {})
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}


async def test_an_apply_that_changes_nothing_writes_nothing(client: Client) -> None:
    first = await client.apply(CONFIG_MAP, config_map("same", k="v"), manager=MANAGER)
    again = await client.apply(CONFIG_MAP, config_map("same", k="v"), manager=MANAGER)
    assert again["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    dry = await client.apply(CONFIG_MAP, config_map("same", k="w"), manager=MANAGER, dry_run=True)
    assert dry["data"] == {"k": "w"}
    assert (await client.get(CONFIG_MAP, "same", SPACE))["data"] == {"k": "v"}


async def test_fields_belong_to_their_manager(client: Client) -> None:
    await client.apply(CONFIG_MAP, config_map("owned", mine="1", dropped="1"), manager=MANAGER)
    with pytest.raises(Conflict, match=MANAGER):
        await client.apply(CONFIG_MAP, config_map("owned", mine="2"), manager="other", force=False)
    await client.apply(CONFIG_MAP, config_map("owned", theirs="3"), manager="other", force=False)
    stored = await client.apply(CONFIG_MAP, config_map("owned", mine="1"), manager=MANAGER)
    assert stored["data"] == {"mine": "1", "theirs": "3"}


async def test_texts_arrive_as_they_are(client: Client) -> None:
    hard = "next line \x85, separators \u2028 \u2029, delete \x7f, mark \ufeff, beyond \U0001f600, \t\\\"'"
    stored = await client.apply(CONFIG_MAP, config_map("texts", k=hard), manager=MANAGER)
    assert stored["data"]["k"] == hard


async def test_a_version_that_is_forgotten_is_gone(client: Client, cluster: Cluster) -> None:
    if cluster.node is None:
        pytest.skip("only the real node's store can be told to forget old versions; others do it in their own time")
    await asyncio.to_thread(forget_old_versions, cluster.node)
    with pytest.raises(Gone):
        query = {"limit": "1", "continue": STALE}
        await client.transport.call("GET", "/api/v1/configmaps", query=query, repeatable=True)


async def test_refusals_are_typed(client: Client, kubeconfig: Path) -> None:
    body = config_map("refused", k="v")
    await client.apply(CONFIG_MAP, body, manager=MANAGER)
    with pytest.raises(AlreadyExists, match="already exists"):
        await client.create(CONFIG_MAP, body)
    with pytest.raises(NotFound):
        await client.get(CONFIG_MAP, "absent", SPACE)
    assert await client.find(CONFIG_MAP, "absent", SPACE) is None
    with pytest.raises(Invalid, match="field not declared in schema"):
        await client.apply(CONFIG_MAP, body | {"dta": {}}, manager=MANAGER)
    with pytest.raises(Invalid, match='unknown field "dta"'):
        await client.create(CONFIG_MAP, config_map("other") | {"dta": {}})
    with pytest.raises(Invalid, match="RFC 1123"):
        await client.apply(CONFIG_MAP, config_map("No_Name"), manager=MANAGER)
    with pytest.raises(TooLarge):
        await client.apply(CONFIG_MAP, config_map("huge", k="x" * 4_000_000), manager=MANAGER)
    nobody = dataclasses.replace(from_kubeconfig(kubeconfig), impersonate={"Impersonate-User": "nobody"})
    async with Client(nobody) as other:
        with pytest.raises(Forbidden, match='User "nobody" cannot get'):
            await other.get(CONFIG_MAP, "refused", SPACE)
    anonymous = dataclasses.replace(
        from_kubeconfig(kubeconfig), certificate=None, key=None, credential=lambda _: "no-token"
    )
    async with Client(anonymous) as other:
        with pytest.raises(Unauthorized):
            await other.get(CONFIG_MAP, "refused", SPACE)


STALE = "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiJhXHUwMDAwIn0"
"""A continue token of version 1."""


async def test_replacing_names_the_version_that_it_replaces(client: Client) -> None:
    meta = {"name": "held", "namespace": SPACE}
    body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": {"holderIdentity": "a"}}
    first = await client.create(LEASE, body)
    second = await client.replace(LEASE, first | {"spec": {"holderIdentity": "b"}})
    with pytest.raises(Conflict):
        await client.replace(LEASE, first | {"spec": {"holderIdentity": "c"}})
    assert (await client.get(LEASE, "held", SPACE))["spec"] == second["spec"]


async def test_patches_change_a_part(client: Client) -> None:
    await client.apply(CONFIG_MAP, config_map("patched", a="1", b="1"), manager=MANAGER)
    await client.patch(CONFIG_MAP, "patched", {"data": {"a": None}}, SPACE)
    stored = await client.patch(
        CONFIG_MAP, "patched", [{"op": "add", "path": "/data/c", "value": "1"}], SPACE, type="json"
    )
    assert stored["data"] == {"b": "1", "c": "1"}


async def test_deleting_checks_whom_it_deletes(client: Client) -> None:
    stored = await client.apply(CONFIG_MAP, config_map("deleted"), manager=MANAGER)
    with pytest.raises(Conflict):
        await client.delete(CONFIG_MAP, "deleted", SPACE, uid="0000")
    assert await client.delete(CONFIG_MAP, "deleted", SPACE, uid=stored["metadata"]["uid"])
    assert not await client.delete(CONFIG_MAP, "deleted", SPACE)


async def test_lists_come_in_pages_of_one_version(client: Client) -> None:
    for number in range(7):
        body = config_map(f"page-{number}", {"seglam.dev/test": "paged"}, k="v")
        await client.apply(CONFIG_MAP, body, manager=MANAGER)
    paged = Selection(SPACE, labels="seglam.dev/test=paged")
    pages = [page async for page in client.pages(CONFIG_MAP, paged, decoder=json.loads, limit=3)]
    assert [len(page.items) for page in pages] == [3, 3, 1]
    assert len({page.resource_version for page in pages}) == 1
    whole = await client.list(CONFIG_MAP, paged)
    assert [each["metadata"]["name"] for each in whole.items] == [f"page-{number}" for number in range(7)]
    bare = await client.list(CONFIG_MAP, paged, metadata_only=True, limit=3)
    assert [each["metadata"]["name"] for each in bare.items] == [f"page-{number}" for number in range(7)]
    assert all("data" not in each for each in bare.items)
    nothing = Selection(SPACE, labels="seglam.dev/test=absent")
    assert (await client.list(CONFIG_MAP, nothing, metadata_only=True)).items == []
    one = await client.list(CONFIG_MAP, Selection(SPACE, fields="metadata.name=page-4"))
    assert [each["metadata"]["name"] for each in one.items] == ["page-4"]


async def test_a_token_of_a_service_account_is_an_identity(client: Client, kubeconfig: Path) -> None:
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 600}}
    for _ in range(100):  # the account is made a moment after its namespace
        if await client.find(SERVICE_ACCOUNT, "default", SPACE):
            break
        await asyncio.sleep(0.1)
    path = f"/api/v1/namespaces/{SPACE}/serviceaccounts/default/token"
    body = json.dumps(request | {"metadata": {"namespace": SPACE}}).encode()
    token = json.loads(await client.transport.call("POST", path, body=body, repeatable=False))["status"]["token"]
    connection = from_kubeconfig(kubeconfig)
    account = dataclasses.replace(connection, certificate=None, key=None, credential=lambda _: token)
    async with Client(account) as other:
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        who = await other.create(SELF_SUBJECT_REVIEW, review)
        assert who["status"]["userInfo"]["username"] == f"system:serviceaccount:{SPACE}:default"


async def test_a_server_with_another_authority_is_not_talked_to(client: Client, kubeconfig: Path) -> None:
    stranger = dataclasses.replace(from_kubeconfig(kubeconfig), authority=None)
    async with Client(stranger) as other:
        with pytest.raises(NotSent, match=r"(?i)certificate"):
            await other.get(NAMESPACE, SPACE, deadline=3)
    named = dataclasses.replace(from_kubeconfig(kubeconfig), server_name="somebody.else")
    async with Client(named) as other:
        with pytest.raises(Unavailable, match=r"(?i)certificate|hostname"):
            await other.get(NAMESPACE, SPACE, deadline=3)


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds; the test's timeout ends a vain wait."""
    while not holds():  # noqa: ASYNC110 - what is waited for has no event
        await asyncio.sleep(0.005)


async def test_a_watch_follows_what_happens(client: Client) -> None:
    seen: list[tuple[str, str]] = []

    def note(changes: Sequence[Change[dict[str, str]]]) -> None:
        seen.extend((change.type.value, change.key.name) for change in changes)

    def data_of(raw: bytes) -> dict[str, str]:
        data: dict[str, str] = json.loads(raw).get("data") or {}
        return data

    marked = {"seglam.dev/test": "watched"}
    await client.apply(CONFIG_MAP, config_map("watched-a", marked, k="1"), manager=MANAGER)
    watch = Watch(client, CONFIG_MAP, data_of, selection=MARKED, handler=note, limit=1)
    task = asyncio.create_task(watch.run())
    try:
        await watch.synced.wait()
        await client.apply(CONFIG_MAP, config_map("watched-b", marked, k="1"), manager=MANAGER)
        await client.apply(CONFIG_MAP, config_map("unmarked", k="1"), manager=MANAGER)
        await client.apply(CONFIG_MAP, config_map("watched-a", marked, k="2"), manager=MANAGER)
        # An object that the selector no longer fits is gone for the watch.
        await client.patch(CONFIG_MAP, "watched-b", {"metadata": {"labels": {"seglam.dev/test": None}}}, SPACE)
        await client.delete(CONFIG_MAP, "watched-a", SPACE)
        await until(lambda: len(seen) >= 5)
        assert seen == [
            ("added", "watched-a"),
            ("added", "watched-b"),
            ("changed", "watched-a"),
            ("deleted", "watched-b"),
            ("deleted", "watched-a"),
        ]
        assert (len(watch), watch.lists, watch.refused, watch.last_error) == (0, 1, {}, None)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_watch_goes_on_after_broken_and_frozen_connections(kubeconfig: Path, client: Client) -> None:
    marked = {"seglam.dev/test": "broken"}
    selection = Selection(SPACE, labels="seglam.dev/test=broken")
    async with relayed(from_kubeconfig(kubeconfig)) as (relay, through), Client(through) as other:
        watch = Watch(other, CONFIG_MAP, bytes, selection=selection, silence=1)
        task = asyncio.create_task(watch.run())
        try:
            await watch.synced.wait()
            await client.apply(CONFIG_MAP, config_map("broken-a", marked), manager=MANAGER)
            await until(lambda: len(watch) == 1)

            relay.cut()
            await client.apply(CONFIG_MAP, config_map("broken-b", marked), manager=MANAGER)
            await until(lambda: len(watch) == 2)

            relay.freeze()
            made = relay.connections
            await client.apply(CONFIG_MAP, config_map("broken-c", marked), manager=MANAGER)
            await until(lambda: relay.connections > made)
            assert len(watch) == 2, "what is known stays while nothing is heard"
            relay.thaw()
            await until(lambda: len(watch) == 3)
            assert watch.lists == 1, "the stream went on from the last version"
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_a_cross_check_of_a_true_watch_finds_nothing(client: Client) -> None:
    watch = Watch(client, POD, bytes, cross_check=0.2, settle=0.05)
    task = asyncio.create_task(watch.run())
    try:
        await watch.synced.wait()
        before = client.counts.requests
        await until(lambda: client.counts.requests >= before + 4)
        assert (watch.drifted, watch.lists) == (0, 1)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
