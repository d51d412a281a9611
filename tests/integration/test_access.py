"""Who may do what over HTTP: keys, tokens, scopes, limits, promotion between tenants."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglam.gateway import Service
from seglam.gateway.access.keys import STALE_S, KeyRefused, Keys, KeysUnknown
from seglam.gateway.access.limits import Limits, Meter, Meters
from seglam.gateway.store import State, Store
from seglam.web import Problem
from tests.documents import document
from tests.issuer import ISSUER, Issuer, issuing
from tests.services import listening, running

FILE = """
issuers:
  - {{issuer: {issuer}, audience: seglam, jwksUri: "http://127.0.0.1:{port}/openid/v1/jwks"}}
identities:
  - {{issuer: {issuer}, claims: {{groups: reviewers}}, tenant: default, scopes: [read, review]}}
  - {{issuer: {issuer}, subject: "bot-*", tenant: team-b, scopes: [ask]}}
tenants:
  team-b: {{acceptsFrom: [default]}}
  slow: {{requestsPerSecond: 0.01, burst: 2}}
"""
Keyed = dict[str, str]


class World:
    """A service that wants credentials.

    Attributes:
        keys: the headers of a key by tenant and scope.
    """

    def __init__(self, service: Service, client: httpx2.Client, issuer: Issuer) -> None:
        self.service, self.client, self.issuer = service, client, issuer

    def key(self, tenant: str, *scopes: str, owner: str = "ana", expires: datetime | None = None) -> Keyed:
        _, text = self.service.access.keys.create(tenant, owner, scopes, creator="test", expires=expires)
        return {"Authorization": f"Bearer {text}"}

    def code(self, method: str, path: str, headers: Keyed | None = None, body: object = None) -> tuple[int, str | None]:
        reply = self.client.request(method, path, headers=headers, json=body)
        return reply.status_code, reply.json().get("code")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("access")
    with issuing() as issuer:
        file = directory / "access.yaml"
        file.write_text(FILE.format(issuer=ISSUER, port=issuer.port))
        with (
            running(directory, documents=[document()], access="required", access_file=file) as service,
            listening(service) as client,
        ):
            yield World(service, client, issuer)


def test_nobody_comes_in_without_credentials(world: World) -> None:
    reply = world.client.post("/v1/requests", json={"text": "double 4"})
    assert (reply.status_code, reply.json()["code"]) == (401, "token-missing")
    assert reply.headers["WWW-Authenticate"] == "Bearer"
    expired = world.key("default", "ask", expires=datetime.now(UTC) - timedelta(seconds=1))
    for headers, code in (
        ({"Authorization": "Bearer sgl_" + "0" * 16 + "_" + "0" * 64}, "key-invalid"),
        ({"Authorization": "Bearer sgl_nonsense"}, "key-invalid"),
        (expired, "key-expired"),
        ({"Authorization": "Basic eDp5"}, "token-missing"),
        ({"Authorization": f"Bearer {world.issuer.token('bot-1', 'other')}"}, "token-audience"),
        ({"Authorization": "Bearer not.a.token"}, "token-issuer"),
    ):
        for method, path in (("POST", "/v1/requests"), ("GET", "/v1/procedures"), ("GET", "/v1/keys")):
            assert world.code(method, path, headers, {"text": "double 4"}) == (401, code), path
    assert world.client.get("/healthz").status_code == 200


def test_a_key_is_its_tenants_and_allows_its_scopes_only(world: World) -> None:
    asks, reads = world.key("default", "ask"), world.key("default", "read")
    answer = world.client.post("/v1/requests", headers=asks, json={"text": "double 4"})
    assert answer.json()["answer"] == "8"
    for method, path, headers in (
        ("GET", "/v1/procedures", asks),
        ("GET", "/v1/savings", asks),
        ("GET", "/v1/traffic", asks),
        ("GET", "/v1/compilations", asks),
        ("GET", "/v1/negatives", asks),
        ("GET", "/v1/reviews", asks),
        ("GET", f"/v1/answers/{answer.json()['id']}/trace", asks),
        ("POST", "/v1/requests", reads),
        ("POST", "/v1/keys", reads),
        ("GET", "/v1/keys", reads),
        ("POST", "/v1/revisions/sha256:0/reviews", reads),
        ("POST", "/v1/procedures/double/promote", reads),
    ):
        assert world.code(method, path, headers, {"text": "double 4"}) == (403, "scope-missing"), path
    miss = world.client.post("/v1/requests", headers=asks, json={"text": "no such type"})
    assert miss.status_code == 504 and "collapsed" not in miss.headers["Cache-Status"]
    digest = answer.json()["revision"]
    other = world.key("team-c", "ask", "read", "review")
    assert world.code("POST", "/v1/requests", other, {"text": "double 4"})[0] == 504
    assert world.code("GET", f"/v1/revisions/{digest}", other) == (404, "unknown-revision")
    assert world.code("GET", "/v1/procedures/double", other) == (404, "unknown-procedure")
    assert world.client.get("/v1/procedures", headers=other).json()["procedures"] == []
    assert world.client.get("/v1/savings", headers=other).json()["counts"]["hits"] == 0
    assert world.code("GET", f"/v1/answers/{answer.json()['id']}/trace", other) == (404, "unknown-answer")
    assert world.client.get("/v1/traffic", headers=other).json()["misses"][0]["requests"] == 1  # its own alone
    body = {"decision": "quarantine", "reason": "mine"}
    assert world.code("POST", f"/v1/revisions/{digest}/reviews", other, body) == (404, "unknown-revision")


def test_keys_are_made_listed_and_revoked_by_their_tenants_administrators(world: World) -> None:
    admin, stranger = world.key("team-d", "admin"), world.key("team-e", "admin")
    body = {"owner": "ci", "scopes": ["ask"], "expiresInDays": 3, "limits": {"concurrent": 2, "dailyMoney": "1.50"}}
    made = world.client.post("/v1/keys", headers=admin, json=body)
    assert made.status_code == 201 and made.headers["Cache-Control"] == "no-store"
    text, identity = made.json()["key"], made.json()["id"]
    assert made.json()["tenant"] == "team-d" and made.json()["limits"] == {"concurrent": 2, "dailyMoney": "1.50"}
    headers = {"Authorization": f"Bearer {text}"}
    assert world.code("POST", "/v1/requests", headers, {"text": "double 4"})[0] == 504
    listed = world.client.get("/v1/keys", headers=admin)
    assert identity in listed.text and text not in listed.text and text.rpartition("_")[2] not in listed.text
    assert identity not in world.client.get("/v1/keys", headers=stranger).text
    assert world.code("DELETE", f"/v1/keys/{identity}", stranger) == (404, "unknown-key")
    assert world.client.delete(f"/v1/keys/{identity}", headers=admin).json()["revoked"]
    assert world.code("POST", "/v1/requests", headers, {"text": "double 4"}) == (401, "key-invalid")
    for wrong in (
        {},
        {"owner": "x", "scopes": ["all"]},
        {"owner": "x", "limits": {"burst": 0}},
        {"owner": "x", "a": 1},
    ):
        assert world.code("POST", "/v1/keys", admin, wrong) == (400, "bad-request")
    path = world.service.store.path
    with sqlite3.connect(path) as file:
        assert text.rpartition("_")[2] not in "".join(map(str, file.execute("SELECT * FROM access_keys")))


def test_tokens_are_mapped_by_issuer_subject_and_claims(world: World) -> None:
    def token(subject: str, **claims: Any) -> Keyed:
        return {"Authorization": f"Bearer {world.issuer.token(subject, **claims)}"}

    assert world.code("GET", "/v1/procedures", token("eve", groups=["staff", "reviewers"]))[0] == 200
    assert world.code("POST", "/v1/requests", token("eve", groups="reviewers"), {"text": "x"}) == (403, "scope-missing")
    assert world.code("POST", "/v1/requests", token("bot-7"), {"text": "double 4"})[0] == 504, "team-b has nothing"
    assert world.code("GET", "/v1/procedures", token("eve", groups=["staff"])) == (403, "no-tenant")
    assert world.code("GET", "/v1/procedures", token("system:serviceaccount:default:x")) == (403, "no-tenant")
    assert world.code("GET", "/v1/procedures", token("eve", iss="https://other.example")) == (401, "token-issuer")


def test_sharing_is_by_promotion_and_review(world: World) -> None:
    promoter = world.key("default", "read", "review", owner="zoe")
    assert world.code("POST", "/v1/procedures/double/promote", promoter, {"to": "team-c"}) == (403, "not-accepted")
    assert world.code("POST", "/v1/procedures/none/promote", promoter, {"to": "team-b"}) == (404, "unknown-procedure")
    done = world.client.post("/v1/procedures/double/promote", headers=promoter, json={"to": "team-b"})
    assert done.status_code == 202 and set(done.json()) == {"name", "digest", "to"}
    asks = world.key("team-b", "ask")
    assert world.code("POST", "/v1/requests", asks, {"text": "double 4"})[0] == 504, "nobody has approved it there"
    (row,) = world.service.tenant("team-b").store.revisions(State.PROPOSED)
    (source,) = world.service.store.active()
    assert (row.promoted_from, row.origin, row.digest) == ("default", source.origin, source.digest)
    url, body = f"/v1/revisions/{row.digest}/reviews", {"decision": "approve", "reason": "useful here"}
    own = world.key("team-b", "read", "review", owner="zoe")
    assert world.code("POST", url, own, body) == (403, "four-eyes"), "who promotes it is one of its authors"
    reviewer = world.key("team-b", "read", "review", owner="eve")
    assert world.code("POST", url, reviewer, {**body, "reviewer": "ana"}) == (403, "other-reviewer")
    assert world.client.post(url, headers=reviewer, json=body).status_code == 201
    assert world.client.post("/v1/requests", headers=asks, json={"text": "double 4"}).json()["answer"] == "8"
    assert world.client.get("/v1/savings", headers=reviewer).json()["counts"]["hits"] == 1


def test_a_tenant_beyond_its_rate_waits_and_others_do_not(world: World) -> None:
    slow, free = world.key("slow", "read"), world.key("default", "read")
    assert [world.code("GET", "/v1/procedures", slow)[0] for _ in range(2)] == [200, 200]
    reply = world.client.get("/v1/procedures", headers=slow)
    assert (reply.status_code, reply.json()["code"]) == (429, "rate-limited")
    assert 1 <= int(reply.headers["Retry-After"]) <= 100
    assert reply.headers["RateLimit-Policy"] == '"tenant";q=2;w=200'
    assert reply.headers["RateLimit"].startswith('"tenant";r=0;t=')
    assert world.code("GET", "/v1/procedures", world.key("slow", "read")) == (429, "rate-limited"), "its other key too"
    assert {world.code("GET", "/v1/procedures", free)[0] for _ in range(5)} == {200}


def test_a_bucket_fills_with_time_and_places_are_given_back() -> None:
    now = [0.0]
    meter = Meter(Limits(requests_per_second=2, burst=3, concurrent=2), "tenant", lambda: now[0])
    for _ in range(3):
        meter.count()
    with pytest.raises(Problem) as refused:
        meter.count()
    assert refused.value.headers["Retry-After"] == "1"
    now[0] = 0.5
    meter.count()
    with pytest.raises(Problem):
        meter.count()
    now[0] = 1000.0
    for _ in range(3):
        meter.count()
    with meter.turn():
        with meter.turn(), pytest.raises(Problem, match="2 requests") as full, meter.turn():
            pass
        assert full.value.code == "too-many-at-once" and full.value.headers["Retry-After"] == "1"
        with meter.turn():
            pass


@given(st.integers(1, 9), st.integers(1, 60), st.integers(1, 60), st.integers(1, 60))
def test_replicas_together_admit_what_is_stated(replicas: int, rate: int, burst: int, places: int) -> None:
    limits = Limits(requests_per_second=rate, burst=burst, concurrent=places, daily_tokens=7)
    share = limits.shared(replicas)
    assert share.requests_per_second is not None and share.requests_per_second * replicas == pytest.approx(rate)
    assert share.burst is not None and (share.burst * replicas <= burst or share.burst == 1)
    assert share.concurrent is not None and (share.concurrent * replicas <= places or share.concurrent == 1)
    assert share.daily_tokens == 7, "the ledger counts these for all"
    assert Limits(concurrent=None, daily_tokens=7).shared(replicas) == Limits(daily_tokens=7)


def test_each_replica_admits_its_share_until_the_limits_change() -> None:
    now, limits = [0.0], Limits(requests_per_second=4, burst=6)
    doors = [Meters("tenant", 2, lambda: now[0]) for _ in range(2)]
    admitted = 0
    for _ in range(10):
        for door in doors:
            meter = door.of("shop", limits)
            assert meter is not None
            with suppress(Problem):
                meter.count()
                admitted += 1
    assert admitted == 6
    more = doors[0].of("shop", Limits(requests_per_second=4, burst=8))
    assert more is not None and more.limits.burst == 4


def test_a_key_is_checked_without_its_database_for_a_stated_time(tmp_path: Path) -> None:
    now = [0.0]
    store = Store(tmp_path / "seglam.sqlite3")
    here, elsewhere = Keys(store.keeping, clock=lambda: now[0]), Keys(store.keeping)
    with pytest.raises(KeysUnknown):
        here.check("sgl_x")
    key, text = elsewhere.create("default", "ana", ["ask"], creator="test")
    here.refresh()
    assert here.check(text).id == key.id
    elsewhere.revoke(key.id)
    assert here.check(text).id == key.id, "until it is read again"
    here.refresh()
    with pytest.raises(KeyRefused):
        here.check(text)
    other, text = elsewhere.create("default", "ana", ["ask"], creator="test")
    here.refresh()
    here.check(text)
    here.write_used()
    assert {each.id: each.used is not None for each in here.all()} == {key.id: True, other.id: True}
    now[0] = STALE_S + 1
    with pytest.raises(KeysUnknown):
        here.check(text)
    for each in (here, elsewhere):
        each.close()
    store.close()
