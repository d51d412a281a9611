"""The index over real HTTP from a whole registry: our client, python-tuf's, and sigstore's."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from sigstore.models import ClientTrustConfig
from tuf.ngclient import Updater

from seglam.packs.index.client import Index
from seglam.packs.index.errors import IndexRefused
from seglam.packs.names import Release
from seglam.registry.tables import VersionState
from tests.index_keys import make
from tests.origins import Origin, serving
from tests.packs import pack

ORIGIN = "registry.acme.example"


def service(name: str, version: int) -> dict[str, object]:
    valid = {"start": "2024-01-01T00:00:00Z"}
    return {"url": f"https://{name}.acme.example", "majorApiVersion": version, "validFor": valid, "operator": "acme"}


def trust_config() -> dict[str, object]:
    """A sigstore client trust configuration of nobody."""
    return {
        "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
        "trustedRoot": {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [],
            "certificateAuthorities": [],
            "ctlogs": [],
            "timestampAuthorities": [],
        },
        "signingConfig": {
            "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
            "caUrls": [service("fulcio", 1)],
            "oidcUrls": [service("oidc", 1)],
            "rekorTlogUrls": [service("rekor", 2)],
            "rekorTlogConfig": {"selector": "ANY"},
            "tsaUrls": [service("tsa", 1)],
            "tsaConfig": {"selector": "ANY"},
        },
    }


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Origin]:
    directory = tmp_path_factory.mktemp("acme")
    (directory / "trust.json").write_text(json.dumps(trust_config()))
    with serving(directory, ORIGIN, trust_file=directory / "trust.json") as running:
        yield running


def test_a_published_pack_is_listed_with_its_digest_and_its_state(acme: Origin, tmp_path: Path) -> None:
    made = pack(f"{ORIGIN}/acme/listed")
    acme.put(made)
    index = acme.index(tmp_path)
    index.refresh()
    facts = index.facts(made.release)
    assert (facts.listed_digest, facts.status) == (made.digest, "listed")
    acme.set_state(made, VersionState.QUARANTINED, "quarantined")
    index.refresh()
    assert index.facts(made.release).status == "quarantined"


def test_the_manifest_is_a_target_that_any_tuf_client_downloads(acme: Origin, tmp_path: Path) -> None:
    made = pack(f"{ORIGIN}/acme/target")
    acme.put(made)
    base = f"{acme.url}/tuf/{ORIGIN}/"
    (tmp_path / "metadata").mkdir()
    updater = Updater(
        str(tmp_path / "metadata"), base, str(tmp_path / "targets"), base + "targets/", bootstrap=acme.root()
    )
    info = updater.get_targetinfo("packs/acme/target/1.0.0")
    assert info is not None
    assert Path(updater.download_target(info)).read_bytes() == made.manifest


def test_sigstore_gets_its_trust_configuration_from_the_index(
    acme: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "root.json").write_bytes(acme.root())
    found = ClientTrustConfig.from_tuf(f"{acme.url}/tuf/{ORIGIN}", bootstrap_root=tmp_path / "root.json")
    assert found.signing_config.get_fulcio().url == "https://fulcio.acme.example"
    index = acme.index(tmp_path / "index")
    index.refresh()
    assert json.loads(index.file("trusted_root.json")) == trust_config()["trustedRoot"]


def test_a_timestamp_that_is_known_costs_no_body(acme: Origin) -> None:
    url = f"{acme.url}/tuf/{ORIGIN}/timestamp.json"
    first = httpx2.get(url)
    again = httpx2.get(url, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert "immutable" in httpx2.get(f"{acme.url}/tuf/{ORIGIN}/1.root.json").headers["Cache-Control"]


@pytest.mark.parametrize(
    "path",
    [
        f"{ORIGIN}/2.root.json",
        f"{ORIGIN}/01.root.json",
        f"{ORIGIN}/root.json",
        f"{ORIGIN}/9999999999999.root.json",
        f"{ORIGIN}/targets/trusted_root.json",
        f"{ORIGIN}/targets/packs/acme/listed/{'0' * 64}.1.0.0",
        f"{ORIGIN}/targets/packs/%2e%2e%2f%2e%2e/etc/{'0' * 64}.passwd",
        "registry.globex.example/timestamp.json",
    ],
)
def test_what_is_not_there_is_a_problem_with_a_code(acme: Origin, path: str) -> None:
    answer = httpx2.get(f"{acme.url}/tuf/{path}")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"].startswith("index-")


def test_another_registrys_root_is_not_believed(acme: Origin, tmp_path: Path) -> None:
    _, _, stranger = make(origin=ORIGIN)
    with pytest.raises(IndexRefused) as refused:
        acme.index(tmp_path, root=stranger).refresh()
    assert refused.value.code == "index-signature"


def test_a_server_that_is_not_there_or_never_ends_is_given_up(tmp_path: Path, acme: Origin) -> None:
    root = acme.root()
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(IndexRefused, match="did not come in time") as refused:
            Index(tmp_path / "silent", url, root, origin=ORIGIN, deadline=0.3).refresh()
        assert refused.value.code == "index-timeout"
    with pytest.raises(IndexRefused, match="check the address") as refused:
        Index(tmp_path / "nobody", url, root, origin=ORIGIN).refresh()
    assert refused.value.code == "index-unreachable"


def test_a_redirect_is_not_followed(tmp_path: Path, acme: Origin) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()

        def redirect() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(
                    f"HTTP/1.1 302 Found\r\nLocation: {acme.url}/tuf/{ORIGIN}/2.root.json\r\n"
                    "Content-Length: 0\r\nConnection: close\r\n\r\n".encode()
                )

        thread = threading.Thread(target=redirect)
        thread.start()
        index = Index(tmp_path, f"http://127.0.0.1:{listening.getsockname()[1]}/", acme.root(), origin=ORIGIN)
        with pytest.raises(IndexRefused, match="status 302"):
            index.refresh()
        thread.join()


def test_versions_of_a_pack_that_nobody_published_are_none(acme: Origin, tmp_path: Path) -> None:
    index = acme.index(tmp_path)
    index.refresh()
    assert index.versions(Release.parse(f"{ORIGIN}/nobody/nothing@1.0.0").name) == []
