"""The registry's own keyless signatures by a real sigstore: down, slow or lying at each signature."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sigstore.models import ClientTrustConfig
from sqlmodel import select

from seglam.packs.layout import Packed, tar_bytes
from seglam.packs.pack import Pack
from seglam.packs.trust.predicates import Review
from seglam.packs.trust.signing.key import KeySigner
from seglam.packs.trust.signing.keyless import KeylessSigner
from seglam.registry.access.issuers import AUDIENCE
from seglam.registry.app import create_app
from seglam.registry.settings import Settings, SettingsInvalid
from seglam.registry.signing import Signing, open_signing
from seglam.registry.tables import BlobRow, BundleRow, ChangeRow, PublicationState, VersionRow
from tests.registries import ALICE, ORIGIN, Person, archive, desk, good_pack, provenance, review
from tests.registry_http import API, listening
from tests.sigstore import Fault, Sigstore
from tests.sigstore.oidc import subject


def other_entry(body: bytes) -> bytes:
    """The log's answer with a proof that proves nothing."""
    answer: dict[str, Any] = json.loads(body)
    answer["inclusionProof"]["rootHash"] = answer["inclusionProof"]["rootHash"][::-1]
    return json.dumps(answer).encode()


FAULTS = [
    pytest.param("fulcio", Fault(refuse=True), 1, id="authority-down-first"),
    pytest.param("fulcio", Fault(lie=lambda _: b'{"signedCertificateEmbeddedSct":{}}'), 2, id="authority-lies-second"),
    pytest.param("tsa", Fault(status=503), 1, id="timestamps-down-first"),
    pytest.param("rekor", Fault(drop=True), 2, id="log-is-not-heard-second"),
    pytest.param("rekor", Fault(lie=other_entry), 1, id="log-lies-first"),
    pytest.param("rekor", Fault(delay=60), 2, id="log-slow-second"),
]


class Watched:
    """A signer before whose call of a number something is done."""

    def __init__(self, signing: Signing, number: int, before: Any) -> None:
        self._signer = signing.signer
        self._before = {number: before}
        self._calls = 0
        self.mode = signing.signer.mode
        self.identity = "the registry"

    def sign(self, statement: bytes) -> bytes:
        self._calls += 1
        self._before.get(self._calls, lambda: None)()
        return self._signer.sign(statement)


@pytest.fixture
def keyless(sigstore: Sigstore, tmp_path: Path) -> Settings:
    trust, token = tmp_path / "trust.json", tmp_path / "token"
    trust.write_text(sigstore.trust_config)
    token.write_text(sigstore.issuer.token("seglam-system", "registry"))
    return Settings(
        data=tmp_path / "data", origin=ORIGIN, signing="keyless", trust_file=trust, token_file=token, signing_s=3
    )


@pytest.mark.parametrize(("service", "fault", "number"), FAULTS)
def test_nothing_is_published_until_the_service_is_well_again(
    sigstore: Sigstore, keyless: Settings, tmp_path: Path, service: str, fault: Fault, number: int
) -> None:
    signing = open_signing(keyless)
    proxy = sigstore.proxies[service]
    watched = Watched(signing, number, lambda: proxy.set(fault))
    try:
        with desk(
            f"sqlite:///{tmp_path / 'registry.sqlite3'}",
            tmp_path / "data",
            signing=Signing(watched, signing.root, signing.who),
        ) as made:
            made.claim(ALICE)
            made.publishing.start()
            taken = made.publishing.submit(archive(good_pack()), ALICE)
            end = time.monotonic() + 60
            while (found := made.publishing.state(taken.id)) is not None and found.problem is None:
                assert time.monotonic() < end, found
                time.sleep(0.05)
            assert found is not None and found.problem is not None
            assert found.state is PublicationState.TESTED
            assert found.problem["code"].startswith("signing-") and found.problem["retriable"] is True
            assert len(found.problem["detail"]) > 40
            with made.database.read() as session:
                for table in (VersionRow, BlobRow, BundleRow, ChangeRow):
                    assert session.exec(select(table)).all() == []
            proxy.set(None)
            found = made.publishing.wait(taken.id, 60)
            assert found is not None and found.state is PublicationState.PUBLISHED, found
            with made.database.read() as session:
                own = [row for row in session.exec(select(BundleRow)) if row.mode == "Keyless"]
                assert {(row.issuer, row.identity) for row in own} == {
                    (sigstore.issuer.url, subject("seglam-system", "registry"))
                }
                assert len(own) == 2 and all(row.log_index is not None for row in own)
    finally:
        proxy.set(None)


def test_a_publisher_is_who_was_authenticated_and_no_namesake(
    sigstore: Sigstore, keyless: Settings, tmp_path: Path
) -> None:
    """Two issuers that are both trusted, and a service account of the same name at each."""
    name = subject("shop", "publisher")
    trust = ClientTrustConfig.from_json(sigstore.trust_config)
    own, other = (
        Person(name, issuer=issuer.url, signer=KeylessSigner(trust, partial(issuer.token, "shop", "publisher")))
        for issuer in (sigstore.issuer, sigstore.second)
    )
    url = f"sqlite:///{tmp_path / 'registry.sqlite3'}"
    with desk(url, tmp_path / "data", trust_file=keyless.trust_file) as made:
        made.claim(own, mode="Keyless")
        made.publishing.start()
        pack = good_pack()
        forged = made.publishing.submit(archive(pack, other), own)
        refused = made.publishing.wait(forged.id, 60)
        assert refused is not None and refused.problem is not None and refused.problem["code"] == "issuer"
        assert refused.state is PublicationState.FAILED
        stranger = made.publishing.wait(made.publishing.submit(archive(pack, other), other).id, 60)
        assert stranger is not None and stranger.problem is not None and stranger.problem["code"] == "role"
        found = made.publishing.wait(made.publishing.submit(archive(pack, own), own).id, 60)
        assert found is not None and found.state is PublicationState.PUBLISHED
        with made.database.read() as session:
            keyless_rows = [row for row in session.exec(select(BundleRow)) if row.mode == "Keyless"]
            assert [(row.issuer, row.identity) for row in keyless_rows] == [(sigstore.issuer.url, name)]


def test_reviews_are_signed_keyless_by_who_gives_them(sigstore: Sigstore, keyless: Settings, tmp_path: Path) -> None:
    """Over the API: published and reviewed by service accounts, each with a certificate of their own name."""
    trust = ClientTrustConfig.from_json(sigstore.trust_config)
    authors = {each: subject("shop", each) for each in ("publisher", "bob", "carol")}
    people = {}
    for each, name in authors.items():
        signer = KeylessSigner(trust, partial(sigstore.issuer.token, "shop", each))
        people[each] = Person(name, issuer=sigstore.issuer.url, signer=signer)
    issuers = tmp_path / "issuers.yaml"
    listed = {"issuer": sigstore.issuer.url, "type": "kubernetes", "jwks": f"{sigstore.issuer.url}/keys"}
    issuers.write_text(json.dumps({"issuers": [listed]}))
    settings = replace(keyless, issuers_file=issuers, rate_limits=False, cooldown_s=0, signing_s=30)
    app = create_app(settings)
    with listening(app) as client:

        def token(who: str) -> dict[str, str]:
            given = {"token": sigstore.issuer.token("shop", who, AUDIENCE), "namespace": "acme"}
            response = client.post(f"{API}/tokens", json=given)
            assert response.status_code == 201, response.text
            return {"Authorization": f"Bearer {response.json()['token']}"}

        def reviewed(pack: Pack, signed_by: str, given_by: str) -> httpx2.Response:
            statement = review(pack, authors[given_by], author=authors["publisher"])
            bundle = people[signed_by].sign(pack, statement).decode()
            return client.post(f"{address}/reviews", json={"bundle": bundle}, headers=token(given_by))

        assert client.post(f"{API}/namespaces", json={"name": "acme"}, headers=token("publisher")).status_code == 201
        for each in ("bob", "carol"):
            etag = client.get(f"{API}/namespaces/acme").headers["etag"]
            member = {"issuer": sigstore.issuer.url, "subject": authors[each], "role": "reviewer"}
            headers = {**token("publisher"), "If-Match": etag}
            added = client.post(f"{API}/namespaces/acme/members", json=member, headers=headers)
            assert added.status_code == 201, added.text
        pack = good_pack()
        address = f"{API}/packs/acme/basics/versions/1.0.0"
        own = people["publisher"].sign(pack, provenance(pack, authors["publisher"]))
        headers = {**token("publisher"), "Content-Type": "application/x-tar", "Prefer": "wait=60"}
        done = client.post(f"{API}/publications", content=tar_bytes([Packed(pack, (own,))]), headers=headers)
        assert done.status_code == 201, done.text
        given = reviewed(pack, "bob", "bob")
        assert given.status_code == 201, given.text
        assert given.json()["reviewer"] == {"issuer": sigstore.issuer.url, "subject": authors["bob"]}
        stranger = reviewed(pack, "bob", "carol")
        assert (stranger.status_code, stranger.json()["code"]) == (403, "reviewer")
        self_review = reviewed(pack, "publisher", "publisher")
        assert (self_review.status_code, self_review.json()["code"]) == (403, "self-review")
        kinds = [each["predicateType"] for each in client.get(f"{address}/attestations").json()["items"]]
        assert kinds.count(Review.uri) == 1


def test_a_key_of_its_own_is_made_once_and_kept_private(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    first, second = open_signing(settings), open_signing(settings)
    assert first.who() == second.who()
    (file,) = (tmp_path / "keys").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_key_that_is_none_is_said(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_text("no key")
    with pytest.raises(SettingsInvalid, match=r"SEGLAM_REGISTRY_KEY_FILE: .*key\.pem cannot be used"):
        open_signing(Settings(data=tmp_path, key_file=file))


def test_a_given_key_signs(tmp_path: Path) -> None:
    given = KeySigner.generate()
    file = tmp_path / "key.pem"
    file.write_bytes(given.private_pem)
    assert open_signing(Settings(data=tmp_path, key_file=file)).who() == given.identity
