from __future__ import annotations

import io
import json
import os
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seglam.packs import PackInvalid, archive, layout, oci
from seglam.packs import files as disk
from seglam.packs.archive import Limits
from seglam.packs.layout import ImageLayout, Packed, add_bundles, tar_bytes, write_directory, write_tar
from tests.packs import RELEASE, REVIEW, basic, pack, unsigned

RELEASED, REVIEWED = unsigned(RELEASE), unsigned(REVIEW)


def code(call: Callable[[], object]) -> str:
    with pytest.raises(PackInvalid) as caught:
        call()
    return caught.value.code


def read(data: bytes) -> ImageLayout:
    return ImageLayout.read(io.BytesIO(data))


def files(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as opened:
        return {each.name: opened.extractfile(each).read() for each in opened}  # type: ignore[union-attr]


def tar(members: dict[str, bytes]) -> bytes:
    return archive.write(members)


@pytest.fixture(scope="module")
def two() -> list[Packed]:
    return [Packed(basic(), (RELEASED, REVIEWED)), Packed(pack(version="1.1.0"), (RELEASED,))]


@pytest.fixture(params=["tar", "directory"])
def written(request: pytest.FixtureRequest, tmp_path: Path, two: list[Packed]) -> Path:
    path = tmp_path / "layout"
    write = write_tar if request.param == "tar" else write_directory
    write(path, two, {"tuf/root.json": b"{}"})
    return path


def test_what_is_written_reads_back(written: Path, two: list[Packed]) -> None:
    with ImageLayout.open(written) as opened:
        assert opened.digests() == tuple(each.pack.digest for each in two)
        assert list(opened.packed()) == two
        assert opened.bundles("sha256:" + "0" * 64) == ()
        assert opened.extras() == ("tuf/root.json",)
        assert opened.extra("tuf/root.json") == b"{}"
        assert opened.foreign() == ()
        for path in ("index.json", "blobs/sha256/" + basic().digest[7:], "tuf/../oci-layout"):
            with pytest.raises(KeyError):
                opened.extra(path)
        assert code(opened.pack) == "layout-pack"
        assert code(lambda: opened.pack("sha256:" + "0" * 64)) == "layout-pack"


def test_the_index_is_what_other_tools_read(two: list[Packed]) -> None:
    found = files(tar_bytes(two))
    assert json.loads(found["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    index = json.loads(found["index.json"])
    names = [entry.get("annotations", {}).get(oci.REF_NAME) for entry in index["manifests"]]
    name, tag = "registry.acme.example/acme/basics", oci.referrers_tag(basic().digest)
    assert [each for each in names if each][:2] == [f"{name}:1.0.0", f"{name}:{tag}"]
    for entry in index["manifests"]:
        data = found["blobs/" + entry["digest"].replace(":", "/")]
        assert (oci.digest_of(data), len(data)) == (entry["digest"], entry["size"])
        if entry.get("artifactType") == oci.BUNDLE:
            referrer = json.loads(data)
            assert referrer["config"]["mediaType"] == oci.EMPTY
            assert referrer["subject"]["mediaType"] == oci.MANIFEST
            assert referrer["annotations"] == entry["annotations"]
            assert set(entry["annotations"]) == {oci.BUNDLE_CONTENT, oci.PREDICATE_TYPE}


def test_the_same_packs_make_the_same_bytes(two: list[Packed]) -> None:
    assert tar_bytes(two) == tar_bytes(two)


def test_a_layout_without_index_of_referrers_and_with_only_that(two: list[Packed]) -> None:
    found = files(tar_bytes(two[:1]))
    index = json.loads(found["index.json"])
    flat = [entry for entry in index["manifests"] if entry["mediaType"] != oci.INDEX]
    nested = [entry for entry in index["manifests"] if entry.get("artifactType") != oci.BUNDLE]
    for entries in (flat, nested):
        found["index.json"] = json.dumps({**index, "manifests": entries}).encode()
        with read(tar(found)) as opened:
            assert list(opened.packed()) == two[:1]


def test_adding_keeps_what_is_there(written: Path, two: list[Packed]) -> None:
    more = unsigned("https://slsa.dev/provenance/v1")
    for _ in range(2):
        add_bundles(written, basic().digest, [REVIEWED, more])
    with ImageLayout.open(written) as opened:
        assert opened.bundles(basic().digest) == (RELEASED, REVIEWED, more)
        assert opened.digests() == tuple(each.pack.digest for each in two)
        assert opened.extras() == ("tuf/root.json",)
    assert code(lambda: add_bundles(written, "sha256:" + "0" * 64, [more])) == "layout-pack"


def test_a_directory_grows_and_keeps_what_is_not_ours(tmp_path: Path) -> None:
    path = tmp_path / "layout"
    write_directory(path, [Packed(basic())])
    image = b'{"schemaVersion":2,"config":{},"layers":[]}'
    (path / "blobs" / oci.digest_of(image).replace(":", "/")).write_bytes(image)
    index = json.loads((path / "index.json").read_bytes())
    index["manifests"].append(oci.Descriptor.to(oci.MANIFEST, image).value())
    (path / "index.json").write_text(json.dumps(index))
    write_directory(path, [Packed(pack(version="2.0.0"), (RELEASED,))])
    with ImageLayout.open(path) as opened:
        assert [str(each.pack.release.version) for each in opened.packed()] == ["1.0.0", "2.0.0"]
        assert [entry.digest for entry in opened.foreign()] == [oci.digest_of(image)]


def test_an_interrupted_directory_is_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "layout"
    whole = disk.write_whole
    left = 3

    def failing(target: Path, data: bytes) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError("no space left")
        whole(target, data)

    monkeypatch.setattr(layout, "write_whole", failing)
    with pytest.raises(OSError, match="no space"):
        write_directory(path, [Packed(basic(), (RELEASED,))])
    assert not (path / "index.json").exists()
    kept = {each: each.stat().st_ino for each in (path / "blobs").rglob("*") if each.is_file()}
    assert kept
    monkeypatch.setattr(layout, "write_whole", whole)
    write_directory(path, [Packed(basic(), (RELEASED,))])
    with ImageLayout.open(path) as opened:
        assert list(opened.packed()) == [Packed(basic(), (RELEASED,))]
    assert {each: each.stat().st_ino for each in kept} == kept


def test_a_damaged_blob_of_a_directory_is_written_again(tmp_path: Path) -> None:
    path = tmp_path / "layout"
    write_directory(path, [Packed(basic())])
    blob = path / "blobs" / oci.digest_of(basic().content).replace(":", "/")
    blob.write_bytes(basic().content[:-1])
    with ImageLayout.open(path) as opened:
        assert code(opened.pack) == "blob-size"
    blob.unlink()
    blob.symlink_to("/etc/hostname")
    assert code(lambda: ImageLayout.open(path)) == "link"


def test_a_failed_write_leaves_the_tar_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "layout.tar"
    write_tar(path, [Packed(basic())])
    before = path.read_bytes()

    def packs() -> Any:
        yield Packed(basic())
        raise RuntimeError("interrupted")

    with pytest.raises(RuntimeError):
        write_tar(path, packs())
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_extras_do_not_reach_into_the_layout(tmp_path: Path) -> None:
    for name in ("index.json", "oci-layout", "blobs/sha256/x"):
        assert code(lambda name=name: tar_bytes([], {name: b""})) == "layout"  # type: ignore[misc]
        assert code(lambda name=name: write_directory(tmp_path / "d", [], {name: b""})) == "layout"  # type: ignore[misc]
    for name, why in (("../x", "path-traversal"), ("/x", "path-absolute")):
        assert code(lambda name=name: tar_bytes([], {name: b""})) == why  # type: ignore[misc]
        assert code(lambda name=name: write_directory(tmp_path / "d", [], {name: b""})) == why  # type: ignore[misc]


def test_a_directory_of_something_else_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    assert code(lambda: write_directory(tmp_path, [Packed(basic())])) == "layout"
    assert [each.name for each in tmp_path.iterdir()] == ["thesis.tex"]


def test_every_changed_byte_of_a_blob_is_noticed(two: list[Packed]) -> None:
    data = bytearray(tar_bytes(two[:1]))
    for member in archive.members(io.BytesIO(data), layout.DEFAULT_LIMITS):
        if member.path.startswith("blobs/") and member.size > len(oci.EMPTY_BYTES):  # nobody asks for an empty config
            data[member.offset] ^= 1
            with pytest.raises(PackInvalid) as caught:
                list(read(bytes(data)).packed())
            assert caught.value.code == "blob-digest"
            data[member.offset] ^= 1


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda found: found.pop("oci-layout"), "layout"),
        (lambda found: found.pop("index.json"), "layout"),
        (lambda found: found.update({"oci-layout": b'{"imageLayoutVersion":"2.0.0"}'}), "layout"),
        (lambda found: found.update({"oci-layout": b"[]"}), "layout"),
        (lambda found: found.update({"index.json": b"[]"}), "index"),
        (
            lambda found: found.update({"index.json": b'{"schemaVersion":2,"manifests":[],"manifests":[]}'}),
            "json-duplicate-key",
        ),
        (lambda found: found.update({"index.json": b'{"schemaVersion":2,"manifests":' + b"[" * 9999}), "json-depth"),
        (lambda found: found.update({"index.json": b'{"schemaVersion":2,"manifests":[{}]}'}), "descriptor"),
        (lambda found: found.pop("blobs/sha256/" + basic().digest[7:]), "blob-missing"),
    ],
)
def test_archives_that_are_no_layouts(
    change: Callable[[dict[str, bytes]], object], why: str, two: list[Packed]
) -> None:
    found = files(tar_bytes(two[:1]))
    change(found)
    assert code(lambda: read(tar(found))) == why


def entry(**members: object) -> bytes:
    base = {"mediaType": oci.MANIFEST, "digest": basic().digest, "size": len(basic().manifest)}
    return json.dumps({"schemaVersion": 2, "manifests": [{**base, **members}]}).encode()


@pytest.mark.parametrize(
    "members",
    [
        {"digest": "sha256:../../../../etc/passwd"},
        {"digest": "md5:0"},
        {"digest": 1},
        {"size": -1},
        {"size": True},
        {"size": "1"},
        {"mediaType": None},
        {"annotations": {"a": 1}},
        {"artifactType": []},
    ],
)
def test_descriptors_that_are_none(members: dict[str, object], two: list[Packed]) -> None:
    found = files(tar_bytes(two[:1])) | {"index.json": entry(**members)}
    assert code(lambda: read(tar(found))) == "descriptor"


def test_a_descriptor_of_another_size(two: list[Packed]) -> None:
    found = files(tar_bytes(two[:1])) | {"index.json": entry(size=1)}
    assert code(lambda: read(tar(found))) == "blob-size"


def test_indexes_within_indexes_end(two: list[Packed]) -> None:
    found = files(tar_bytes(two[:1]))
    inner = oci.Descriptor.to(oci.MANIFEST, basic().manifest)
    for _ in range(5):
        index = oci.index_manifest([inner])
        found["blobs/" + oci.digest_of(index).replace(":", "/")] = index
        inner = oci.Descriptor.to(oci.INDEX, index)
    found["index.json"] = oci.index_manifest([inner])
    with read(tar(found)) as opened:
        assert opened.digests() == ()
        assert opened.foreign() == (inner,)


def referring(change: Callable[[dict[str, Any]], object]) -> ImageLayout:
    """A layout with one referrer of the pack, which is changed."""
    value = json.loads(oci.bundle_manifest(RELEASED, basic().descriptor))
    change(value)
    manifest = json.dumps(value).encode()
    found = files(tar_bytes([Packed(basic(), (RELEASED,))]))
    found["blobs/" + oci.digest_of(manifest).replace(":", "/")] = manifest
    listed = [basic().descriptor, oci.Descriptor.to(oci.MANIFEST, manifest)]
    found["index.json"] = oci.index_manifest(listed)
    return read(tar(found))


def test_referrers_of_others() -> None:
    digest, other = basic().digest, "sha256:" + "0" * 64
    assert referring(lambda value: value.update(annotations={"any": "thing"})).bundles(digest) == (RELEASED,)
    assert referring(lambda value: value.update(artifactType="application/spdx+json")).bundles(digest) == ()
    assert referring(lambda value: value["subject"].update(digest=other)).bundles(digest) == ()
    assert code(lambda: referring(lambda value: value.update(layers=value["layers"] * 2)).bundles(digest)) == "referrer"
    too_large = referring(lambda value: value["layers"][0].update(size=2**30))
    assert code(lambda: too_large.bundles(digest)) == "bundle-size"


def test_limits_hold_for_tar_and_directory(written: Path) -> None:
    for limits in (Limits(10**9, 3, 10**6), Limits(10**9, 100, 100)):
        with pytest.raises(PackInvalid) as caught:
            ImageLayout.open(written, limits)
        assert caught.value.code in ("archive-members", "member-size")


def test_a_directory_with_devices_or_names_that_deceive(tmp_path: Path) -> None:
    path = tmp_path / "layout"
    write_directory(path, [Packed(basic())])
    os.mkfifo(path / "pipe")
    assert code(lambda: ImageLayout.open(path)) == "device"
    (path / "pipe").unlink()
    (path / "a b").write_text("")
    assert code(lambda: ImageLayout.open(path)) == "path-characters"
    (path / "a b").unlink()
    (path / "sub").symlink_to("/etc", target_is_directory=True)
    assert code(lambda: ImageLayout.open(path)) == "link"


def test_a_pipe_or_nothing_is_no_layout(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ImageLayout.open(tmp_path / "none.tar")
    (tmp_path / "empty.tar").write_bytes(b"")
    assert code(lambda: ImageLayout.open(tmp_path / "empty.tar")) == "archive-end"
    os.mkfifo(tmp_path / "pipe.tar")
    assert code(lambda: ImageLayout.open(tmp_path / "pipe.tar")) == "device"


def test_a_bundle_that_is_none_is_not_attached() -> None:
    for data in (b"", b"{}", b'{"dsseEnvelope":{"payload":"e30="}}', b'{"dsseEnvelope":{"payload":"!"}}', b"[]"):
        with pytest.raises(PackInvalid) as caught:
            tar_bytes([Packed(basic(), (data,))])
        assert caught.value.code in ("bundle", "json-syntax")


def test_a_manifest_that_is_listed_often_is_read_once(two: list[Packed]) -> None:
    found = files(tar_bytes(two[:1]))
    padding = b" " * 1_000_000
    manifest = b'{"artifactType":"x"}' + padding
    found["blobs/" + oci.digest_of(manifest).replace(":", "/")] = manifest
    found["index.json"] = oci.index_manifest([oci.Descriptor.to(oci.MANIFEST, manifest)] * 3_000)
    with read(tar(found)) as opened:  # 3 GB would be hashed otherwise
        assert len(opened.foreign()) == 3_000


def test_bundles_have_a_limit_together(monkeypatch: pytest.MonkeyPatch, two: list[Packed]) -> None:
    monkeypatch.setattr(oci, "MAX_BUNDLES_BYTES", len(RELEASED))
    with read(tar_bytes(two)) as opened:
        assert opened.bundles(two[1].pack.digest) == (RELEASED,)
        assert code(lambda: opened.bundles(basic().digest)) == "bundle-size"


def test_a_layout_of_another_tool_as_tar(tmp_path: Path, two: list[Packed]) -> None:
    """Owners, times, directories and filled records, as tar and skopeo write them."""
    write_directory(tmp_path / "layout", two)
    with tarfile.open(tmp_path / "layout.tar", "w", format=tarfile.USTAR_FORMAT) as out:
        for path in ("blobs", "index.json", "oci-layout"):
            out.add(tmp_path / "layout" / path, path)
    with ImageLayout.open(tmp_path / "layout.tar") as opened:
        assert list(opened.packed()) == two


def test_many_add_to_a_directory_at_once(tmp_path: Path, two: list[Packed]) -> None:
    bundles = [unsigned(REVIEW, number=number) for number in range(6)]
    write_directory(tmp_path / "layout", two)
    adding = [Packed(basic(), (bundle,)) for bundle in bundles] + [Packed(pack(version=f"3.0.{n}")) for n in range(6)]
    threads = [threading.Thread(target=write_directory, args=(tmp_path / "layout", [each])) for each in adding]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with ImageLayout.open(tmp_path / "layout") as opened:
        assert len(opened.digests()) == 2 + 6
        assert set(opened.bundles(basic().digest)) == {RELEASED, REVIEWED, *bundles}
        names = [
            entry["annotations"].get(oci.REF_NAME)
            for entry in json.loads((tmp_path / "layout" / "index.json").read_bytes())["manifests"]
            if "annotations" in entry
        ]
        assert len([name for name in names if name]) == len({name for name in names if name}) == 8 + 2


def test_other_packs_are_not_read_when_one_is_added(tmp_path: Path, two: list[Packed]) -> None:
    write_directory(tmp_path / "layout", two)
    other = tmp_path / "layout" / "blobs" / oci.digest_of(two[1].pack.content).replace(":", "/")
    damaged = bytes(len(two[1].pack.content))
    other.write_bytes(damaged)
    write_directory(tmp_path / "layout", [Packed(pack(version="2.0.0", files={"README.md": b"new"}))])
    assert other.read_bytes() == damaged
    with ImageLayout.open(tmp_path / "layout") as opened:
        assert len(opened.digests()) == 3
        assert code(lambda: opened.pack(two[1].pack.digest)) == "blob-digest"


def test_a_directory_is_read_while_another_writes_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list of files was made before a pack was added, `index.json` was read after it."""
    path = tmp_path / "layout"
    write_directory(path, [Packed(basic())])
    read_index = oci.index_entries

    def late(index: bytes, where: str) -> list[oci.Descriptor]:
        monkeypatch.setattr(oci, "index_entries", read_index)
        write_directory(path, [Packed(pack(version="2.0.0", files={"README.md": b"new"}))])
        return read_index((path / "index.json").read_bytes(), where)

    monkeypatch.setattr(oci, "index_entries", late)
    with ImageLayout.open(path) as opened:
        assert [str(each.pack.release.version) for each in opened.packed()] == ["1.0.0", "2.0.0"]
