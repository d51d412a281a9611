"""The tools of the field copy packs with their bundles, and change nothing: crane, skopeo and the CNCF registry."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from seglam.packs import PackName, Release, TransportError, oci
from seglam.packs.client import OciClient
from seglam.packs.layout import ImageLayout, Packed, write_directory, write_tar
from tests.distribution import run, serving, tool
from tests.packs import RELEASE, REVIEW, pack, unsigned

BUNDLES = (unsigned(RELEASE), unsigned(REVIEW))


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """HOST:PORT of a CNCF distribution registry with an empty store."""
    with serving(tmp_path_factory.mktemp("registry")) as address:
        yield address


@pytest.fixture(scope="module")
def packed(registry: str) -> Packed:
    """A pack with two bundles, which our client has put into the registry."""
    made = Packed(pack(version="1.2.3-rc.1"), BUNDLES)
    with OciClient(f"http://{registry}") as client:
        client.push(made.pack, made.bundles[:1])
        client.push(made.pack, made.bundles)
    return made


def pulled(registry: str, release: Release) -> Packed:
    with OciClient(f"http://{registry}") as client:
        found = client.pull(release.name, release.tag)
        assert client.resolve(release.name, found.digest).digest == found.digest
        return Packed(found, client.referrers(release.name, found.digest))


def same(found: Packed, expected: Packed) -> bool:
    return found.pack == expected.pack and set(found.bundles) == set(expected.bundles)


def tags_of(made: Packed) -> list[str]:
    return [made.pack.release.tag, oci.referrers_tag(made.pack.digest)]


def test_our_client_and_the_cncf_registry(registry: str, packed: Packed) -> None:
    assert same(pulled(registry, packed.pack.release), packed)
    with OciClient(f"http://{registry}") as client:
        assert sorted(client.tags(packed.pack.release.name)) == sorted(tags_of(packed))
        assert client.tags(PackName.parse("registry.acme.example/acme/none")) == ()
        with pytest.raises(TransportError) as caught:
            client.pull(PackName.parse("registry.acme.example/acme/none"), "1.0.0")
    assert caught.value.code == "not-found"


def test_crane_copies_a_pack_between_registry_and_layout(registry: str, packed: Packed, tmp_path: Path) -> None:
    crane, name = tool("crane"), packed.pack.release.name
    for tag in tags_of(packed):
        run(crane, "pull", "--insecure", "--format=oci", f"{registry}/{name}:{tag}", tmp_path / "layout")
    with ImageLayout.open(tmp_path / "layout") as layout:
        assert same(next(layout.packed()), packed)
    # A layout without bundles is one image to crane, which pushes it by its digest.
    write_directory(tmp_path / "ours", [Packed(packed.pack)])
    run(crane, "push", "--insecure", tmp_path / "ours", f"{registry}/pushed/{name}:1.2.3-rc.1")
    digest = run(crane, "digest", "--insecure", f"{registry}/pushed/{name}:1.2.3-rc.1").strip()
    assert digest == packed.pack.digest


def test_crane_copies_a_pack_between_registries(registry: str, packed: Packed) -> None:
    crane, name = tool("crane"), packed.pack.release.name
    other = f"{registry}/mirror/{name}"
    for tag in tags_of(packed):
        run(crane, "copy", "--insecure", f"{registry}/{name}:{tag}", f"{other}:{tag}")
    for tag in tags_of(packed):
        found = run(crane, "manifest", "--insecure", f"{other}:{tag}")
        assert found == run(crane, "manifest", "--insecure", f"{registry}/{name}:{tag}")
    listed = json.loads(run(crane, "manifest", "--insecure", f"{other}:{tags_of(packed)[1]}"))["manifests"]
    expected = {oci.digest_of(oci.bundle_manifest(each, packed.pack.descriptor)) for each in packed.bundles}
    assert {entry["digest"] for entry in listed} == expected


def test_skopeo_copies_a_pack_from_the_registry_to_a_layout(registry: str, packed: Packed, tmp_path: Path) -> None:
    skopeo, name = tool("skopeo"), packed.pack.release.name
    for tag in tags_of(packed):
        source, target = f"docker://{registry}/{name}:{tag}", f"oci:{tmp_path}/layout:{name}:{tag}"
        run(skopeo, "copy", "--insecure-policy", "--all", "--src-tls-verify=false", source, target)
    with ImageLayout.open(tmp_path / "layout") as layout:
        assert same(next(layout.packed()), packed)


@pytest.mark.parametrize("form", ["directory", "tar"])
def test_skopeo_copies_a_pack_from_our_layout_to_a_registry(registry: str, tmp_path: Path, form: str) -> None:
    skopeo = tool("skopeo")
    made = Packed(pack(version="2.0.0" if form == "tar" else "2.1.0"), BUNDLES)
    name = made.pack.release.name
    source = tmp_path / "layout"
    (write_tar if form == "tar" else write_directory)(source, [made])
    transport = "oci-archive" if form == "tar" else "oci"
    for tag in tags_of(made):
        named, target = f"{transport}:{source}:{name}:{tag}", f"docker://{registry}/{name}:{tag}"
        run(skopeo, "copy", "--insecure-policy", "--all", "--dest-tls-verify=false", named, target)
    assert same(pulled(registry, made.pack.release), made)


def test_a_layout_goes_through_everything_and_is_the_same(registry: str, packed: Packed, tmp_path: Path) -> None:
    """Our tar -> skopeo -> registry -> crane -> layout -> our tar: the same packs, bundle manifests and digests."""
    skopeo, crane = tool("skopeo"), tool("crane")
    made = Packed(pack(version="3.0.0"), BUNDLES)
    name = made.pack.release.name
    write_tar(tmp_path / "a.tar", [made])
    for tag in tags_of(made):
        named, target = f"oci-archive:{tmp_path}/a.tar:{name}:{tag}", f"docker://{registry}/{name}:{tag}"
        run(skopeo, "copy", "--insecure-policy", "--all", "--dest-tls-verify=false", named, target)
        run(crane, "pull", "--insecure", "--format=oci", f"{registry}/{name}:{tag}", tmp_path / "b")
    with ImageLayout.open(tmp_path / "b") as layout:
        write_tar(tmp_path / "b.tar", layout.packed())
    assert (tmp_path / "b.tar").read_bytes() == (tmp_path / "a.tar").read_bytes()


def test_the_tar_that_skopeo_writes(packed: Packed, tmp_path: Path) -> None:
    name = packed.pack.release.name
    write_directory(tmp_path / "layout", [packed])
    source, target = f"oci:{tmp_path}/layout:{name}:{packed.pack.release.tag}", f"oci-archive:{tmp_path}/a.tar:any"
    run(tool("skopeo"), "copy", "--insecure-policy", source, target)
    with ImageLayout.open(tmp_path / "a.tar") as layout:
        assert list(layout.packed()) == [Packed(packed.pack)]
