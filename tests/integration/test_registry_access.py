"""Who may do what: identity tokens, tokens, namespaces and their owners, over HTTP on both databases."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator

import pytest
from sqlmodel import select

from seglam.packs.trust.bundles import opened
from seglam.packs.trust.examination import authentic
from seglam.packs.trust.signing.key import KeySigner
from seglam.registry.access.local import FILE, LocalIssuer
from seglam.registry.tables import MemberRow, TokenRow, stamp
from tests.issuer import stranger
from tests.registry_http import ADMIN, API, Site, account, serving


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("site")
    url = f"sqlite:///{directory / 'registry.sqlite3'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres").create()
    with serving(url, directory) as made:
        yield made


def code(response: object) -> str:
    assert response.headers["content-type"] == "application/problem+json", response.text  # type: ignore[attr-defined]
    return str(response.json()["code"])  # type: ignore[attr-defined]


class TestAStolenTokenIsOfNoUse:
    def test_an_identity_token_is_exchanged_once(self, site: Site) -> None:
        token = site.identity_token("once")
        body = {"token": token, "namespace": "once-only"}
        assert site.client.post(f"{API}/tokens", json=body).status_code == 201
        again = site.client.post(f"{API}/tokens", json=body)
        assert (again.status_code, code(again)) == (401, "token-replayed")
        assert again.headers["www-authenticate"].startswith("Bearer")

    def test_also_where_the_first_exchange_was_refused(self, site: Site) -> None:
        site.claim("keeper", "kept-closed")
        token = site.identity_token("thief")
        refused = site.client.post(f"{API}/tokens", json={"token": token, "namespace": "kept-closed"})
        assert (refused.status_code, code(refused)) == (403, "namespace-foreign")
        again = site.client.post(f"{API}/tokens", json={"token": token, "namespace": "free-place"})
        assert (again.status_code, code(again)) == (401, "token-replayed")

    def test_also_without_an_id_and_with_another_spelling_of_its_signature(self, site: Site) -> None:
        token = site.identity_token("nameless", jti=None)
        assert site.client.post(f"{API}/tokens", json={"token": token, "namespace": "nameless"}).status_code == 201
        head, _, signature = token.rpartition(".")
        last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        spellings = [f"{head}.{signature[:-1]}{each}" for each in last]
        same = [
            each
            for each in spellings
            if base64.urlsafe_b64decode(each.rpartition(".")[2] + "==") == base64.urlsafe_b64decode(signature + "==")
        ]
        assert len(same) > 1, "the last character has bits that mean nothing"
        for each in same:
            again = site.client.post(f"{API}/tokens", json={"token": each, "namespace": "nameless"})
            assert again.status_code == 401
            assert code(again) == "token-replayed" or each != token

    @pytest.mark.parametrize(
        ("claims", "expected"),
        [
            ({"exp": 1}, "token-expired"),
            ({"audience": "another"}, "token-audience"),
            ({"aud": ["seglam-registry", "another"]}, "token-audience"),
            ({"iss": "https://elsewhere.example"}, "token-issuer"),
            ({"nbf": 2**33}, "token-invalid"),
            ({"exp": int(time.time()) + 400_000}, "token-lifetime"),
            ({"kubernetes.io": {}}, "token-account"),
        ],
    )
    def test_a_token_that_is_not_as_it_must_be_is_refused(
        self, site: Site, claims: dict[str, object], expected: str
    ) -> None:
        refused = site.exchange("wrong", "wrong-token", **claims)  # type: ignore[arg-type]
        assert (refused.status_code, code(refused)) == (401, expected)

    def test_a_token_of_another_key_or_no_key_is_refused(self, site: Site) -> None:
        forged = site.identity_token("forger", key=stranger())
        refused = site.client.post(f"{API}/tokens", json={"token": forged, "namespace": "forged"})
        assert (refused.status_code, code(refused)) == (401, "token-invalid")
        _, body, _ = forged.split(".")
        nothing = base64.urlsafe_b64encode(json.dumps({"alg": "none"}).encode()).rstrip(b"=").decode()
        refused = site.client.post(f"{API}/tokens", json={"token": f"{nothing}.{body}.", "namespace": "forged"})
        assert refused.status_code == 401

    def test_the_local_issuer_is_nobody_elses(self, site: Site) -> None:
        """Its name in a token that another secret signed, or the configured issuer's key, opens nothing."""
        refused = site.exchange("local", "local-place", iss="seglam:local")
        assert (refused.status_code, code(refused)) == (401, "token-invalid")
        own = LocalIssuer(site.registry.settings.data / FILE)
        body = {"token": own.mint("seglam-registry", "me"), "namespace": "local-place"}
        assert site.client.post(f"{API}/tokens", json=body).status_code == 201
        wrong = {"token": own.mint("another", "me"), "namespace": "local-place"}
        assert code(site.client.post(f"{API}/tokens", json=wrong)) == "token-audience"
        own.file.chmod(0o644)
        try:
            with pytest.raises(PermissionError):
                own.mint("seglam-registry")
        finally:
            own.file.chmod(0o600)

    def test_a_token_is_for_one_namespace(self, site: Site) -> None:
        site.claim("anna", "first-place")
        site.claim("anna", "other-place")
        token = site.token("anna", "first-place")
        etag = site.client.get(f"{API}/namespaces/other-place").headers["etag"]
        refused = site.client.patch(
            f"{API}/namespaces/other-place", json={"reviews": 1}, headers={**token, "If-Match": etag}
        )
        assert (refused.status_code, code(refused)) == (403, "namespace-foreign")

    def test_a_token_ends_after_fifteen_minutes_at_most(self, site: Site) -> None:
        given = site.exchange("shortly", "short-lived").json()
        assert given["seconds"] <= 900
        header = {"Authorization": f"Bearer {given['token']}"}
        with site.registry.database.write() as session:
            for row in session.exec(select(TokenRow).where(TokenRow.namespace == "short-lived")):
                row.expires = stamp()
                session.add(row)
        refused = site.client.post(f"{API}/namespaces", json={"name": "short-lived"}, headers=header)
        assert (refused.status_code, code(refused)) == (401, "token-expired")

    def test_only_its_hash_is_kept_and_it_can_be_given_back(self, site: Site) -> None:
        header = site.token("careful", "careful-place")
        raw = header["Authorization"].removeprefix("Bearer ")
        with site.registry.database.read() as session:
            assert session.get(TokenRow, raw) is None
        assert site.client.delete(f"{API}/tokens", headers=header).status_code == 204
        refused = site.client.post(f"{API}/namespaces", json={"name": "careful-place"}, headers=header)
        assert (refused.status_code, code(refused)) == (401, "token-unknown")

    def test_who_asks_for_more_than_allowed_gets_nothing(self, site: Site) -> None:
        site.claim("modest", "modest-place")
        refused = site.exchange("modest", "modest-place", ["publish", "administer"])
        assert (refused.status_code, code(refused)) == (403, "scope")
        only = site.exchange("modest", "modest-place", ["review"]).json()
        assert only["scopes"] == ["review"]

    def test_tokens_are_given_out_and_refused_in_the_audit_log_without_themselves(self, site: Site) -> None:
        given = site.exchange("logged", "logged-place").json()
        entries = site.client.get(f"{API}/audit", params={"subject": f"{site.registry.settings.origin}/logged-place"})
        assert [each["action"] for each in entries.json()["items"]] == ["token-issued"]
        assert given["token"] not in site.client.get(f"{API}/audit/export").text


class TestANamespaceStaysWithItsOwners:
    def test_who_claims_it_owns_it_and_nobody_else_gets_in(self, site: Site) -> None:
        made = site.claim("olga", "olgas-place")
        assert made.status_code == 201, made.text
        assert made.json()["members"][0]["subject"] == account("olga")
        refused = site.exchange("mallory", "olgas-place")
        assert (refused.status_code, code(refused)) == (403, "namespace-foreign")
        taken = site.client.post(
            f"{API}/namespaces", json={"name": "olgas-place"}, headers=site.token("olga", "olgas-place")
        )
        assert taken.status_code == 403, "the token of an owner does not claim"

    def test_an_account_that_was_registered_again_under_the_same_name_gains_nothing(self, site: Site) -> None:
        site.claim("gone", "gones-place")
        site.token("gone", "gones-place")
        site.uids["gone"] = "uid-of-somebody-else"
        refused = site.exchange("gone", "gones-place")
        assert (refused.status_code, code(refused)) == (403, "account-changed")
        site.uids["gone"] = "uid-gone"
        assert site.exchange("gone", "gones-place").status_code == 201

    def test_its_id_is_bound_when_it_claims(self, site: Site) -> None:
        site.claim("early", "earlys-place")
        site.uids["early"] = "uid-of-somebody-else"
        assert code(site.exchange("early", "earlys-place")) == "account-changed"

    def test_a_new_member_counts_after_the_cool_down(self, site: Site) -> None:
        site.claim("dora", "doras-place")
        added = site.add_member("dora", "doras-place", "emil", "publisher")
        assert added.status_code == 201, added.text
        assert code(site.exchange("emil", "doras-place")) == "namespace-foreign"
        _let_pass(site, "doras-place")
        assert site.exchange("emil", "doras-place").json()["scopes"] == ["publish", "review", "yank"]

    def test_an_owner_is_not_shut_out_at_once_and_can_cancel_it(self, site: Site) -> None:
        site.claim("fritz", "fritzs-place")
        site.add_member("fritz", "fritzs-place", "thief", "owner")
        _let_pass(site, "fritzs-place")
        members = site.client.get(f"{API}/namespaces/fritzs-place").json()["members"]
        number = next(each["id"] for each in members if each["subject"] == account("fritz"))
        removed = site.change("thief", "fritzs-place", "DELETE", f"/members/{number}")
        assert removed.status_code == 200, removed.text
        assert site.exchange("fritz", "fritzs-place").status_code == 201, "the removal takes effect later"
        kept = site.change("fritz", "fritzs-place", "POST", f"/members/{number}/keep")
        assert kept.status_code == 200, kept.text
        assert next(each for each in kept.json()["members"] if each["id"] == number)["removed"] is None

    def test_an_administrator_ends_a_fight_at_once(self, site: Site) -> None:
        site.claim("rosa", "rosas-place")
        site.add_member("rosa", "rosas-place", "thief", "owner")
        _let_pass(site, "rosas-place")
        members = site.client.get(f"{API}/namespaces/rosas-place").json()["members"]
        number = next(each["id"] for each in members if each["subject"] == account("thief"))
        assert site.change(ADMIN, "rosas-place", "DELETE", f"/members/{number}").status_code == 200
        assert code(site.exchange("thief", "rosas-place")) == "namespace-foreign"
        cancelled = site.change("rosa", "rosas-place", "POST", f"/members/{number}/keep")
        assert (cancelled.status_code, code(cancelled)) == (404, "unknown-member")

    def test_who_is_removed_has_nothing_from_a_token_of_before(self, site: Site) -> None:
        site.claim("gerda", "gerdas-place")
        site.add_member("gerda", "gerdas-place", "hans", "publisher")
        _let_pass(site, "gerdas-place")
        header = site.token("hans", "gerdas-place")
        members = site.client.get(f"{API}/namespaces/gerdas-place").json()["members"]
        number = next(each["id"] for each in members if each["subject"] == account("hans"))
        assert site.change("gerda", "gerdas-place", "DELETE", f"/members/{number}").status_code == 200
        refused = site.client.post(
            f"{API}/publications", content=b"", headers={**header, "Content-Type": "application/x-tar"}
        )
        assert (refused.status_code, code(refused)) == (403, "scope")

    def test_the_last_owner_stays(self, site: Site) -> None:
        number = site.claim("ida", "idas-place").json()["members"][0]["id"]
        refused = site.change("ida", "idas-place", "DELETE", f"/members/{number}")
        assert (refused.status_code, code(refused)) == (409, "last-owner")

    def test_every_change_is_signed_and_told(self, site: Site) -> None:
        site.claim("jana", "janas-place", keys=[KeySigner.generate().public.pem])
        site.add_member("jana", "janas-place", "karl", "reviewer")
        key = KeySigner.generate().public
        added = site.change("jana", "janas-place", "POST", "/keys", {"pem": key.pem, "role": "owner"})
        assert added.status_code == 201, added.text
        assert site.change("jana", "janas-place", "DELETE", f"/keys/{key.id}").status_code == 200
        events = site.client.get(f"{API}/namespaces/janas-place/events").json()["items"]
        assert [each["kind"] for each in events] == ["claimed", "member-added", "key-added", "key-removed"]
        for each in events:
            envelope = opened(json.dumps(each["bundle"]).encode())
            authentic(envelope, site.registry.signing.root)
            said = json.loads(envelope.payload)["predicate"]
            assert (said["kind"], said["time"]) == (each["kind"], each["time"])
            assert said["namespace"] == f"{site.registry.settings.origin}/janas-place"
        told = site.client.get(f"{API}/changes", params={"limit": 1000}).json()["items"]
        assert [e["detail"]["event"] for e in told if e["name"].endswith("/janas-place")] == [e["kind"] for e in events]

    def test_a_change_needs_what_was_seen(self, site: Site) -> None:
        etag = site.claim("lena", "lenas-place").headers["etag"]
        header = site.token("lena", "lenas-place")
        address = f"{API}/namespaces/lenas-place"
        assert site.client.patch(address, json={"reviews": 1}, headers=header).status_code == 428
        done = site.client.patch(address, json={"reviews": 1}, headers={**header, "If-Match": etag})
        assert done.status_code == 200 and done.headers["etag"] != etag
        late = site.client.patch(address, json={"reviews": 2}, headers={**header, "If-Match": etag})
        assert (late.status_code, code(late)) == (412, "changed")

    def test_fewer_reviews_are_for_an_administrator(self, site: Site) -> None:
        site.claim("mara", "maras-place", reviews=2)
        refused = site.change("mara", "maras-place", "PATCH", "", {"reviews": 0})
        assert (refused.status_code, code(refused)) == (403, "weaker-rules")
        assert site.change(ADMIN, "maras-place", "PATCH", "", {"reviews": 0}).status_code == 200

    def test_a_frozen_namespace_publishes_nothing(self, site: Site) -> None:
        site.claim("nina", "ninas-place")
        assert site.change("nina", "ninas-place", "POST", "/freeze", {"reason": "x"}).status_code == 403
        assert (
            site.change(ADMIN, "ninas-place", "POST", "/freeze", {"reason": "looked odd"}).json()["state"] == "frozen"
        )
        again = site.change(ADMIN, "ninas-place", "POST", "/freeze", {"reason": "looked odd"})
        assert (again.status_code, code(again)) == (409, "namespace-state")
        assert site.change(ADMIN, "ninas-place", "POST", "/thaw", {"reason": "it was not"}).json()["state"] == "active"


class TestALookAlikeIsRefused:
    @pytest.mark.parametrize("squat", ["modern-tools", "rnodem-tools", "m0dern-t00ls", "moderntools", "mod-ern-tools"])
    def test_a_name_that_looks_like_another(self, site: Site, squat: str) -> None:
        if site.client.get(f"{API}/namespaces/modern-tools").status_code == 404:
            assert site.claim("olaf", "modern-tools").status_code == 201
        refused = site.claim("mallory", squat) if squat != "modern-tools" else None
        if refused is not None:
            assert refused.status_code == 409
            assert code(refused) in ("name-look-alike", "name-similar")

    def test_one_typing_error_away_is_for_an_administrator(self, site: Site) -> None:
        site.claim("paul", "astronomy")
        refused = site.claim("mallory", "astronomv")
        assert (refused.status_code, code(refused)) == (409, "name-similar")
        given = site.claim(ADMIN, "astronomv", similar=True)
        assert given.status_code == 201, given.text
        never = site.claim(ADMIN, "astr0nomy", similar=True)
        assert (never.status_code, code(never)) == (409, "name-look-alike")

    def test_names_that_speak_for_the_registry(self, site: Site) -> None:
        refused = site.claim("mallory", "official")
        assert (refused.status_code, code(refused)) == (403, "name-reserved")


class TestTheSameRequestTwice:
    def test_is_done_once_and_answered_twice(self, site: Site) -> None:
        header = {**site.token("quinn", "quinns-place"), "Idempotency-Key": "one"}
        first = site.client.post(f"{API}/namespaces", json={"name": "quinns-place"}, headers=header)
        again = site.client.post(f"{API}/namespaces", json={"name": "quinns-place"}, headers=header)
        assert (first.status_code, again.status_code) == (201, 201)
        assert first.json() == again.json()
        assert again.headers["idempotent-replayed"] == "true" and again.headers["etag"] == first.headers["etag"]
        other = site.client.post(f"{API}/namespaces", json={"name": "quinns-other"}, headers=header)
        assert (other.status_code, code(other)) == (422, "idempotency-key-reused")


def _let_pass(site: Site, namespace: str) -> None:
    """Let the cool-down of all changes of a namespace be over."""
    with site.registry.database.write() as session:
        for row in session.exec(select(MemberRow).where(MemberRow.namespace == namespace)):
            row.active_from = min(row.active_from, stamp())
            session.add(row)
