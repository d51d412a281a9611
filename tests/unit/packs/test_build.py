from __future__ import annotations

import os
from pathlib import Path

import pytest

from seglam.packs.build import BuildFailed, build
from seglam.procedures import digest, dump
from tests.documents import document

ABOUT = """\
name: registry.acme.example/acme/basics
version: 1.10.0
description: Doubles numbers.
licence: Apache-2.0
requires:
- name: registry.acme.example/acme/more
  range: ^1.2
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "procedures").mkdir()
    (tmp_path / "docs" / "deep").mkdir(parents=True)
    (tmp_path / "pack.yaml").write_text(ABOUT)
    (tmp_path / "procedures" / "any-name.yaml").write_text("# a remark\n" + dump(document()))
    (tmp_path / "README.md").write_text("# Basics\n")
    (tmp_path / "LICENSE").write_text("Apache-2.0\n")
    (tmp_path / "docs" / "deep" / "a.md").write_text("a")
    return tmp_path


def failure(source: Path) -> str:
    with pytest.raises(BuildFailed) as caught:
        build(source)
    return str(caught.value)


def test_a_directory_becomes_a_pack(source: Path) -> None:
    (source / "Makefile").write_text("all:")
    (source / "docs" / ".cache").write_text("x")
    made = build(source)
    assert str(made.release) == "registry.acme.example/acme/basics@1.10.0"
    assert made.paths() == ("LICENSE", "README.md", "docs/deep/a.md", "procedures/double.yaml")
    assert [(each.name, each.range) for each in made.manifest_model.requires] == [
        ("registry.acme.example/acme/more", "^1.2")
    ]
    assert digest(made.procedures()[0].spec) == digest(document().spec)
    assert b"remark" not in made.file("procedures/double.yaml")


def test_the_bytes_do_not_depend_on_times_modes_or_the_order_of_files(source: Path) -> None:
    before = build(source)
    for path in source.rglob("*"):
        os.utime(path, (1, 1))
    (source / "README.md").chmod(0o755)
    (source / "procedures" / "any-name.yaml").rename(source / "procedures" / "z.yml")
    assert build(source) == before


def test_what_says_where_a_procedure_runs_stays_behind(source: Path) -> None:
    text = dump(document()).replace("  name: double\n", "  name: double\n  namespace: prod\n  labels: {a: b}\n")
    text += "  reviewPolicy: AfterShadow\n"
    before = build(source)
    (source / "procedures" / "any-name.yaml").write_text(text)
    assert build(source) == before


def test_faults_are_shown_where_they_are(source: Path) -> None:
    path = source / "procedures" / "any-name.yaml"
    path.write_text(dump(document()).replace("double {n}", "double {m}"))
    assert "any-name.yaml:" in failure(source)
    path.write_text("a: [")
    assert "no YAML" in failure(source)
    path.write_text(dump(document()))
    (source / "procedures" / "b.yaml").write_text(dump(document()))
    assert "is also in" in failure(source)


@pytest.mark.parametrize(
    ("about", "words"),
    [
        (ABOUT.replace("1.10.0", "1.10"), "no version"),
        (ABOUT.replace("registry.acme.example/acme/basics", "basics"), "no name of a pack"),
        (ABOUT.replace("^1.2", "newest"), "no version"),
        (ABOUT.replace("licence: Apache-2.0", "license: Apache-2.0"), "licence"),
        (ABOUT.replace("Apache-2.0", "see LICENSE file, please"), "licence"),
        (ABOUT.replace("Doubles numbers.", '"a\\u202eb"'), "U+202E"),
        (ABOUT + "extra: 1\n", "extra"),
        ("a: [", "no YAML"),
        ("- a\n", "valid dictionary"),
        ("\xff", "valid dictionary"),
        ("[" * 400, "no YAML"),
    ],
)
def test_pack_yaml_that_says_something_else(source: Path, about: str, words: str) -> None:
    (source / "pack.yaml").write_text(about)
    assert words in failure(source)


def test_what_is_missing(source: Path) -> None:
    (source / "procedures" / "any-name.yaml").unlink()
    assert "no procedure" in failure(source)
    (source / "pack.yaml").unlink()
    assert "pack.yaml" in failure(source)


def test_links_and_names_that_no_pack_may_have(source: Path, tmp_path: Path) -> None:
    (source / "docs" / "secret").symlink_to("/etc/hostname")
    assert "symbolic link" in failure(source)
    (source / "docs" / "secret").unlink()
    (source / "docs" / "link").symlink_to("/etc", target_is_directory=True)
    assert "no regular file" in failure(source) or "symbolic link" in failure(source)
    (source / "docs" / "link").unlink()
    (source / "docs" / "a b.md").write_text("x")
    assert "other characters" in failure(source)
    (source / "docs" / "a b.md").unlink()
    (source / "docs" / "A.md").write_text("x")
    (source / "docs" / "a.md").write_text("x")
    assert "twin" in failure(source)


def test_other_files_may_be_missing(source: Path) -> None:
    (source / "README.md").unlink()
    (source / "LICENSE").unlink()
    assert build(source).paths() == ("docs/deep/a.md", "procedures/double.yaml")
