"""The tools of the field pull from our registry: crane and skopeo, packs with all their bundles, digests unchanged."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from seglam.packs import oci
from seglam.packs.client import OciClient
from seglam.packs.layout import ImageLayout, Packed
from seglam.packs.trust.signing.key import KeySigner
from tests import packs
from tests.gotools.build import program
from tests.registries import ORIGIN, doubling
from tests.registry_http import API, Site, serving, signed


def run(name: str, *words: object) -> str:
    found = shutil.which(name) if name == "skopeo" else program(name)
    if found is None:
        pytest.skip(f"{name} is missing: install Debian's skopeo, or run `python3 -m tests.gotools build`")
    done = subprocess.run([str(found), *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("site")
    with serving(f"sqlite:///{directory / 'registry.sqlite3'}", directory, rate_limits=True) as made:
        yield made


@pytest.fixture(scope="module")
def packed(site: Site) -> Packed:
    """A pack with a publisher's bundle and a signed yank that was taken back: three referrers."""
    signer = KeySigner.generate()
    pack = packs.pack(f"{ORIGIN}/acme/tooled", documents=[doubling("tooled")])
    assert site.claim("alice", "acme", keys=[signer.public.pem]).status_code == 201
    site.put(pack, "alice", signed(pack, signer))
    address = f"{API}/packs/acme/tooled/versions/1.0.0"
    for decision in ("yank", "restore"):
        header = {**site.token("alice", "acme"), "If-Match": site.client.get(address).headers["etag"]}
        done = site.client.post(f"{address}/{decision}", json={"reason": "to be seen"}, headers=header)
        assert done.status_code == 200, done.text
    listed = site.client.get(f"{address}/attestations").json()["items"]
    repository = f"/v2/{pack.release.name}"
    bundles = tuple(site.client.get(f"{repository}/blobs/{each['digest']}").content for each in listed)
    assert len(bundles) == 3
    return Packed(pack, bundles)


def host(site: Site) -> str:
    return f"127.0.0.1:{site.client.base_url.port}"


def same(found: Packed, expected: Packed) -> bool:
    return found.pack == expected.pack and set(found.bundles) == set(expected.bundles)


def tags_of(made: Packed) -> list[str]:
    return [made.pack.release.tag, oci.referrers_tag(made.pack.digest)]


def test_our_own_client_pulls(site: Site, packed: Packed) -> None:
    name = packed.pack.release.name
    with OciClient(f"http://{host(site)}") as client:
        pack = client.pull(name, "1.0.0")
        assert same(Packed(pack, client.referrers(name, pack.digest)), packed)
        assert client.tags(name) == ("1.0.0",)


def test_crane_reads_and_pulls_into_a_layout(site: Site, packed: Packed, tmp_path: Path) -> None:
    repository = f"{host(site)}/{packed.pack.release.name}"
    assert run("crane", "digest", "--insecure", f"{repository}:1.0.0").strip() == packed.pack.digest
    assert run("crane", "ls", "--insecure", repository).split() == ["1.0.0"]
    for tag in tags_of(packed):
        run("crane", "pull", "--insecure", "--format=oci", f"{repository}:{tag}", tmp_path / "layout")
    with ImageLayout.open(tmp_path / "layout") as layout:
        assert same(next(layout.packed()), packed)
    index = json.loads(run("crane", "manifest", "--insecure", f"{repository}:{tags_of(packed)[1]}"))
    assert len(index["manifests"]) == 3


def test_skopeo_copies_into_a_layout(site: Site, packed: Packed, tmp_path: Path) -> None:
    name = packed.pack.release.name
    for tag in tags_of(packed):
        source, target = f"docker://{host(site)}/{name}:{tag}", f"oci:{tmp_path}/layout:{name}:{tag}"
        run("skopeo", "copy", "--insecure-policy", "--all", "--src-tls-verify=false", source, target)
    with ImageLayout.open(tmp_path / "layout") as layout:
        assert same(next(layout.packed()), packed)
    listed = run("skopeo", "list-tags", "--tls-verify=false", f"docker://{host(site)}/{name}")
    assert json.loads(listed)["Tags"] == ["1.0.0"]
