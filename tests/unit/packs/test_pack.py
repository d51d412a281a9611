"""pack.json, and packs whose parts do not agree."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglam.packs import PackInvalid, archive, oci, strictjson
from seglam.packs.manifest import PackManifest
from seglam.packs.pack import Pack
from seglam.procedures import digest
from tests.documents import document
from tests.packs import NAME, basic, pack

Change = Callable[[dict[str, Any]], object]


def pack_json() -> dict[str, Any]:
    value = json.loads(basic().config)
    assert isinstance(value, dict)
    return value


def changed(change: Change) -> bytes:
    value = pack_json()
    change(value)
    return strictjson.write(value)


def rebuilt(config: bytes, content: bytes) -> Pack:
    """A pack whose manifest agrees with both parts, whatever they say."""
    return Pack.read(oci.pack_manifest(config, content), config, content)


def code(call: Callable[[], object]) -> str:
    with pytest.raises(PackInvalid) as caught:
        call()
    return caught.value.code


def test_a_pack_says_what_it_is() -> None:
    made = basic()
    assert str(made.release) == f"{NAME}@1.0.0"
    assert made.digest == oci.digest_of(made.manifest) == made.descriptor.digest
    assert made.paths() == ("LICENSE", "README.md", "procedures/double.yaml")
    assert made.file("README.md") == b"# Basics\n"
    assert [each.metadata.name for each in made.procedures()] == ["double"]
    assert digest(made.procedures()[0].spec) == made.manifest_model.procedures[0].digest
    assert Pack.read(made.manifest, made.config, made.content, digest=made.digest) == made
    with pytest.raises(KeyError):
        made.file("docs/none.md")


def test_the_manifest_is_that_of_the_image_specification() -> None:
    assert json.loads(basic().manifest) == {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": "application/vnd.seglam.pack.v1",
        "config": {
            "mediaType": "application/vnd.seglam.pack.config.v1+json",
            "digest": oci.digest_of(basic().config),
            "size": len(basic().config),
        },
        "layers": [
            {
                "mediaType": "application/vnd.seglam.pack.content.v1.tar",
                "digest": oci.digest_of(basic().content),
                "size": len(basic().content),
            }
        ],
    }


def test_another_digest_than_asked_for() -> None:
    made, other = basic(), "sha256:" + "0" * 64
    assert code(lambda: Pack.read(made.manifest, made.config, made.content, digest=other)) == "digest"


@given(st.data())
def test_one_changed_byte_anywhere_is_refused(draw: st.DataObject) -> None:
    parts = [basic().manifest, basic().config, basic().content]
    part = draw.draw(st.integers(0, 2))
    place = draw.draw(st.integers(0, len(parts[part]) - 1))
    byte = draw.draw(st.integers(1, 255))
    parts[part] = parts[part][:place] + bytes([parts[part][place] ^ byte]) + parts[part][place + 1 :]
    with pytest.raises(PackInvalid):
        Pack.read(*parts)


@pytest.mark.parametrize(
    "change",
    [
        lambda value: value.update(annotations={"a": "b"}),
        lambda value: value.update(schemaVersion=1),
        lambda value: value.update(mediaType=oci.INDEX),
        lambda value: value.update(artifactType="application/vnd.other"),
        lambda value: value.pop("artifactType"),
        lambda value: value["config"].update(mediaType="application/vnd.oci.image.config.v1+json"),
        lambda value: value["layers"][0].update(mediaType=oci.CONTENT + "+gzip"),
        lambda value: value["layers"].append(value["layers"][0]),
        lambda value: value.update(layers=[]),
        lambda value: value["config"].update(urls=["https://elsewhere.example/"]),
        lambda value: value["config"].update(data="e30="),
        lambda value: value.update(subject=value["config"]),
    ],
)
def test_another_manifest_of_the_same_parts_is_refused(change: Change) -> None:
    value = json.loads(basic().manifest)
    change(value)
    assert code(lambda: Pack.read(strictjson.write(value), basic().config, basic().content)) == "manifest"


def test_a_manifest_in_another_spelling_is_refused() -> None:
    spaced = json.dumps(json.loads(basic().manifest)).encode()
    assert code(lambda: Pack.read(spaced, basic().config, basic().content)) == "json-canonical"
    assert code(lambda: Pack.read(basic().manifest + b"\n", basic().config, basic().content)) == "json-canonical"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda value: value.update(extra="x"), "pack-json"),
        (lambda value: value.pop("licence"), "pack-json"),
        (lambda value: value.pop("requires"), "pack-json"),
        (lambda value: value.update(schema="seglam.dev/pack/v2"), "pack-json"),
        (lambda value: value.update(name="Registry.acme.example/acme/basics"), "pack-json"),
        (lambda value: value.update(version="1.0"), "pack-json"),
        (lambda value: value.update(version=1), "pack-json"),
        (lambda value: value.update(description=""), "pack-json"),
        (lambda value: value.update(description="two\nlines"), "pack-json"),
        (lambda value: value.update(description="safe \u202etxt"), "pack-json"),
        (lambda value: value.update(description="zero\u200bwidth"), "pack-json"),
        (lambda value: value.update(description="x" * 513), "pack-json"),
        (lambda value: value.update(licence="Apache-2.0\nMIT"), "pack-json"),
        (lambda value: value.update(licence=None), "json-null"),
        (lambda value: value.update(procedures=[]), "pack-json"),
        (lambda value: value.update(files="README.md"), "pack-json"),
        (lambda value: value["files"].reverse(), "pack-json"),
        (lambda value: value["files"].append(value["files"][-1]), "path-twin"),
        (lambda value: value["files"][0].update(size="4"), "pack-json"),
        (lambda value: value["files"][0].update(size=True), "pack-json"),
        (lambda value: value["files"][0].update(size=-1), "pack-json"),
        (lambda value: value["files"][0].update(sha256="0" * 63), "pack-json"),
        (lambda value: value["files"][0].update(sha256="A" * 64), "pack-json"),
        (lambda value: value["files"][0].update(mode=493), "pack-json"),
        (lambda value: value["files"][0].update(path="../LICENSE"), "path-traversal"),
        (lambda value: value["files"][0].update(path="/LICENSE"), "path-absolute"),
        (lambda value: value["files"][0].update(path="LICENSE\0.md"), "path-nul"),
        (lambda value: value["files"][0].update(path="docs\\LICENSE"), "path-backslash"),
        (lambda value: value["files"][0].update(path="EVIL.sh"), "path-place"),
        (lambda value: value["files"][0].update(path="LICENSE/../LICENSE"), "path-traversal"),
        (lambda value: value["procedures"][0].update(path="procedures/other.yaml"), "pack-json"),
        (lambda value: value["procedures"][0].update(name="other"), "pack-json"),
        (lambda value: value["procedures"][0].update(digest="sha512:" + "0" * 64), "pack-json"),
        (lambda value: value["procedures"].append(value["procedures"][0]), "pack-json"),
        (lambda value: value.update(requires=[{"name": NAME, "range": "^1"}]), "pack-json"),
        (lambda value: value.update(requires=[{"name": "x", "range": "^1"}]), "pack-json"),
        (lambda value: value.update(requires=[{"name": "a.example/ab/cd", "range": "latest"}]), "pack-json"),
    ],
)
def test_other_documents_are_no_pack_json(change: Change, why: str) -> None:
    assert code(lambda: PackManifest.read(changed(change))) == why


def test_pack_json_with_two_members_of_one_name() -> None:
    twice = basic().config[:-1] + b',"version":"2.0.0"}'
    assert code(lambda: PackManifest.read(twice)) == "json-duplicate-key"


def test_paths_that_some_file_systems_take_for_one() -> None:
    def files(*paths: str) -> Change:
        return lambda value: value.update(
            files=sorted(
                [*value["files"], *({**value["files"][0], "path": path} for path in paths)],
                key=lambda each: each["path"].encode(),
            )
        )

    for twins in (("docs/a", "docs/A"), ("docs/a", "docs/a/b"), ("docs/X/a", "docs/x/b"), ("docs/A/b", "docs/a")):
        assert code(lambda twins=twins: PackManifest.read(changed(files(*twins)))) == "path-twin"  # type: ignore[misc]
    for accent in ("docs/\u00e9", "docs/e\u0301"):
        assert code(lambda accent=accent: PackManifest.read(changed(files(accent)))) == "path-characters"  # type: ignore[misc]
    assert len(PackManifest.read(changed(files("docs/a", "docs/b/c"))).files) == 5


@given(
    st.dictionaries(
        st.sampled_from(sorted(pack_json())), st.none() | st.text(max_size=9) | st.integers() | st.lists(st.text())
    )
)
def test_any_pack_json_is_its_own_text_or_refused(members: dict[str, Any]) -> None:
    value = {**pack_json(), **members}
    try:
        data = strictjson.write(value)
        model = PackManifest.read(data)
    except (PackInvalid, ValueError):
        return
    assert model.data() == data


@given(st.binary(max_size=200))
def test_any_bytes_are_no_pack_json_or_their_own_text(data: bytes) -> None:
    with contextlib.suppress(PackInvalid):
        assert PackManifest.read(data).data() == data


def test_content_that_is_not_what_pack_json_says() -> None:
    files = {path: basic().file(path) for path in basic().paths()}
    config = basic().config
    assert code(lambda: rebuilt(config, archive.write({**files, "docs/more.md": b"x"}))) == "file-unlisted"
    fewer = {path: data for path, data in files.items() if path != "README.md"}
    assert code(lambda: rebuilt(config, archive.write(fewer))) == "file-missing"
    other = {**files, "README.md": b"# Basic!\n"}
    assert code(lambda: rebuilt(config, archive.write(other))) == "file-digest"
    longer = {**files, "README.md": b"# Basics\n\n"}
    assert code(lambda: rebuilt(config, archive.write(longer))) == "file-digest"
    assert rebuilt(config, archive.write(files)) == basic()


def with_procedure(data: bytes, **entry: str) -> Callable[[], Pack]:
    """A pack whose one procedure file has other bytes, listed with their right hash."""
    import hashlib

    files = {path: basic().file(path) for path in basic().paths()} | {"procedures/double.yaml": data}

    def change(value: dict[str, Any]) -> None:
        value["files"][2].update(size=len(data), sha256=hashlib.sha256(data).hexdigest())
        value["procedures"][0].update(entry)

    return lambda: rebuilt(changed(change), archive.write(files))


def test_procedures_that_are_not_what_pack_json_says() -> None:
    text = basic().file("procedures/double.yaml")
    assert with_procedure(text)() == basic()
    tripled = text.replace(b"2 * n", b"3 * n")
    for data in (
        tripled,  # another digest
        text.replace(b"name: double", b"name: triple"),
        text + b"---\n" + text,
        b"",
        b"a: b\n",
        b"\xff",
        b"[" * 100_000,
        text + b"x: " + b"[" * 30 + b"]" * 30,
        text.replace(b"name: double", b"name: &a double"),
        text.replace(b"metadata:\n", b"metadata:\n  namespace: kube-system\n"),
        text.replace(b"metadata:\n", b"metadata:\n  annotations: {seglam.dev/author: somebody}\n"),
        text + b"  reviewPolicy: AfterShadow\n",
        text + b"status: {}\n",
        text + b"#" * 200_000,
    ):
        assert code(with_procedure(data)) == "procedure"
    own = digest(document(code="def solve(n):\n    return str(3 * n)\n").spec)
    assert with_procedure(tripled, digest=own)().manifest_model.procedures[0].digest == own


def test_too_large_is_refused_before_it_is_read() -> None:
    value = json.loads(basic().manifest)
    value["layers"][0]["size"] = 2**40
    assert code(lambda: Pack.read(strictjson.write(value), basic().config, basic().content)) == "content-size"


def test_the_same_source_makes_the_same_bytes() -> None:
    assert pack() == basic()
    documents = [document("double"), document("triple", patterns=("triple {n}",))]
    assert pack(documents=documents) == pack(documents=documents[::-1])
    assert pack(version="1.0.1").digest != basic().digest
    assert pack(requires={"b.example/ab/cd": "^1", "a.example/ab/cd": "^2"}) == pack(
        requires={"a.example/ab/cd": "^2", "b.example/ab/cd": "^1"}
    )
    assert copy.deepcopy(basic()) == basic()
