"""The registry's API over HTTP, on both databases: search, versions, decisions, reviews, `/v2/`, publishing."""

from __future__ import annotations

import io
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from seglam.packs import oci
from seglam.packs.layout import ImageLayout, Packed, tar_bytes
from seglam.packs.pack import Pack
from seglam.packs.trust.bundles import opened
from seglam.packs.trust.examination import authentic
from seglam.packs.trust.predicates import Review, ReviewedProcedure
from seglam.packs.trust.signing import SigningFailed
from seglam.packs.trust.signing.key import KeySigner
from seglam.packs.trust.statements import Statement
from seglam.registry.api import publications
from seglam.registry.api.receiving import AT_ONCE, EACH
from seglam.registry.tables import BlobRow
from tests import packs
from tests.issuer import ISSUER
from tests.registries import ORIGIN, doubling, provenance
from tests.registry_http import ADMIN, API, Site, account, serving, signed

PUBLISHER = KeySigner.generate()
REVIEWER = KeySigner.generate()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("site")
    url = f"sqlite:///{directory / 'registry.sqlite3'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres").create()
    with serving(url, directory, cooldown_s=0) as made:
        assert made.claim("alice", "acme", keys=[PUBLISHER.public.pem]).status_code == 201
        assert made.add_member("alice", "acme", "bob", "reviewer").status_code == 201
        body = {"pem": REVIEWER.public.pem, "role": "reviewer", "holder": {"issuer": ISSUER, "subject": account("bob")}}
        assert made.change("alice", "acme", "POST", "/keys", body).status_code == 201
        yield made


def made(site: Site, name: str, version: str = "1.0.0", **more: Any) -> Pack:
    """A pack that is published, with its provenance."""
    pack = packs.pack(
        f"{ORIGIN}/acme/{name}", version, documents=[doubling(name, **more)], description=f"About {name}."
    )
    site.put(pack, "alice", signed(pack, PUBLISHER))
    return pack


def names_of(response: Any) -> list[str]:
    assert response.status_code == 200, response.text
    return [item["name"].rpartition("/")[2] for item in response.json()["items"]]


class TestSearch:
    @pytest.fixture(scope="class", autouse=True)
    def some(self, site: Site) -> None:
        for name in ("easter-dates", "easter-eggs", "date-sums", "leap-years"):
            made(site, name)

    def test_words_and_beginnings_of_words(self, site: Site) -> None:
        assert set(names_of(site.client.get(f"{API}/packs", params={"q": "easter"}))) == {"easter-dates", "easter-eggs"}
        assert set(names_of(site.client.get(f"{API}/packs", params={"q": "EAST dat"}))) == {"easter-dates"}
        assert names_of(site.client.get(f"{API}/packs", params={"q": "nothing-like-it"})) == []
        assert names_of(site.client.get(f"{API}/packs", params={"q": "%_'\"; --"})) == []

    def test_a_word_in_the_name_comes_before_one_in_a_description(self, site: Site) -> None:
        pack = packs.pack(f"{ORIGIN}/acme/aaa", documents=[doubling("aaa")], description="Also of leap years.")
        site.put(pack, "alice", signed(pack, PUBLISHER))
        assert names_of(site.client.get(f"{API}/packs", params={"q": "leap"})) == ["leap-years", "aaa"]

    def test_facets_narrow_and_are_counted(self, site: Site) -> None:
        counted = site.client.get(f"{API}/packs", params={"q": "easter", "facets": "true"}).json()["facets"]
        assert counted["namespace"] == {"acme": 2} and counted["licence"] == {"Apache-2.0": 2}
        assert counted["valueType"] == {"integer": 2} and sum(counted["engine"].values()) == 2
        assert len(names_of(site.client.get(f"{API}/packs", params={"q": "easter", "valueType": "integer"}))) == 2
        assert names_of(site.client.get(f"{API}/packs", params={"q": "easter", "valueType": "decimal"})) == []
        assert names_of(site.client.get(f"{API}/packs", params={"origin": "elsewhere.example"})) == []
        both = site.client.get(f"{API}/packs", params=[("q", "easter"), ("licence", "MIT"), ("licence", "Apache-2.0")])
        assert len(names_of(both)) == 2

    def test_pages_hold_each_pack_once_also_where_others_are_published_meanwhile(self, site: Site) -> None:
        found: list[str] = []
        response = site.client.get(f"{API}/packs", params={"q": "eas", "limit": 1})
        before = names_of(site.client.get(f"{API}/packs", params={"q": "eas"}))
        for number in range(10):
            found += names_of(response)
            made(site, f"east-{site.client.base_url.port}-{number}")
            if "next" not in response.links:
                break
            response = site.client.get(response.links["next"]["url"])
        assert [name for name in found if name in before] == before
        assert len(found) == len(set(found))

    def test_a_cursor_of_another_list_is_refused(self, site: Site) -> None:
        for cursor in ("x", "W10", "WzEsMl0", "bm8", "WyJhIl0"):
            refused = site.client.get(f"{API}/packs", params={"cursor": cursor})
            assert (refused.status_code, refused.json()["code"]) == (422, "cursor-invalid")


class TestAVersion:
    def test_is_shown_with_an_entity_tag(self, site: Site) -> None:
        pack = made(site, "shown")
        address = f"{API}/packs/acme/shown/versions/1.0.0"
        response = site.client.get(address)
        assert response.json()["digest"] == pack.digest and response.json()["state"] == "available"
        assert response.json()["procedures"][0]["name"] == "shown"
        again = site.client.get(address, headers={"If-None-Match": f'"x", W/{response.headers["etag"]}'})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == response.headers["etag"]

    def test_versions_are_listed_highest_first(self, site: Site) -> None:
        for version in ("1.0.0", "1.10.0", "1.9.0", "1.10.0-rc.1", "1.10.0-rc.11", "1.10.0-rc.2"):
            made(site, "many-versions", version)
        address = f"{API}/packs/acme/many-versions/versions"
        expected = ["1.10.0", "1.10.0-rc.11", "1.10.0-rc.2", "1.10.0-rc.1", "1.9.0", "1.0.0"]
        assert [item["version"] for item in site.client.get(address).json()["items"]] == expected
        found: list[str] = []
        response = site.client.get(address, params={"limit": 4})
        while True:
            found += [item["version"] for item in response.json()["items"]]
            if "next" not in response.links:
                break
            response = site.client.get(response.links["next"]["url"])
        assert found == expected
        assert site.client.get(f"{API}/packs/acme/many-versions").json()["newest"] == "1.10.0"

    def test_what_is_not_there_is_said(self, site: Site) -> None:
        made(site, "here-is-one")
        for address, code in (
            ("acme/nowhere", "unknown-pack"),
            ("acme/nowhere/versions", "unknown-pack"),
            ("acme/nowhere/versions/1.0.0", "unknown-pack"),
            ("acme/here-is-one/versions/2.0.0", "unknown-version"),
            ("acme/here-is-one/versions/01.0.0", "unknown-version"),
        ):
            refused = site.client.get(f"{API}/packs/{address}")
            assert (refused.status_code, refused.json()["code"]) == (404, code)

    def test_its_attestations_come_with_their_bundles(self, site: Site) -> None:
        pack = made(site, "attested")
        address = f"{API}/packs/acme/attested/versions/1.0.0/attestations"
        (item,) = site.client.get(address, params={"content": "true"}).json()["items"]
        assert item["keyId"] == PUBLISHER.identity and item["mode"] == "Key"
        assert Statement.read(opened(json.dumps(item["bundle"]).encode()).payload).digest == pack.digest
        assert site.client.get(address, params={"predicateType": "x"}).json()["items"] == []

    def test_its_archive_is_the_layout_with_all_bundles(self, site: Site) -> None:
        pack = made(site, "archived")
        response = site.client.get(f"{API}/archives/{pack.digest}")
        with ImageLayout.read(io.BytesIO(response.content)) as layout:
            assert layout.digests() == (pack.digest,)
            assert layout.pack().manifest == pack.manifest and len(layout.bundles(pack.digest)) == 1
        again = site.client.get(f"{API}/archives/{pack.digest}", headers={"If-None-Match": response.headers["etag"]})
        assert again.status_code == 304
        assert site.client.get(f"{API}/archives/sha256:{'0' * 64}").status_code == 404


class TestADecision:
    def decide(self, site: Site, name: str, what: str, by: str = "alice", **headers: str) -> Any:
        address = f"{API}/packs/acme/{name}/versions/1.0.0"
        given = {"If-Match": site.client.get(address).headers["etag"], **site.token(by, "acme"), **headers}
        return site.client.post(f"{address}/{what}", json={"reason": "it is wrong"}, headers=given)

    def test_a_yank_is_signed_and_taken_back(self, site: Site) -> None:
        pack = made(site, "yanked")
        made(site, "yanked", "0.9.0")
        done = self.decide(site, "yanked", "yank")
        assert done.status_code == 200 and done.json()["state"] == "yanked", done.text
        assert site.client.get(f"{API}/packs/acme/yanked").json()["newest"] == "0.9.0"
        (said,) = done.json()["statuses"]
        listed = site.client.get(
            f"{API}/packs/acme/yanked/versions/1.0.0/attestations", params={"content": "true"}
        ).json()["items"]
        bundle = next(each["bundle"] for each in listed if each["digest"] == said["bundle"])
        envelope = opened(json.dumps(bundle).encode())
        authentic(envelope, site.registry.signing.root)
        statement = Statement.read(envelope.payload)
        assert (statement.digest, statement.predicate.document()["status"]) == (pack.digest, "yanked")
        assert site.client.get(f"/v2/{pack.release.name}/manifests/1.0.0").status_code == 200
        back = self.decide(site, "yanked", "restore")
        assert back.json()["state"] == "available" and len(back.json()["statuses"]) == 2
        assert site.client.get(f"{API}/packs/acme/yanked").json()["newest"] == "1.0.0"

    def test_it_needs_what_was_seen(self, site: Site) -> None:
        made(site, "seen")
        address = f"{API}/packs/acme/seen/versions/1.0.0"
        header, body = site.token("alice", "acme"), {"reason": "x"}
        assert site.client.post(f"{address}/yank", json=body, headers=header).status_code == 428
        old = site.client.get(address).headers["etag"]
        assert self.decide(site, "seen", "yank").status_code == 200
        late = site.client.post(f"{address}/restore", json=body, headers={**header, "If-Match": old})
        assert (late.status_code, late.json()["code"]) == (412, "changed")
        again = self.decide(site, "seen", "yank")
        assert (again.status_code, again.json()["code"]) == (409, "version-state")

    def test_what_is_quarantined_is_given_to_members_only_and_restored_by_administrators(self, site: Site) -> None:
        pack = made(site, "quarantined")
        assert self.decide(site, "quarantined", "quarantine", "bob").status_code == 403
        assert self.decide(site, "quarantined", "quarantine").json()["state"] == "quarantined"
        repository, archive = f"/v2/{pack.release.name}", f"{API}/archives/{pack.digest}"
        for address in (f"manifests/{pack.digest}", "manifests/1.0.0", f"blobs/{pack.parts[1][0].digest}"):
            refused = site.client.get(f"{repository}/{address}")
            assert (refused.status_code, refused.json()["errors"][0]["code"]) == (403, "DENIED")
        assert site.client.get(f"{repository}/tags/list").json()["tags"] == []
        assert site.client.get(archive).json()["code"] == "quarantined"
        assert site.client.get(archive, headers=site.token("bob", "acme")).status_code == 200
        assert "quarantined" not in names_of(site.client.get(f"{API}/packs", params={"q": "quarantined"}))
        assert self.decide(site, "quarantined", "restore").status_code == 403
        assert self.decide(site, "quarantined", "restore", ADMIN).json()["state"] == "available"
        assert site.client.get(archive).status_code == 200

    def test_what_is_deleted_leaves_its_name_and_what_was_signed(self, site: Site) -> None:
        pack, sibling = made(site, "deleted"), made(site, "deleted", "1.1.0")
        address, repository = f"{API}/packs/acme/deleted/versions/1.1.0", f"/v2/{pack.release.name}"
        bundle = site.client.get(f"{address}/attestations").json()["items"][0]["digest"]
        header = {"If-Match": site.client.get(address).headers["etag"]}
        for by, status in (("alice", 403), (ADMIN, 204)):
            given = {**site.token(by, "acme"), **header}
            done = site.client.delete(address, params={"reason": "it held a name"}, headers=given)
            assert done.status_code == status, done.text
        gone = site.client.get(address)
        assert (gone.status_code, gone.json()["code"]) == (410, "deleted")
        assert site.client.get(f"{API}/archives/{sibling.digest}").status_code == 410
        assert site.client.get(f"{repository}/manifests/1.1.0").status_code == 404
        assert site.client.get(f"{repository}/blobs/{sibling.parts[0][0].digest}").status_code == 404
        assert site.client.get(f"{repository}/blobs/{bundle}").status_code == 200
        assert site.client.get(f"{API}/archives/{pack.digest}").status_code == 200, "its sibling has the same files"
        assert site.client.get(f"{API}/packs/acme/deleted").json()["newest"] == "1.0.0"
        listed = site.client.get(f"{API}/packs/acme/deleted/versions").json()["items"]
        assert [(each["version"], each["state"]) for each in listed] == [("1.1.0", "deleted"), ("1.0.0", "available")]

    def test_nothing_is_decided_where_it_cannot_be_signed(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        made(site, "unsigned")
        before = site.client.get(f"{API}/packs/acme/unsigned/versions/1.0.0").text

        def fails(_: object, statement: bytes) -> bytes:
            raise SigningFailed("log-down", "the log is down", retriable=True)

        monkeypatch.setattr(type(site.registry.signing.signer), "sign", fails)
        refused = self.decide(site, "unsigned", "yank")
        assert (refused.status_code, refused.json()["code"]) == (503, "signing-log-down")
        assert int(refused.headers["retry-after"]) > 0
        assert site.client.get(f"{API}/packs/acme/unsigned/versions/1.0.0").text == before

    def test_the_same_request_twice_is_one_decision(self, site: Site) -> None:
        made(site, "twice")
        address = f"{API}/packs/acme/twice/versions/1.0.0"
        etag = site.client.get(address).headers["etag"]
        header = {**site.token("alice", "acme"), "If-Match": etag, "Idempotency-Key": "yank-twice"}
        first, again = (site.client.post(f"{address}/yank", json={"reason": "x"}, headers=header) for _ in range(2))
        assert (first.status_code, again.status_code) == (200, 200) and first.json() == again.json()
        assert len(site.client.get(address).json()["statuses"]) == 1


class TestAReview:
    def review(self, pack: Pack, signer: KeySigner = REVIEWER, **more: Any) -> str:
        about = [ReviewedProcedure(name=each.name, digest=each.digest) for each in pack.manifest_model.procedures]
        given: dict[str, Any] = {
            "procedures": about,
            "decision": "approve",
            "reviewer": account("bob"),
            "authors": [account("alice")],
            "time": "2026-01-01T00:00:00Z",
            **more,
        }
        return signer.sign(Statement(pack.release.purl, pack.digest, Review(**given)).to_bytes()).decode()

    def send(self, site: Site, pack: Pack, bundle: str, by: str = "bob") -> Any:
        address = f"{API}/packs/acme/{pack.release.name.pack}/versions/{pack.release.version}/reviews"
        return site.client.post(address, json={"bundle": bundle}, headers=site.token(by, "acme"))

    def test_is_kept_as_a_referrer_and_counts_once(self, site: Site) -> None:
        pack = made(site, "reviewed")
        bundle = self.review(pack)
        done = self.send(site, pack, bundle)
        assert done.status_code == 201, done.text
        assert done.json()["reviewer"] == {"issuer": ISSUER, "subject": account("bob")}
        index = site.client.get(f"/v2/{pack.release.name}/referrers/{pack.digest}").json()["manifests"]
        assert len(index) == 2 and index[1]["annotations"]["dev.sigstore.bundle.predicateType"] == Review.uri
        manifest = site.client.get(f"/v2/{pack.release.name}/manifests/{index[1]['digest']}").json()
        layer = manifest["layers"][0]["digest"]
        assert site.client.get(f"/v2/{pack.release.name}/blobs/{layer}").text == bundle
        again = self.send(site, pack, self.review(pack, time="2026-01-02T00:00:00Z"))
        assert (again.status_code, again.json()["code"]) == (409, "review-exists")
        other = self.send(site, pack, self.review(pack, decision="reject"))
        assert other.status_code == 201
        listed = site.client.get(f"{API}/packs/acme/reviewed/versions/1.0.0/reviews").json()["items"]
        assert [each["decision"] for each in listed] == ["approve", "reject"]

    def test_nobody_reviews_their_own(self, site: Site) -> None:
        pack = made(site, "own-review")
        bundle = self.review(pack, PUBLISHER, reviewer=account("alice"), authors=["somebody else"])
        refused = self.send(site, pack, bundle, "alice")
        assert (refused.status_code, refused.json()["code"]) == (403, "self-review")
        stated = self.send(site, pack, self.review(pack, authors=[account("bob")]))
        assert (stated.status_code, stated.json()["code"]) == (403, "self-review")

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            ({"signer": KeySigner.generate()}, "bundle-key"),
            ({"signer": PUBLISHER}, "bundle-key"),
            ({"reviewer": "somebody"}, "reviewer"),
            ({"expires": "2026-01-02T00:00:00Z"}, "review-expired"),
            ({"procedures": [ReviewedProcedure(name="other", digest="sha256:" + "0" * 64)]}, "procedures"),
        ],
    )
    def test_what_is_not_theirs_or_not_of_it_is_refused(
        self, site: Site, change: dict[str, Any], expected: str
    ) -> None:
        pack = packs.pack(f"{ORIGIN}/acme/refused", documents=[doubling("refused")])
        if site.client.get(f"{API}/packs/acme/refused").status_code == 404:
            site.put(pack, "alice", signed(pack, PUBLISHER))
        refused = self.send(site, pack, self.review(pack, **change))
        assert (refused.status_code, refused.json()["code"]) == (422, expected)

    def test_a_review_of_another_pack_or_another_statement_is_refused(self, site: Site) -> None:
        pack, other = made(site, "transplanted"), made(site, "transplant-source")
        assert self.send(site, pack, self.review(other)).json()["code"] == "bundle-name"
        assert self.send(site, pack, "{}").json()["code"] == "bundle-malformed"
        kind = REVIEWER.sign(Statement(pack.release.purl, pack.digest, provenance(pack)).to_bytes()).decode()
        assert self.send(site, pack, kind).json()["code"] == "bundle-predicate-type"


class TestDistribution:
    """The pull side of the OCI distribution specification 1.1."""

    def test_manifests_and_blobs(self, site: Site) -> None:
        pack = made(site, "pulled")
        repository = f"/v2/{pack.release.name}"
        for reference in ("1.0.0", pack.digest):
            for method in ("GET", "HEAD"):
                response = site.client.request(method, f"{repository}/manifests/{reference}")
                assert response.status_code == 200
                assert response.headers["docker-content-digest"] == pack.digest
                assert response.headers["content-type"] == oci.MANIFEST
                assert response.headers["content-length"] == str(len(pack.manifest))
                assert response.content == (pack.manifest if method == "GET" else b"")
        tag = f'"{pack.digest}"'
        assert site.client.get(f"{repository}/manifests/1.0.0", headers={"If-None-Match": tag}).status_code == 304
        for descriptor, data in pack.parts:
            response = site.client.get(f"{repository}/blobs/{descriptor.digest}")
            assert response.content == data and "immutable" in response.headers["cache-control"]
            head = site.client.head(f"{repository}/blobs/{descriptor.digest}")
            assert head.headers["content-length"] == str(len(data)) and head.content == b""

    @pytest.mark.parametrize(
        ("asked", "status", "first", "last"),
        [
            ("bytes=0-9", 206, 0, 9),
            ("bytes=10-", 206, 10, None),
            ("bytes=-5", 206, -5, None),
            ("bytes=5-2", 200, 0, None),
            ("bytes=0-99999999", 206, 0, None),
            ("bytes=0-1,3-4", 200, 0, None),
            ("lines=1-2", 200, 0, None),
        ],
    )
    def test_ranges(self, site: Site, asked: str, status: int, first: int, last: int | None) -> None:
        if site.client.get(f"{API}/packs/acme/ranged").status_code == 404:
            made(site, "ranged")
        pack = packs.pack(f"{ORIGIN}/acme/ranged", documents=[doubling("ranged")], description="About ranged.")
        descriptor, data = pack.parts[1]
        address = f"/v2/{pack.release.name}/blobs/{descriptor.digest}"
        response = site.client.get(address, headers={"Range": asked})
        assert response.status_code == status
        assert response.content == data[first : None if last is None else last + 1]
        beyond = site.client.get(address, headers={"Range": f"bytes={len(data)}-"})
        assert beyond.status_code == 416 and beyond.headers["content-range"] == f"bytes */{len(data)}"

    def test_tags_in_pages(self, site: Site) -> None:
        for version in ("1.0.0", "1.10.0", "1.2.0"):
            made(site, "tagged", version)
        repository = f"/v2/{ORIGIN}/acme/tagged"
        assert site.client.get(f"{repository}/tags/list").json()["tags"] == ["1.0.0", "1.10.0", "1.2.0"]
        first = site.client.get(f"{repository}/tags/list", params={"n": 2})
        assert first.json()["tags"] == ["1.0.0", "1.10.0"]
        rest = site.client.get(first.links["next"]["url"])
        assert rest.json()["tags"] == ["1.2.0"] and "next" not in rest.links
        assert site.client.get(f"{repository}/tags/list", params={"n": 0}).json()["tags"] == []

    def test_referrers_also_by_their_tag_and_its_digest(self, site: Site) -> None:
        pack = made(site, "referred")
        repository = f"/v2/{pack.release.name}"
        response = site.client.get(f"{repository}/referrers/{pack.digest}")
        assert response.headers["content-type"] == oci.INDEX and "oci-filters-applied" not in response.headers
        (one,) = response.json()["manifests"]
        assert one["artifactType"] == oci.BUNDLE
        chosen = site.client.get(f"{repository}/referrers/{pack.digest}", params={"artifactType": "x/y"})
        assert chosen.json()["manifests"] == [] and chosen.headers["oci-filters-applied"] == "artifactType"
        tagged = site.client.get(f"{repository}/manifests/{oci.referrers_tag(pack.digest)}")
        assert tagged.content == response.content
        by_digest = site.client.get(f"{repository}/manifests/{tagged.headers['docker-content-digest']}")
        assert by_digest.content == response.content
        nothing = site.client.get(f"{repository}/referrers/sha256:{'0' * 64}")
        assert (nothing.status_code, nothing.json()["manifests"]) == (200, [])

    @pytest.mark.parametrize(
        ("method", "address", "status", "code"),
        [
            ("GET", "nowhere/tags/list", 404, "NAME_UNKNOWN"),
            ("GET", "nowhere/manifests/1.0.0", 404, "NAME_UNKNOWN"),
            ("GET", "known/manifests/9.9.9", 404, "MANIFEST_UNKNOWN"),
            ("GET", f"known/manifests/sha256:{'0' * 64}", 404, "MANIFEST_UNKNOWN"),
            ("GET", f"known/manifests/sha256-{'0' * 64}", 404, "MANIFEST_UNKNOWN"),
            ("GET", f"known/blobs/sha256:{'0' * 64}", 404, "BLOB_UNKNOWN"),
            ("GET", "known/blobs/sha256:xyz", 400, "DIGEST_INVALID"),
            ("GET", "Known/tags/list", 404, "NAME_UNKNOWN"),
            ("PUT", "known/manifests/1.0.0", 405, "UNSUPPORTED"),
            ("DELETE", "known/manifests/1.0.0", 405, "UNSUPPORTED"),
            ("POST", "known/blobs/uploads/", 404, "NAME_UNKNOWN"),
            ("POST", "known/blobs/uploads", 405, "UNSUPPORTED"),
        ],
    )
    def test_errors_are_those_of_the_specification(
        self, site: Site, method: str, address: str, status: int, code: str
    ) -> None:
        if site.client.get(f"{API}/packs/acme/known").status_code == 404:
            made(site, "known")
        response = site.client.request(method, f"/v2/{ORIGIN}/acme/{address}")
        assert (response.status_code, response.json()["errors"][0]["code"]) == (status, code)

    def test_a_blob_of_another_pack_is_none_of_this_one(self, site: Site) -> None:
        one, other = made(site, "mine-only"), made(site, "yours-only")
        digest = one.parts[1][0].digest
        assert site.client.get(f"/v2/{other.release.name}/blobs/{digest}").status_code == 404

    def test_bytes_that_were_changed_in_the_database_are_served_to_nobody(self, site: Site) -> None:
        pack = made(site, "damaged")
        digest = pack.parts[1][0].digest
        with site.registry.database.write() as session:
            row = session.exec(select(BlobRow).where(BlobRow.digest == digest)).one()
            row.content = b"x" + row.content[1:]
            session.add(row)
        assert site.client.get(f"/v2/{pack.release.name}/blobs/{digest}").status_code == 500
        assert site.client.get(f"{API}/archives/{pack.digest}").status_code == 422


class TestTheEdge:
    def test_headers_forbid_browsers_everything(self, site: Site) -> None:
        for address in ("/healthz", f"{API}/packs", "/v2/", "/nowhere"):
            headers = site.client.get(address).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["content-security-policy"].startswith("default-src 'none'")
            assert headers["cache-control"]

    def test_bodies_are_bounded_whether_they_say_so_or_not(self, site: Site) -> None:
        large = b'{"token": "' + b"x" * 3_000_000
        stated = site.client.post(f"{API}/tokens", content=large, headers={"Content-Type": "application/json"})
        streamed = site.client.post(
            f"{API}/tokens", content=iter([large]), headers={"Content-Type": "application/json"}
        )
        assert [each.status_code for each in (stated, streamed)] == [413, 413]

    def test_ready_and_metrics(self, site: Site) -> None:
        assert site.client.get("/readyz").json()["ready"] is True
        assert 'route="/v2/"' in site.client.get("/metrics").text or site.client.get("/v2/")
        text = site.client.get("/metrics").text
        assert "seglam_registry_requests_total" in text and "acme/" not in text


def test_an_archive_that_does_not_arrive_keeps_nobody_waiting(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as are received of one caller are begun and never go on; another one is published all the same."""
    monkeypatch.setattr(publications, "RECEIVE_S", 0.5)
    headers = {**site.token("alice", "acme"), "Content-Type": "application/x-tar", "Host": "localhost"}
    with stalled(site, headers, EACH) as connections:
        other = site.client.post(f"{API}/publications", content=b"none", headers=headers)
        assert other.json()["code"] == "archive-end", other.text
        for connection in connections:
            assert connection.recv(100).startswith(b"HTTP/1.1 408 ")


def test_one_callers_archives_leave_room_for_others(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publications, "RECEIVE_S", 600)
    headers = {"Content-Type": "application/x-tar", "Host": "localhost"}
    with stalled(site, {**headers, **site.token("alice", "acme")}, AT_ONCE):
        others = {**headers, **site.token("mallory", "other-place")}
        other = site.client.post(f"{API}/publications", content=b"none", headers=others, timeout=60)
        assert other.json()["code"] == "archive-end", other.text


@contextmanager
def stalled(site: Site, headers: Mapping[str, str], count: int) -> Iterator[list[socket.socket]]:
    """Archives that are begun and never go on."""
    head = "".join(f"{name}: {value}\r\n" for name, value in {**headers, "Content-Length": "1000"}.items())
    with ExitStack() as opened:
        where = (site.client.base_url.host, site.client.base_url.port)
        connections = [opened.enter_context(socket.create_connection(where)) for _ in range(count)]
        for connection in connections:
            connection.sendall(f"POST {API}/publications HTTP/1.1\r\n{head}\r\nhalf".encode())
        yield connections


def test_too_many_requests_are_told_when_to_come_back(tmp_path: Path) -> None:
    with serving(f"sqlite:///{tmp_path / 'limited.sqlite3'}", tmp_path, rate_limits=True) as limited:
        answers = [limited.client.post(f"{API}/tokens", json={}) for _ in range(40)]
        refused = [each for each in answers if each.status_code == 429]
        assert refused and int(refused[0].headers["retry-after"]) >= 1
        assert refused[0].json()["code"] == "too-many-requests"
        assert limited.client.get("/healthz").status_code == 200


def test_a_pack_is_published_through_the_real_pipeline(site: Site) -> None:
    """Claimed, published, the same again, refused under the same version, and found everywhere."""
    pack = packs.pack(f"{ORIGIN}/acme/really", documents=[doubling("really")])
    bundle = PUBLISHER.sign(Statement(pack.release.purl, pack.digest, provenance(pack, account("alice"))).to_bytes())
    body = tar_bytes([Packed(pack, (bundle,))])
    header = {**site.token("alice", "acme"), "Content-Type": "application/x-tar", "Idempotency-Key": "really"}
    done = site.client.post(f"{API}/publications", content=body, headers={**header, "Prefer": "wait=60"})
    assert done.status_code == 201, done.text
    assert done.json()["state"] == "published" and done.json()["digest"] == pack.digest
    again = site.client.post(f"{API}/publications", content=body, headers=header)
    assert (again.status_code, again.json()["id"]) == (201, done.json()["id"])
    shown = site.client.get(done.headers["location"], headers=header)
    assert shown.json()["state"] == "published"
    assert site.client.get(done.headers["location"], headers=site.token("mallory", "other-place")).status_code == 403
    taken = site.client.post(f"{API}/publications", content=body, headers={**header, "Idempotency-Key": "really-2"})
    assert taken.status_code == 409, taken.text
    foreign = {**site.token("mallory", "other-place"), "Content-Type": "application/x-tar"}
    refused = site.client.post(f"{API}/publications", content=body, headers=foreign)
    assert refused.status_code == 403, refused.text
    assert site.client.get(f"/v2/{pack.release.name}/manifests/1.0.0").content == pack.manifest
    assert "really" in names_of(site.client.get(f"{API}/packs", params={"q": "really"}))
    last = site.client.get(f"{API}/changes", params={"limit": 1000}).json()["items"]
    assert (f"{ORIGIN}/acme/really", "1.0.0", pack.digest) in [(e["name"], e["version"], e["digest"]) for e in last]
