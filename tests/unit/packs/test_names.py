from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglam.packs import NameInvalid, PackName, Reference, ReferenceInvalid, Release, VersionInvalid

DIGEST = "sha256:" + "0a" * 32


@pytest.mark.parametrize(
    "text", ["registry.acme.example/acme/basics", "localhost/a1/b2", "xn--bcher-kva.example/ab/c-d-e"]
)
def test_a_name_reads_back(text: str) -> None:
    assert str(PackName.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "acme/basics",
        "registry.acme.example/acme/basics/x",
        "registry.acme.example:443/acme/basics",
        "Registry.acme.example/acme/basics",
        "registry.acme.example/Acme/basics",
        "registry/acme/basics",
        "127.0.0.1/acme/basics",
        "registry.acme.example./acme/basics",
        "registry..example/acme/basics",
        "-a.example/acme/basics",
        "registry.acme.example/a/basics",
        "registry.acme.example/acme/-basics",
        "registry.acme.example/acme/ba--sics",
        "registry.acme.example/acme/ba_sics",
        "registry.acme.example/acme/basics\n",
        "registry.acme.example/acme/bаsics",  # a Cyrillic letter
        "registry.acme.example/../basics",
        "registry.acme.example/acme/" + "a" * 41,
        "a." * 120 + "example/acme/basics",
    ],
)
def test_other_texts_are_no_names(text: str) -> None:
    with pytest.raises(NameInvalid):
        PackName.parse(text)


@given(st.text(max_size=60) | st.from_regex(r"[a-z.]{1,9}/[a-z-]{1,5}/[a-z-]{1,5}(@[0-9.-]{1,8})?"))
def test_any_text_is_a_name_that_writes_itself_or_refused(text: str) -> None:
    for read in (PackName.parse, Release.parse, Reference.parse):
        with contextlib.suppress(NameInvalid, VersionInvalid, ReferenceInvalid):
            assert str(read(text)) == text


def test_a_release_and_its_package_url() -> None:
    release = Release.parse("registry.acme.example/acme/basics@1.2.3-rc.1")
    assert release.purl == "pkg:seglam/registry.acme.example/acme/basics@1.2.3-rc.1"
    assert release.tag == "1.2.3-rc.1"
    assert Release.from_purl(release.purl) == release
    for text in (
        "pkg:SEGLAM/registry.acme.example/acme/basics@1.2.3",
        "pkg:seglam/acme/basics@1.0.0",
        release.purl + "?a=b",
    ):
        with pytest.raises((NameInvalid, VersionInvalid)):
            Release.from_purl(text)
    with pytest.raises(NameInvalid, match="no version"):
        Release.parse("registry.acme.example/acme/basics")


@pytest.mark.parametrize(
    ("text", "host", "version", "digest"),
    [
        ("registry.acme.example/acme/basics", None, None, None),
        ("registry.acme.example/acme/basics@1.0.0", None, "1.0.0", None),
        (f"registry.acme.example/acme/basics@{DIGEST}", None, None, DIGEST),
        ("oci://mirror.example:5000/registry.acme.example/acme/basics", "mirror.example:5000", None, None),
        ("oci://127.0.0.1:5000/registry.acme.example/acme/basics:1.0.0", "127.0.0.1:5000", "1.0.0", None),
        (f"oci://[::1]:5000/registry.acme.example/acme/basics@{DIGEST}", "[::1]:5000", None, DIGEST),
    ],
)
def test_references_to_packs(text: str, host: str | None, version: str | None, digest: str | None) -> None:
    found = Reference.parse(text)
    assert str(found.name) == "registry.acme.example/acme/basics"
    assert (found.host, found.version and str(found.version), found.digest, found.path) == (host, version, digest, None)
    assert str(found) == text


@pytest.mark.parametrize("text", [".", "..", "./x", "../x", "/tmp/x", "x.tar", "a/b/c.tar"])
def test_references_to_paths(text: str) -> None:
    assert Reference.parse(text) == Reference(path=text)


@pytest.mark.parametrize(
    "text",
    [
        "basics",
        "acme/basics",
        "registry.acme.example/acme/basics@",
        "registry.acme.example/acme/basics@1.0",
        "registry.acme.example/acme/basics@sha256:00",
        "registry.acme.example/acme/basics@sha512:" + "0" * 128,
        "oci://",
        "oci://u:p@mirror.example/registry.acme.example/acme/basics",
        "oci://mirror.example/acme/basics",
        "oci://mirror.example/registry.acme.example/acme/basics:latest",
        "oci://mirror.example/registry.acme.example/acme/basics@1.0.0",
        "https://mirror.example/registry.acme.example/acme/basics",
    ],
)
def test_other_texts_are_no_references(text: str) -> None:
    with pytest.raises(ReferenceInvalid):
        Reference.parse(text)
