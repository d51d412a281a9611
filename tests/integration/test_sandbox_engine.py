"""The engine on disk: what is refused, what is built again, and what is left alone."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest

from seglam.sandbox import Engine, EngineError, EngineInvalid, EngineMissing, Program, Sandbox, native
from seglam.sandbox import build as building
from seglam.sandbox.engine import Manifest, read_manifest
from seglam.sandbox.recipe import default_directory, guest_files, recipe


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A private copy of build a."""
    source = default_directory()
    manifest = read_manifest(source, "a")
    copy = tmp_path / "engines"
    copy.mkdir(mode=0o700)
    for path in (manifest.artifact_path(source), manifest.component_path(source), source / "a.json"):
        shutil.copy2(path, copy / path.name)
    return copy


@pytest.fixture
def only_a(monkeypatch: pytest.MonkeyPatch) -> None:
    one = replace(recipe(), builds=("a",))
    monkeypatch.setattr(building, "recipe", lambda: one)


def _edit(directory: Path, **changes: object) -> None:
    path = directory / "a.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def _artifact(directory: Path) -> Path:
    return read_manifest(directory, "a").artifact_path(directory)


def test_a_whole_engine_loads_and_runs(directory: Path) -> None:
    engine = Engine.load(directory)
    assert engine.digest == read_manifest(directory, "a").component
    assert {"math", "decimal", "collections.abc"} <= engine.modules
    assert not {"os", "sys", "time", "random"} & engine.modules
    assert engine.python.startswith("3.14")
    with Sandbox(engine) as sandbox:
        assert sandbox.run(Program("sha256:x", "def solve(): return 1"), {}).answer == 1


def test_without_an_engine_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGLAM_ENGINE_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(EngineMissing, match="run `make engine`"):
        Engine.load()


def test_the_default_directory_is_named_after_the_recipe(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SEGLAM_ENGINE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_directory() == tmp_path / "seglam" / "engines" / recipe().digest[7:23]


@pytest.mark.parametrize("position", [0, 5_000_000, -1])
def test_one_flipped_byte_is_refused(directory: Path, position: int) -> None:
    content = bytearray(_artifact(directory).read_bytes())
    content[position] ^= 1
    _artifact(directory).write_bytes(content)
    with pytest.raises(EngineInvalid, match=r"was changed.*--force"):
        Engine.load(directory)


def test_a_truncated_artifact_is_refused(directory: Path) -> None:
    content = _artifact(directory).read_bytes()
    _artifact(directory).write_bytes(content[: len(content) // 2])
    with pytest.raises(EngineInvalid, match="was changed"):
        Engine.load(directory)


def test_a_missing_artifact_is_named(directory: Path) -> None:
    _artifact(directory).unlink()
    with pytest.raises(EngineMissing, match=r"is gone.*make engine"):
        Engine.load(directory)


def test_an_artifact_that_wasmtime_refuses_is_an_engine_error(directory: Path) -> None:
    content = b"no machine code"
    digest = building._digest(content)
    (directory / f"artifact-{digest[7:]}.cwasm").write_bytes(content)
    _edit(directory, artifact=digest)
    with pytest.raises(EngineInvalid, match="wasmtime does not load"):
        Engine.load(directory)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"wasmtime": "49.0.0"}, "compiled by wasmtime 49.0.0"),
        ({"target": "aarch64-unknown-linux-gnu"}, "for aarch64"),
        ({"configuration": {"fuel": False}}, "configuration differs"),
        ({"recipe": "sha256:0"}, "another recipe"),
        ({"schema": 1}, "schema 1"),
        ({"unknown": 1}, "is not a manifest"),
    ],
)
def test_an_engine_for_something_else_is_refused(directory: Path, changes: dict[str, Any], words: str) -> None:
    _edit(directory, **changes)
    with pytest.raises(EngineInvalid, match=words):
        Engine.load(directory)


def test_a_manifest_that_is_no_json_is_refused(directory: Path) -> None:
    (directory / "a.json").write_text("{")
    with pytest.raises(EngineInvalid, match="is not a manifest"):
        Engine.load(directory)


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
def test_a_directory_that_others_can_write_to_is_refused(directory: Path, mode: int) -> None:
    directory.chmod(mode)
    with pytest.raises(EngineInvalid, match="can be changed by others"):
        Engine.load(directory)
    with pytest.raises(EngineInvalid, match="can be changed by others"):
        building.build(directory)


def test_a_parent_that_others_can_write_to_is_refused(directory: Path) -> None:
    directory.parent.chmod(0o777)
    with pytest.raises(EngineInvalid, match="can be changed by others"):
        Engine.load(directory)
    directory.parent.chmod(0o1777)  # sticky: others cannot replace what is ours
    assert Engine.load(directory)


def test_an_artifact_that_others_can_write_to_is_refused(directory: Path) -> None:
    _artifact(directory).chmod(0o666)
    with pytest.raises(EngineInvalid, match="can be changed by others"):
        Engine.load(directory)


@pytest.mark.usefixtures("only_a")
def test_a_build_leaves_a_whole_engine_alone(directory: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in directory.iterdir()}
    lines: list[str] = []
    (manifest,) = building.build(directory, progress=lines.append)
    assert lines == [
        f"engine a: already built ({manifest.component[:19]}, wasmtime {manifest.wasmtime}, {manifest.target})"
    ]
    after = {path: path.stat().st_mtime_ns for path in directory.iterdir() if path.name != ".lock"}
    assert after == before


@pytest.mark.usefixtures("only_a")
def test_another_wasmtime_needs_only_new_machine_code(directory: Path) -> None:
    component = read_manifest(directory, "a").component
    _edit(directory, wasmtime="49.0.0")
    (directory / ".artifact.cwasm.partial").write_bytes(b"left by a killed build")
    (directory / "component-0000.wasm").write_bytes(b"of an earlier recipe")
    lines: list[str] = []
    (manifest,) = building.build(directory, progress=lines.append)
    assert manifest.component == component
    assert not any("building" in line for line in lines)
    assert any("compiling" in line for line in lines)
    assert Engine.load(directory).digest == component
    assert {path.name for path in directory.iterdir()} == {
        *("a.json", ".lock"),
        *(manifest.component_path(directory).name, manifest.artifact_path(directory).name),
    }


@pytest.mark.usefixtures("only_a")
@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ({"recipe": "sha256:0"}, "the recipe changed"),
        ({"schema": 1}, "schema 1"),
        ({"component": "sha256:0"}, "gone or damaged"),
    ],
)
def test_what_cannot_be_reused_is_built_anew(
    directory: Path, monkeypatch: pytest.MonkeyPatch, damage: dict[str, object], words: str
) -> None:
    component = read_manifest(directory, "a").component_path(directory).read_bytes()
    _edit(directory, **damage)
    monkeypatch.setattr(building, "_componentize", lambda _: component)
    lines: list[str] = []
    monkeypatch.setattr(native, "compile_component", lambda _: _artifact_of(component))
    building.build(directory, progress=lines.append)
    assert words in lines[0]
    assert Engine.load(directory)


def _artifact_of(_: bytes) -> bytes:
    source = default_directory()
    return read_manifest(source, "a").artifact_path(source).read_bytes()


@pytest.mark.usefixtures("only_a")
def test_a_guest_that_does_not_import_is_a_build_error_with_its_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guest = tmp_path / "guest"
    guest.mkdir()
    for path in guest_files():
        shutil.copy(path, guest / path.name)
    (guest / "values.py").write_text("raise ValueError('a broken guest')\n")
    monkeypatch.setattr(building, "guest_files", lambda: sorted(guest.iterdir()))
    with pytest.raises(building.BuildError, match="ValueError: a broken guest"):
        building.build(tmp_path / "engines")
    assert [path.name for path in (tmp_path / "engines").iterdir()] == [".lock"]


@pytest.mark.parametrize(("installed", "words"), [("0.1.0", "installed is 0.1.0"), (None, "is not installed")])
def test_the_recipes_own_builder_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: str | None, words: str
) -> None:
    def version(name: str) -> str:
        if installed is None:
            raise PackageNotFoundError(name)
        return installed

    monkeypatch.setattr(building, "version", version)
    with pytest.raises(building.BuildError, match=words):
        building.build(tmp_path / "engines")


@pytest.mark.usefixtures("only_a")
def test_a_component_that_is_none_is_a_build_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "_componentize", lambda _: b"no component")
    with pytest.raises(building.BuildError, match="wasmtime does not compile"):
        building.build(tmp_path / "engines")
    monkeypatch.setattr(building, "_componentize", lambda _: b"(component)")
    with pytest.raises(building.BuildError, match="does not run"):
        building.build(tmp_path / "engines")


def test_a_second_build_waits_for_the_first(tmp_path: Path) -> None:
    lines: list[str] = []
    code = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX)\n"
    code += "print('locked', flush=True); input()"
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / ".lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "locked\n"

    def progress(line: str) -> None:
        lines.append(line)
        holder.communicate("\n")  # the other build ends

    with building._lock(tmp_path, progress):
        assert holder.returncode == 0
    assert lines == [f"another build is at work in {tmp_path}; waiting for it ..."]


def test_the_command_reports_and_exits(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert building.main(["--json"]) == 0
    printed = capsys.readouterr()
    manifests = [Manifest(**each) for each in json.loads(printed.out)]
    assert [each.build for each in manifests] == ["a", "b"]
    assert manifests[0].component != manifests[1].component
    assert "already built" in printed.err
    directory.chmod(0o777)
    assert building.main(["--directory", str(directory)]) == 1
    assert capsys.readouterr().err.startswith("error: ")


def test_errors_share_a_base() -> None:
    assert issubclass(EngineMissing, EngineError)
    assert issubclass(EngineInvalid, EngineError)
    assert issubclass(building.BuildError, EngineError)
