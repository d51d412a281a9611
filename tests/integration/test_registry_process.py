"""The registry as a process over HTTP: published, killed at work, and taken up again."""

from __future__ import annotations

import time
from pathlib import Path

import httpx2
import pytest
from sqlmodel import func, select

from seglam.packs.trust.signing.key import KeySigner
from seglam.registry import audit
from seglam.registry.database import Database
from seglam.registry.tables import BundleRow, ChangeRow, ProductRow, ReservationRow, VersionRow
from tests.registries import ORIGIN, Person, archive, doubling, good_pack
from tests.registry_killed import POINTS, SEEN, mortal
from tests.registry_process import API, RegistryProcess, running
from tests.sigstore import Fault, Sigstore

CAROL = Person("carol", issuer="seglam:local")


def pem_of(person: Person) -> str:
    """The public key that somebody signs with."""
    assert isinstance(person.signer, KeySigner)
    return person.signer.public.pem


def published(registry: RegistryProcess) -> list[str]:
    """The packs that anybody can see."""
    listed = registry.client.get(f"{API}/packs").json()["items"]
    return [item["name"] for item in listed]


def whole(url: str, versions: int, *, open_: bool) -> None:
    """So many versions are published, each with everything; nothing else is, nor left over where none is under way."""
    database = Database(url)
    try:
        with database.read() as session:
            assert session.exec(select(func.count()).select_from(VersionRow)).one() == versions
            assert session.exec(select(func.count()).select_from(BundleRow)).one() == 3 * versions
            published = select(func.count()).select_from(ChangeRow).where(ChangeRow.kind == "published")
            assert session.exec(published).one() == versions
            assert audit.verify(session).whole
            for left in (ProductRow, ReservationRow):
                assert open_ or session.exec(select(left)).all() == [], left
    finally:
        database.close()


def test_killed_at_each_step_of_a_publication_it_publishes_once_and_whole(database_url: str, tmp_path: Path) -> None:
    """One publication is killed at every point, each time further on, by a process that takes up what the last left."""
    body = archive(good_pack(), CAROL)
    with mortal(database_url, tmp_path / "data") as registry:
        registry.claim("acme", "carol", mode="Key", keys=[pem_of(CAROL)])
        headers = registry.token("acme", "carol")
        for point in POINTS:
            registry.die_at(point)
            if point != POINTS[0]:
                registry.start()
            with pytest.raises(httpx2.TransportError):
                registry.publish(body, headers, key="once")
            assert registry.died(), point
            whole(database_url, int(point in SEEN), open_=point != POINTS[-1])
        registry.start()
        response = registry.publish(body, headers, key="once")
        assert response.status_code == 201, response.text
        steps = [step["name"] for step in response.json()["steps"]]
        assert len(steps) == len(set(steps)) and steps[-1] == "index"
        whole(database_url, 1, open_=False)
        assert "1.0.0" in registry.client.get(f"/v2/{ORIGIN}/acme/basics/tags/list").json()["tags"]


def test_killed_while_it_waits_for_a_signature_it_completes_after_a_restart(sigstore: Sigstore, tmp_path: Path) -> None:
    trust, token = tmp_path / "trust.json", tmp_path / "token"
    trust.write_text(sigstore.trust_config)
    token.write_text(sigstore.issuer.token("seglam-system", "registry"))
    url, data = f"sqlite:///{tmp_path / 'registry.sqlite3'}", tmp_path / "data"
    settings = {"SIGNING": "keyless", "TRUST_FILE": str(trust), "TOKEN_FILE": str(token)}
    body = archive(good_pack(), CAROL)
    with running(url, data, **settings) as registry:
        registry.claim("acme", "carol", mode="Key", keys=[pem_of(CAROL)])
        headers = registry.token("acme", "carol")
        with sigstore.proxies["rekor"].faulty(Fault(delay=300)):
            asked = len(sigstore.proxies["rekor"].asked)
            response = registry.publish(body, headers, key="once", wait=1)
            assert response.status_code == 202, response.text
            address = response.headers["location"]
            while len(sigstore.proxies["rekor"].asked) == asked:
                time.sleep(0.05)
            assert registry.client.get(address, headers=headers).json()["state"] == "tested"
            assert published(registry) == []
            registry.kill()
    with running(url, data, **settings) as registry:
        # A token of before the kill still counts; the same request finds the same publication.
        response = registry.publish(body, headers, key="once")
        assert response.status_code == 201, response.text
        assert response.headers["location"] == address
        assert published(registry) == [f"{ORIGIN}/acme/basics"]
        again = registry.publish(body, headers, key="once")
        assert (again.status_code, again.json()["id"]) == (201, response.json()["id"])
        kinds = {
            each["predicateType"]
            for each in registry.client.get(f"{API}/packs/acme/basics/versions/1.0.0/attestations").json()["items"]
        }
        assert len(kinds) == 3
        refused(registry, headers)


def refused(registry: RegistryProcess, headers: dict[str, str]) -> None:
    """A wrong procedure is refused with the gate's evidence, and nothing of it is seen."""
    wrong = good_pack("2.0.0", documents=[doubling(code="def solve(n):\n    return 3 * n\n")])
    response = registry.publish(archive(wrong, CAROL), headers)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["code"] == "tests-failed"
    assert problem["evidence"]["procedures"]["double"]["passed"] is False
    assert registry.client.get(f"{API}/packs/acme/basics/versions/2.0.0").status_code == 404
