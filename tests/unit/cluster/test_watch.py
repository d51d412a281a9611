"""The cache that a watch keeps, where the stream fails: each fault ends with the cache equal to what the server has."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from seglam.cluster import Change, Client, Entry, Key, Selection, Watch
from seglam.cluster.changes import difference, disagreement
from seglam.cluster.kinds import CONFIG_MAP
from tests.unit.cluster.server import Answer, Server, refuses, says, serving

pytestmark = pytest.mark.anyio
Log = list[tuple[str, str]]


def item(name: str, version: int, value: str = "v") -> dict[str, Any]:
    """An object."""
    meta = {"name": name, "namespace": "ns", "uid": f"uid-{name}", "resourceVersion": str(version)}
    return {"metadata": meta, "data": {"k": value}}


def listed(version: int, *items: dict[str, Any]) -> Answer:
    """A list with one page."""
    return says(200, {"metadata": {"resourceVersion": str(version)}, "items": list(items)})


def streams(*events: tuple[str, dict[str, Any]], stay: bool = False, cut: int = 10_000) -> Answer:
    """A watch's stream, in chunks of `cut` bytes; `stay` leaves it open without another word."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        text = "".join(json.dumps({"type": kind, "object": body}) + "\n" for kind, body in events).encode()
        for start in range(0, len(text), cut):
            await response.write(text[start : start + cut])
            await asyncio.sleep(0)
        while stay:
            await asyncio.sleep(0.02)
            if request.transport is None or request.transport.is_closing():
                break
        return response

    return answer


def value_of(raw: bytes) -> str:
    """The object's value; an object without one is refused."""
    data = json.loads(raw).get("data")
    if not data:
        raise ValueError("no data")
    return str(data["k"])


@asynccontextmanager
async def watching(
    *answers: Answer, silence: float = 30.0, cross_check: float = 300.0
) -> AsyncIterator[tuple[Server, Watch[str], Log]]:
    """A running watch of a server that answers so, and the log of what its handler was told."""
    log: Log = []

    def note(changes: Sequence[Change[str]]) -> None:
        # The handler never sees a half-filled cache: all of a batch's changes are in it.
        assert all(watch.get(*change.key) == change.new for change in changes)
        log.extend((change.type.value, change.key.name) for change in changes)

    async with serving(*answers) as (server, client):
        watch = Watch(
            client,
            CONFIG_MAP,
            value_of,
            selection=Selection("ns", labels="a=b"),
            handler=note,
            silence=silence,
            cross_check=cross_check,
            settle=0.01,
        )
        task = asyncio.create_task(watch.run())
        try:
            yield server, watch, log
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds; the test's timeout ends a vain wait."""
    while not holds():  # noqa: ASYNC110 - what is waited for has no event
        await asyncio.sleep(0.005)


def held(watch: Watch[str]) -> dict[str, str]:
    """The cache's values by name."""
    return {key.name: entry.value for key, entry in watch.entries.items()}


async def test_a_list_and_its_events_make_the_cache() -> None:
    events = (
        ("ADDED", item("c", 11)),
        ("MODIFIED", item("a", 12, "new")),
        ("DELETED", item("b", 13)),
        ("BOOKMARK", {"metadata": {"resourceVersion": "20"}}),
    )
    for cut in (1, 7, 10_000):  # events arrive in whatever pieces the network makes of them
        answers = (listed(10, item("a", 1), item("b", 2)), streams(*events, cut=cut), streams(stay=True))
        async with watching(*answers) as (server, watch, log):
            await until(lambda: len(server.requests) == 3)
            assert held(watch) == {"a": "new", "c": "v"}
            assert log == [("added", "a"), ("added", "b"), ("added", "c"), ("changed", "a"), ("deleted", "b")]
            assert [watch.get("ns", name) for name in "ab"] == ["new", None]
            queries = [request.query for request in server.requests]
            assert [query.get("resourceVersion") for query in queries] == [None, "10", "20"]
            assert all(query["labelSelector"] == "a=b" for query in queries)
            assert queries[1]["allowWatchBookmarks"] == "true"
            assert watch.synced.is_set() and watch.lists == 1


@pytest.mark.parametrize(
    "forgotten",
    [
        refuses(410, "Expired"),
        streams(("ERROR", {"kind": "Status", "code": 410, "reason": "Expired", "message": "old"})),
    ],
)
async def test_a_forgotten_version_is_listed_again_and_swapped_in_whole(forgotten: Answer) -> None:
    answers = (
        listed(10, item("a", 1), item("b", 2), item("c", 3)),
        forgotten,
        listed(30, item("b", 2), item("c", 25, "new"), item("d", 26)),
        streams(stay=True),
    )
    async with watching(*answers) as (server, watch, log):
        await until(lambda: len(server.requests) == 4)
        assert held(watch) == {"b": "v", "c": "new", "d": "v"}
        assert log[3:] == [("changed", "c"), ("added", "d"), ("deleted", "a")]
        assert watch.lists == 2


async def test_silence_is_a_dead_connection() -> None:
    answers = (listed(10, item("a", 1)), streams(stay=True), streams(("DELETED", item("a", 11)), stay=True))
    async with watching(*answers, silence=0.1) as (server, watch, _):
        await until(lambda: watch.last_error is not None)
        assert "nothing was heard for 0.1 s" in str(watch.last_error)
        assert held(watch) == {"a": "v"}, "what is known stays"
        await until(lambda: len(watch) == 0)
        assert watch.last_error is None
        assert server.requests[2].query["resourceVersion"] == "10"


async def test_a_server_that_is_away_is_waited_for() -> None:
    answers = (refuses(403, "Forbidden", "no rights yet"), listed(10, item("a", 1)), streams(stay=True))
    async with watching(*answers) as (_, watch, log):
        await until(lambda: watch.last_error is not None)
        assert "no rights yet" in str(watch.last_error)
        assert not watch.synced.is_set()
        await watch.synced.wait()
        assert log == [("added", "a")]


async def test_an_object_that_cannot_be_read_is_not_kept_in_its_older_form() -> None:
    broken = item("a", 11)
    del broken["data"]
    answers = (listed(10, item("a", 1)), streams(("MODIFIED", broken)), streams(("MODIFIED", item("a", 12)), stay=True))
    async with watching(*answers) as (_, watch, log):
        await until(lambda: len(log) == 3)
        assert log == [("added", "a"), ("deleted", "a"), ("added", "a")]
        assert watch.refused == {}
    async with watching(listed(10, broken, item("b", 1)), streams(stay=True)) as (_, watch, log):
        await until(watch.synced.is_set)
        assert (held(watch), watch.refused) == ({"b": "v"}, {Key("ns", "a"): "11"})


async def test_what_a_watch_missed_is_found_by_the_cross_check() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        if "watch" in request.query:  # a stream that hides that b came and a went
            return await streams(stay=True)(request)
        first = not any("watch" in each.query for each in server.requests[:-1])
        return await (listed(10, item("a", 1)) if first else listed(30, item("b", 20)))(request)

    async with watching(answer, cross_check=0.05) as (server, watch, log):
        await until(lambda: watch.drifted > 0)
        await until(lambda: held(watch) == {"b": "v"})
        assert log == [("added", "a"), ("added", "b"), ("deleted", "a")]
        drifted = watch.drifted
        checks = len(server.requests)
        await until(lambda: len(server.requests) > checks + 3)
        assert (watch.drifted, watch.lists) == (drifted, 2), "no difference, no list"
        compared = [request for request in server.requests if "PartialObjectMetadataList" in request.headers["Accept"]]
        assert compared


async def test_an_end_of_streams_at_once_is_no_busy_loop() -> None:
    async with watching(listed(10), streams()) as (server, watch, _):
        await until(lambda: watch.reconnects >= 3)
        assert watch._delay >= 1.0  # pauses double: 0.2, 0.4, 0.8, ...
        assert len(server.requests) <= 5


async def test_what_a_handler_raises_ends_the_watch() -> None:
    def fail(_: Sequence[Change[str]]) -> None:
        raise RuntimeError("no index")

    async with serving(listed(10, item("a", 1))) as (_, client):
        with pytest.raises(ExceptionGroup) as ended:
            await Watch(client, CONFIG_MAP, value_of, handler=fail).run()
    assert ended.group_contains(RuntimeError, match="no index")


async def test_age_counts_from_the_last_word(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(says(200)) as (_, client):
        now = 100.0
        monkeypatch.setattr("seglam.cluster.watch.time.monotonic", lambda: now)
        watch = Watch(client, CONFIG_MAP, value_of)
        now = 130.0
        assert watch.age == 30.0


def entry(name: str, version: str, uid: str = "u") -> tuple[Key, Entry[str]]:
    """An entry with its key."""
    key = Key("ns", name)
    return key, Entry(key, uid, version, version)


def test_differences_add_before_they_delete() -> None:
    before = dict([entry("a", "1"), entry("b", "1"), entry("c", "1")])
    after = dict([entry("b", "1"), entry("c", "1", "another"), entry("d", "1")])
    found = [(change.type.value, change.key.name) for change in difference(before, after)]
    assert found == [("changed", "c"), ("added", "d"), ("deleted", "a")]
    assert list(difference(after, after)) == []


def test_disagreements_name_the_listed_version() -> None:
    a, b, c = (Key("ns", name) for name in "abc")
    assert disagreement({a: "1", b: "1"}, {b: "2", c: "3"}) == {a: None, b: "2", c: "3"}
    assert disagreement({a: "1"}, {a: "1"}) == {}


def test_a_client_is_made_without_a_running_loop() -> None:
    from seglam.cluster import Connection

    assert Client(Connection("http://127.0.0.1:1")).counts.requests == 0
