"""The pull-through mirror over real HTTP: several origins, an origin that is down, one that lies, and confusion."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from sqlmodel import select

from seglam.packs import oci
from seglam.packs.client import OciClient
from seglam.packs.index.client import Index
from seglam.packs.index.errors import IndexRefused
from seglam.packs.names import PackName
from seglam.packs.problems import TransportError
from seglam.registry import audit
from seglam.registry.mirror.mirror import Source
from seglam.registry.mirror.upstream import Upstream
from seglam.registry.tables import BlobRow, MirrorStateRow, VersionRow, VersionState
from tests.origins import Origin, serving
from tests.packs import RELEASE, REVIEW, pack, unsigned
from tests.postgres import Postgres
from tests.registries import doubling

ACME, GLOBEX = "registry.acme.example", "registry.globex.example"


def bundle(kind: str, **more: object) -> bytes:
    """A bundle in key mode whose signature nobody checks here."""
    document = json.loads(unsigned(kind, **more))
    document["verificationMaterial"] = {"publicKey": {"hint": "0" * 64}}
    return json.dumps(document).encode()


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Origin]:
    with serving(tmp_path_factory.mktemp("acme"), ACME) as running:
        yield running


@pytest.fixture(scope="module")
def globex(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Origin]:
    with serving(tmp_path_factory.mktemp("globex"), GLOBEX) as running:
        yield running


@pytest.fixture(scope="module")
def mirror_of_both(tmp_path_factory: pytest.TempPathFactory, acme: Origin, globex: Origin) -> Iterator[Origin]:
    with serving(
        tmp_path_factory.mktemp("mirror"),
        "mirror.example",
        mirror_of={ACME: acme.url, GLOBEX: globex.url},
        mirror_allow_private=True,
        follow=False,
    ) as running:
        yield running


@pytest.fixture
def mirror(mirror_of_both: Origin, acme: Origin) -> Iterator[Origin]:
    """A mirror of both, which follows feeds only when a test says so, and whose idea of the index is not fresh."""
    for origin in (ACME, GLOBEX):
        source(mirror_of_both, origin)._refreshed = -1e9
    yield mirror_of_both
    acme.down.clear()
    acme.lies.clear()


def source(mirror: Origin, origin: str = ACME) -> Source:
    assert mirror.registry.mirror is not None
    return mirror.registry.mirror._sources[origin]


def follow(mirror: Origin) -> None:
    assert mirror.registry.mirror is not None
    for each in mirror.registry.mirror._sources.values():
        each._refreshed = -1e9  # as if time had passed
    mirror.registry.mirror.follow()


def versions(mirror: Origin, name: PackName) -> dict[str, str]:
    with mirror.registry.database.read() as session:
        return dict(
            session.exec(select(VersionRow.version, VersionRow.state).where(VersionRow.name == str(name))).all()
        )


def test_a_pack_is_pulled_through_byte_for_byte_with_its_bundles(acme: Origin, mirror: Origin, tmp_path: Path) -> None:
    made = pack(f"{ACME}/through/dates")
    signed = [bundle(RELEASE), bundle(REVIEW)]
    acme.put(made, signed)
    with OciClient(mirror.url) as client:
        assert client.pull(made.release.name, "1.0.0") == made
        assert set(client.referrers(made.release.name, made.digest)) == set(signed)
    index = mirror.index(tmp_path / "index", origin=ACME, root=acme.root())
    index.refresh()
    facts = index.facts(made.release)
    assert (facts.listed_digest, facts.status) == (made.digest, "listed")
    acme.asked.clear()
    with OciClient(mirror.url) as client:
        client.pull(made.release.name, made.digest)
    assert acme.asked == []


def test_by_digest_by_tag_of_referrers_and_by_the_api(acme: Origin, mirror: Origin) -> None:
    made = pack(f"{ACME}/ways/dates")
    acme.put(made, [bundle(RELEASE, way="digest")])
    other = pack(f"{ACME}/ways/times")
    acme.put(other, [bundle(RELEASE, way="tag")])
    third = pack(f"{ACME}/ways/zones")
    acme.put(third)
    with OciClient(mirror.url) as client:
        assert client.pull(made.release.name, made.digest) == made
    tag = httpx2.get(f"{mirror.url}/v2/{other.release.name}/manifests/{oci.referrers_tag(other.digest)}")
    assert tag.status_code == 200, tag.text
    shown = httpx2.get(f"{mirror.url}/api/v1/packs/ways/zones/versions/1.0.0", params={"origin": ACME})
    assert (shown.status_code, shown.json()["digest"]) == (200, third.digest), shown.text
    assert versions(mirror, third.release.name) == {"1.0.0": "available"}


def test_a_mirrored_pack_has_pages_that_keep_its_origin(acme: Origin, globex: Origin, mirror: Origin) -> None:
    """Two origins have a pack of one name; each page, link and trial is of the one that was asked for."""
    twice, thrice = doubling(), doubling(code="def solve(n):\n    return 3 * n\n", examples=[])
    for version in ("1.0.0", "1.1.0"):
        acme.put(pack(f"{ACME}/pages/sums", version, documents=[twice]))
    globex.put(pack(f"{GLOBEX}/pages/sums", documents=[thrice]))
    follow(mirror)
    at, of = "/marketplace/packs/pages/sums", {"origin": ACME}
    with httpx2.Client(base_url=mirror.url, timeout=60) as http:
        for version in ("1.0.0", "1.1.0"):
            assert http.get(f"/api/v1/packs/pages/sums/versions/{version}", params=of).status_code == 200
        assert http.get("/api/v1/packs/pages/sums/versions/1.0.0", params={"origin": GLOBEX}).status_code == 200
        found = http.get("/marketplace", params={"q": "pages sums"}).text
        assert {ACME, GLOBEX} <= set(re.findall(rf'href="{at}\?origin=([^"]+)"', found))
        assert http.get(at).status_code == 404  # it is no pack of the mirror's own
        for path in (at, f"{at}/versions/1.1.0", f"{at}/versions/1.1.0/procedures/double"):
            page = http.get(path, params=of)
            assert page.status_code == 200 and f"{ACME}/pages/sums" in page.text, path
            inside = [each for each in re.findall(r'(?:href|action|hx-post)="([^"]*)"', page.text) if at in each]
            assert inside and all(f"origin={ACME}" in each or "/difference" in each for each in inside), inside
        version = http.get(f"{at}/versions/1.1.0", params=of).text
        assert f"seglam pack import {ACME}/pages/sums@1.1.0" in version or "There is no trust policy" in version
        assert f"mirrored from {ACME}" in version and "/decisions" not in version
        changed = http.get(f"{at}/difference", params={**of, "before": "1.0.0", "after": "1.1.0"})
        assert changed.status_code == 200
        form = {"text": "double 4"}
        for origin, answer in ((ACME, "8"), (GLOBEX, "12")):
            tried = http.post(f"{at}/versions/1.0.0/trials", params={"origin": origin}, data=form)
            assert tried.status_code == 200 and f"<code>{answer}</code>" in tried.text, tried.text


def test_when_the_origin_is_down_what_is_here_is_served(acme: Origin, mirror: Origin, tmp_path: Path) -> None:
    made, later = pack(f"{ACME}/down/dates"), pack(f"{ACME}/down/dates", "2.0.0")
    acme.put(made, [bundle(RELEASE, down=1)])
    with OciClient(mirror.url) as client:
        client.pull(made.release.name, "1.0.0")
    first = mirror.index(tmp_path / "first", origin=ACME, root=acme.root())
    first.refresh()
    first.facts(made.release)
    root = acme.root()
    acme.put(later)
    acme.down.set()
    source(mirror)._refreshed = -1e9
    with OciClient(mirror.url, attempts=1) as client:
        assert client.pull(made.release.name, "1.0.0") == made
        assert client.tags(made.release.name) == ("1.0.0",)
        with pytest.raises(TransportError) as refused:
            client.pull(made.release.name, "2.0.0")
    assert refused.value.status == 503
    index = mirror.index(tmp_path / "second", origin=ACME, root=root)
    index.refresh()
    assert index.facts(made.release).listed_digest == made.digest


def test_two_origins_of_one_name_are_never_mixed(acme: Origin, globex: Origin, mirror: Origin, tmp_path: Path) -> None:
    ours = pack(f"{ACME}/shared/dates", "1.0.0")
    theirs = pack(f"{GLOBEX}/shared/dates", "9.0.0", files={"README.md": b"Not what you wanted.", "LICENSE": b"none"})
    acme.put(ours)
    globex.put(theirs)
    with OciClient(mirror.url, attempts=1) as client:
        assert client.pull(ours.release.name, "1.0.0") == ours
        assert client.pull(theirs.release.name, "9.0.0") == theirs
        assert client.tags(ours.release.name) == ("1.0.0",)
        with pytest.raises(TransportError, match="9"):
            client.pull(ours.release.name, "9.0.0")
        for digest in (theirs.digest, oci.digest_of(theirs.content), oci.digest_of(theirs.config)):
            kind = "manifests" if digest == theirs.digest else "blobs"
            assert httpx2.get(f"{mirror.url}/v2/{ours.release.name}/{kind}/{digest}").status_code == 404
    assert versions(mirror, ours.release.name) == {"1.0.0": "available"}
    index = mirror.index(tmp_path / "acme", origin=ACME, root=acme.root())
    index.refresh()
    assert [str(one.version) for one in index.versions(ours.release.name)] == ["1.0.0"]
    with pytest.raises(IndexRefused):
        index.facts(theirs.release)
    wrong = Index(tmp_path / "wrong", f"{mirror.url}/tuf/{GLOBEX}/", acme.root(), origin=ACME)
    with pytest.raises(IndexRefused):
        wrong.refresh()


def test_an_origin_that_serves_another_origins_pack_is_not_believed(
    acme: Origin, globex: Origin, mirror: Origin
) -> None:
    """The upstream's answer for one name holds the bytes of another, both by tag and by digest."""
    wanted = pack(f"{ACME}/lies/dates", "1.0.0")
    other = pack(f"{ACME}/lies/other", "1.0.0")
    acme.put(wanted)
    acme.put(other)
    path = f"/v2/{wanted.release.name}/"
    acme.lies[f"{path}manifests/{wanted.digest}"] = other.manifest
    with OciClient(mirror.url, attempts=1) as client, pytest.raises(TransportError) as refused:
        client.pull(wanted.release.name, "1.0.0")
    assert refused.value.status == 502
    acme.lies.clear()
    acme.lies[f"{path}blobs/{oci.digest_of(wanted.content)}"] = wanted.content[:-1] + b"\1"
    with OciClient(mirror.url, attempts=1) as client, pytest.raises(TransportError) as refused:
        client.pull(wanted.release.name, "1.0.0")
    assert refused.value.status == 502
    assert versions(mirror, wanted.release.name) == {}
    with mirror.registry.database.read() as session:
        for row in session.exec(select(BlobRow)):
            assert oci.digest_of(row.content) == row.digest


def test_what_the_origins_index_does_not_list_is_not_mirrored(acme: Origin, mirror: Origin) -> None:
    hidden = pack(f"{ACME}/unlisted/dates")
    acme.put(hidden, index=False)
    assert httpx2.get(f"{acme.url}/v2/{hidden.release.name}/manifests/1.0.0").status_code == 200
    with OciClient(mirror.url, attempts=1) as client, pytest.raises(TransportError) as refused:
        client.pull(hidden.release.name, "1.0.0")
    assert refused.value.status == 404
    acme.registry.index.update()
    source(mirror)._refreshed = -1e9
    with OciClient(mirror.url) as client:
        assert client.pull(hidden.release.name, "1.0.0") == hidden


def test_an_origin_that_is_not_mirrored_is_asked_for_nowhere(acme: Origin, mirror: Origin) -> None:
    acme.asked.clear()
    answer = httpx2.get(f"{mirror.url}/v2/registry.initech.example/acme/dates/manifests/1.0.0")
    assert answer.status_code == 404
    assert httpx2.get(f"{mirror.url}/tuf/registry.initech.example/timestamp.json").status_code == 404
    assert acme.asked == []


def test_the_feed_is_followed_and_taken_up_where_it_was_left(acme: Origin, mirror: Origin) -> None:
    made = pack(f"{ACME}/followed/dates")
    acme.put(made)
    follow(mirror)
    assert versions(mirror, made.release.name) == {"1.0.0": "available"}
    with mirror.registry.database.read() as session:
        state = session.get(MirrorStateRow, ACME)
        assert state is not None
        serial = state.since
    acme.asked.clear()
    follow(mirror)
    assert [line for line in acme.asked if "/changes" in line] == ["GET /api/v1/changes"]
    assert not any("/blobs/" in line for line in acme.asked)
    acme.set_state(made, VersionState.YANKED, "yanked")
    acme.put(pack(f"{ACME}/followed/dates", "1.1.0"))
    follow(mirror)
    assert versions(mirror, made.release.name) == {"1.0.0": "yanked", "1.1.0": "available"}
    acme.set_state(made, VersionState.DELETED, "deleted")
    follow(mirror)
    assert versions(mirror, made.release.name)["1.0.0"] == "deleted"
    with mirror.registry.database.read() as session:
        state = session.get(MirrorStateRow, ACME)
        assert state is not None
        assert state.since == serial + 3
        assert audit.verify(session).whole


def test_what_could_not_be_had_is_tried_again(acme: Origin, mirror: Origin) -> None:
    made = pack(f"{ACME}/again/dates")
    acme.put(made)
    acme.lies[f"/v2/{made.release.name}/blobs/{oci.digest_of(made.content)}"] = b"broken"
    follow(mirror)
    assert versions(mirror, made.release.name) == {}
    acme.lies.clear()
    follow(mirror)
    assert versions(mirror, made.release.name) == {"1.0.0": "available"}


def test_new_bundles_come_with_the_feed(acme: Origin, mirror: Origin) -> None:
    made = pack(f"{ACME}/bundles/dates")
    acme.put(made, [bundle(RELEASE, n=1)])
    follow(mirror)
    acme.attach(made, bundle(REVIEW, n=2))
    follow(mirror)
    with OciClient(mirror.url) as client:
        assert set(client.referrers(made.release.name, made.digest)) == {bundle(RELEASE, n=1), bundle(REVIEW, n=2)}


def test_a_mirror_works_on_postgresql_too(acme: Origin, tmp_path: Path, postgres: Postgres) -> None:
    made = pack(f"{ACME}/elephant/dates")
    acme.put(made, [bundle(RELEASE, elephant=1)])
    url = postgres.create()
    with serving(
        tmp_path / "mirror",
        "mirror.example",
        database=url,
        mirror_of={ACME: acme.url},
        mirror_allow_private=True,
        follow=False,
    ) as mirror:
        with OciClient(mirror.url) as client:
            assert client.pull(made.release.name, "1.0.0") == made
        acme.attach(made, bundle(REVIEW, elephant=2))
        acme.set_state(made, VersionState.YANKED, "yanked")
        follow(mirror)
        assert versions(mirror, made.release.name) == {"1.0.0": "yanked"}
        with OciClient(mirror.url) as client:
            assert len(client.referrers(made.release.name, made.digest)) == 2
        index = mirror.index(tmp_path / "index", origin=ACME, root=acme.root())
        index.refresh()
        assert index.facts(made.release).status == "yanked"
    postgres.drop(url)


def test_a_mirror_of_a_mirror_keeps_the_origin(acme: Origin, mirror: Origin, tmp_path: Path) -> None:
    made = pack(f"{ACME}/second/dates")
    acme.put(made)
    with serving(
        tmp_path / "second",
        "second.example",
        mirror_of={ACME: mirror.url},
        mirror_allow_private=True,
        follow=False,
    ) as second:
        with OciClient(second.url) as client:
            assert client.pull(made.release.name, "1.0.0") == made
        index = second.index(tmp_path / "index", origin=ACME, root=acme.root())
        index.refresh()
        assert index.facts(made.release).listed_digest == made.digest


def test_a_root_that_was_pinned_is_the_one_that_is_believed(acme: Origin, globex: Origin, tmp_path: Path) -> None:
    directory = tmp_path / "pinned"
    (directory / "mirrors" / ACME).mkdir(parents=True)
    (directory / "mirrors" / ACME / "root.json").write_bytes(globex.root())
    acme.put(pack(f"{ACME}/pinned/dates"))
    with serving(
        directory, "mirror.example", mirror_of={ACME: acme.url}, mirror_allow_private=True, follow=False
    ) as mirror:
        with OciClient(mirror.url, attempts=1) as client, pytest.raises(TransportError) as refused:
            client.pull(PackName(ACME, "pinned", "dates"), "1.0.0")
        assert refused.value.status == 502


def test_a_feed_that_names_other_origins_or_runs_backwards_is_not_followed(acme: Origin, tmp_path: Path) -> None:
    made = pack(f"{ACME}/feeds/dates")
    acme.put(made)
    upstream = Upstream(ACME, acme.url, tmp_path, allow_private=True)
    try:
        entry = '{"serial":5,"kind":"published","name":"%s/feeds/dates","version":"1.0.0"}'
        acme.lies["/api/v1/changes"] = ('{"items":[' + entry % GLOBEX + '],"next":5,"last":5}').encode()
        assert upstream.changes(0).changes == ()
        for bad in (
            '{"items":[' + entry % ACME + '],"next":3,"last":9}',
            '{"items":[' + entry % "../../etc" + '],"next":5,"last":9}',
            '{"items":[],"next":-1,"last":9}',
            '{"items":[],"next":1,"next":2,"last":9}',
            "[]",
            "",
        ):
            acme.lies["/api/v1/changes"] = bad.encode()
            with pytest.raises(TransportError) as refused:
                upstream.changes(0)
            assert refused.value.code == "changes"
    finally:
        acme.lies.clear()
        upstream.close()
