"""What the gateway's feeds make of a real API server: revisions come, go and take each other's place without a gap."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from seglam.cluster import Client, Key, from_kubeconfig
from seglam.gateway.cluster.catalog import REBUILD, Catalog
from seglam.gateway.cluster.compilations import Compilations, decode
from seglam.gateway.cluster.decoding import Announced, announced
from seglam.gateway.cluster.feeds import Feed
from seglam.lookup import Hit, Miss
from seglam.procedures import Request, Revision
from seglam.resources import ProcedureCompilation, names
from tests.cluster.kinds import GATEWAY, MANAGER, acting_as, acting_as_operator, compilation, prepare, tidy
from tests.documents import revision
from tests.gateways import revision_object

pytestmark = pytest.mark.anyio
SPACE = "seglam-test-gateway-feeds"
KIND = names.PROCEDURE_REVISION


@pytest.fixture(scope="module")
def prepared(kubeconfig: Path) -> Iterator[None]:
    """A namespace on a cluster that serves the kinds."""
    asyncio.run(prepare(kubeconfig, SPACE))
    yield
    asyncio.run(tidy(kubeconfig, SPACE))


@pytest.fixture
async def client(kubeconfig: Path, prepared: None) -> AsyncIterator[Client]:
    """The cluster as the operator sees it; what a test leaves behind is gone afterwards."""
    async with Client(acting_as_operator(from_kubeconfig(kubeconfig))) as connected:
        yield connected
        for kind in (KIND, names.PROCEDURE_COMPILATION):
            for key in [each["metadata"] for each in (await connected.list(kind)).items]:
                if key["namespace"] == SPACE:
                    await connected.delete(kind, key["name"], SPACE)


class Fed:
    """A catalog that a watch of the real API server feeds."""

    def __init__(self, client: Client) -> None:
        self.catalog = Catalog()
        self.feed: Feed[Announced] = Feed(
            client,
            KIND,
            partial(announced, known=self.catalog.revision),
            self.catalog.apply,
            labels=names.ACTIVE_SELECTOR,
        )

    def find(self, text: str) -> Hit | Miss:
        return self.catalog.index(SPACE).find(Request(text=text))

    def served(self) -> set[str]:
        return {each.digest for each in self.catalog.index(SPACE)}

    def unreadable(self) -> list[str]:
        return [key.name for key in fed_in(self.catalog.unreadable)]


def fed_in(keys: Iterable[Key]) -> list[Key]:
    """Those of the test's own namespace: others work on the same cluster."""
    return [key for key in list(keys) if key.namespace == SPACE]


@asynccontextmanager
async def running(feed: Feed[Any]) -> AsyncIterator[None]:
    """Follow the API server until the block ends."""
    task = asyncio.create_task(feed.run())
    try:
        async with asyncio.timeout(60):
            await feed.applied.wait()
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Any) -> None:
    """Wait until a condition holds; fail if it never does."""
    end = monotonic() + 30
    while not condition():
        assert monotonic() < end, "it never happened"
        await asyncio.sleep(0.01)


async def write(client: Client, made: Revision, *, active: bool = True, pool: str = "default") -> None:
    await client.apply(KIND, revision_object(SPACE, made, active=active, pool=pool), manager=MANAGER)


async def delete(client: Client, made: Revision) -> None:
    await client.delete(KIND, names.revision_name(made.name, made.digest), SPACE)


async def test_revisions_serve_while_they_are_labelled_active(client: Client) -> None:
    fed, double = Fed(client), revision()
    async with running(fed.feed):
        assert isinstance(fed.find("double 4"), Miss)
        await write(client, double, active=False)
        await write(client, revision("triple", patterns=["triple {n}"]), pool="rp-triple")
        await until(lambda: isinstance(fed.find("triple 4"), Hit))
        assert isinstance(fed.find("double 4"), Miss), "a revision that is not active was served"
        await write(client, double)
        await until(lambda: isinstance(fed.find("double 4"), Hit))
        found = fed.catalog.active(SPACE, revision("triple", patterns=["triple {n}"]).digest)
        assert found is not None and found.pool == "rp-triple"
        await write(client, double, active=False)  # as a quarantine does it
        await until(lambda: isinstance(fed.find("double 4"), Miss))


async def test_a_new_revision_takes_the_old_ones_place_without_a_moment_in_which_neither_or_both_serve(
    client: Client,
) -> None:
    fed = Fed(client)
    versions = [revision(patterns=["double {n}", f"double {{n}} in version {number}"]) for number in range(6)]
    async with running(fed.feed):
        await write(client, versions[0])
        await until(lambda: fed.served() == {versions[0].digest})
        wrong: list[Miss] = []
        stop = threading.Event()

        def read() -> None:
            number = 0
            while not stop.is_set() and not wrong:
                number += 1
                found = fed.find(f"double {number}")
                if isinstance(found, Miss):
                    wrong.append(found)

        before = sys.getswitchinterval()
        sys.setswitchinterval(1e-4)
        reader = threading.Thread(target=read)
        reader.start()
        try:
            for old, new in pairwise(versions):
                await write(client, new)  # the operator labels the new one before it takes the old one's label
                await until(lambda new=new: fed.served() == {new.digest})
                await write(client, old, active=False)
            # Back to an older one, as a revert does it.
            await write(client, versions[2])
            await until(lambda: fed.served() == {versions[2].digest})
            await write(client, versions[5], active=False)
        finally:
            stop.set()
            await asyncio.to_thread(reader.join)
            sys.setswitchinterval(before)
        assert wrong == []
        assert fed.served() == {versions[2].digest}


async def test_when_the_newer_of_two_active_revisions_goes_the_older_serves_on(client: Client) -> None:
    fed, old, new = Fed(client), revision(), revision(patterns=["double {n}", "two times {n}"])
    async with running(fed.feed):
        await write(client, old)
        await until(lambda: fed.served() == {old.digest})
        await write(client, new)
        await until(lambda: fed.served() == {new.digest})
        await delete(client, new)
        await until(lambda: fed.served() == {old.digest})
        assert isinstance(fed.find("double 4"), Hit)


async def test_after_a_forgotten_version_the_whole_list_is_taken_in(client: Client) -> None:
    fed = Fed(client)
    stays, goes, comes = (revision(name, patterns=[f"{name} {{n}}"]) for name in ("stays", "goes", "comes"))
    for each in (stays, goes):
        await write(client, each)
    async with running(fed.feed):
        assert fed.served() == {stays.digest, goes.digest}
        kept = fed.catalog.revision(SPACE, stays.digest)
    # Nobody listens while this happens, and when the watch goes on the API server says 410 to its version.
    await delete(client, goes)
    await write(client, comes)
    fed.feed._watch._version = "1"
    async with running(fed.feed):
        await until(lambda: fed.served() == {stays.digest, comes.digest})
        assert fed.feed._watch.lists == 2
        assert fed.catalog.revision(SPACE, stays.digest) is kept, "a known document was read again"


async def test_many_changes_at_once_are_a_new_index_and_the_loop_answers_meanwhile(client: Client) -> None:
    fed = Fed(client)
    many = [revision(f"p{number}", patterns=[f"question {number} about {{n}}"]) for number in range(REBUILD + 6)]
    for each in many:
        await write(client, each)
    async with running(fed.feed):
        assert fed.served() == {each.digest for each in many}
        first = fed.catalog.index(SPACE)
        assert isinstance(fed.find("question 5 about 7"), Hit)
    for each in many:
        await delete(client, each)
    fed.feed._watch._version = "1"
    async with running(fed.feed):
        await until(lambda: fed.served() == set())
        assert fed.catalog.index(SPACE) is not first


async def test_a_document_of_another_release_serves_nobody_and_hides_nothing(client: Client) -> None:
    fed, double = Fed(client), revision()
    odd = revision_object(SPACE, revision(patterns=["double {n}", "twice {n}"]))
    odd["spec"]["document"]["match"]["patterns"].append({"text": "(unclosed {n}"})
    async with running(fed.feed):
        await write(client, double)
        await until(lambda: fed.served() == {double.digest})
        await client.apply(KIND, odd, manager=MANAGER)
        await until(lambda: fed.unreadable() == [odd["metadata"]["name"]])
        assert isinstance(fed.find("double 4"), Hit)
        await client.delete(KIND, odd["metadata"]["name"], SPACE)
        await until(lambda: not fed.unreadable())
        assert fed.served() == {double.digest}


async def test_negative_entries_come_and_go_with_their_compilations(client: Client, kubeconfig: Path) -> None:
    known = Compilations()
    feed: Feed[ProcedureCompilation] = Feed(client, names.PROCEDURE_COMPILATION, decode, known.apply, threaded=False)
    name = names.compilation_name(SPACE, "0123456789abcdef" * 2)
    negative = {
        "reason": "what is meant by interesting is not fixed",
        "model": "m-1",
        "expires": "2126-01-01T00:00:00Z",
        "patterns": ["is {n} interesting"],
        "parameters": [{"name": "n", "type": "integer"}],
    }
    status = {"attempt": 1, "outcome": "NotCompilable", "message": "no", "negative": negative}
    async with running(feed):
        async with Client(acting_as(from_kubeconfig(kubeconfig), GATEWAY)) as announcing:
            await announcing.apply(names.PROCEDURE_COMPILATION, compilation(SPACE, name), manager=MANAGER)
        await until(lambda: known.get(SPACE, name) is not None)
        assert known.negatives(SPACE).find(Request(text="Is 7 interesting?")) is None
        await client.patch(
            names.PROCEDURE_COMPILATION, name, {"status": status}, SPACE, subresource="status", manager=MANAGER
        )
        await until(lambda: known.negatives(SPACE).find(Request(text="Is 7 interesting?")) is not None)
        assert known.negatives("another").find(Request(text="Is 7 interesting?")) is None
        await client.delete(names.PROCEDURE_COMPILATION, name, SPACE)
        await until(lambda: known.negatives(SPACE).find(Request(text="Is 7 interesting?")) is None)
        assert known.get(SPACE, name) is None
