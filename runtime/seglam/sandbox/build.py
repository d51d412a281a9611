"""`make engine`: build the engine's components from the recipe and compile them for this machine.

Two builds of one recipe differ, so a component that is there and whole is kept: its digest is what evidence names.
What is made again for another wasmtime, machine or configuration is only its machine code. Every file is named by its
digest and the manifest is written last, so a build that is killed leaves the earlier state.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import wasmtime

from seglam.sandbox import native
from seglam.sandbox.engine import SCHEMA, Manifest, digest_of, read_manifest
from seglam.sandbox.recipe import (
    EngineError,
    EngineInvalid,
    EngineMissing,
    Recipe,
    check_private,
    default_directory,
    guest_files,
    recipe,
)

Progress = Callable[[str], None]
_DESCRIBE_FUEL = 1_000_000_000
_DESCRIBE_MEMORY_MIB = 64


class BuildError(EngineError):
    """The engine could not be built."""


def build(directory: Path | None = None, *, force: bool = False, progress: Progress = lambda _: None) -> list[Manifest]:
    """Bring every build of the recipe into `directory`; what is already there and whole stays.

    Args:
        directory: SEGLAM_ENGINE_DIR or the user's cache if None. Made if missing, refused if others can write to it.
        force: build new components even where whole ones are.
        progress: called with one line of text at a time.

    Raises:
        BuildError: a tool is missing or failed; the message holds its last lines.
        EngineInvalid: the directory can be changed by others.
    """
    directory = default_directory() if directory is None else directory
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    check_private(directory)
    with _lock(directory, progress):
        manifests = [_bring(directory, name, force=force, progress=progress) for name in recipe().builds]
        _sweep(directory, manifests)
    return manifests


def _bring(directory: Path, name: str, *, force: bool, progress: Progress) -> Manifest:
    found = None if force else _reusable(directory, name, progress)
    if found is not None and found.compiled_for_here() and _whole(found.artifact_path(directory), found.artifact):
        progress(f"engine {name}: already built ({found.component[:19]}, wasmtime {found.wasmtime}, {found.target})")
        return found
    if found is None:
        progress(f"engine {name}: building CPython with componentize-py {recipe().componentize_py} ...")
        started = time.monotonic()
        component = _componentize(recipe())
        progress(f"engine {name}: component of {len(component) / 2**20:.1f} MiB in {time.monotonic() - started:.1f} s")
    else:
        component = found.component_path(directory).read_bytes()
    progress(f"engine {name}: compiling for {native.target()} with wasmtime {native.wasmtime_version()} ...")
    started = time.monotonic()
    try:
        artifact = native.compile_component(component)
    except wasmtime.WasmtimeError as problem:
        raise BuildError(f"wasmtime does not compile the component: {problem}") from problem
    progress(f"engine {name}: machine code of {len(artifact) / 2**20:.1f} MiB in {time.monotonic() - started:.1f} s")
    return _install(directory, name, component, artifact)


def _reusable(directory: Path, name: str, progress: Progress) -> Manifest | None:
    """The manifest of a build whose component is from this recipe and whole."""
    try:
        found = read_manifest(directory, name)
    except EngineMissing:
        return None
    except EngineInvalid as problem:
        progress(f"engine {name}: building anew, since {problem}")
        return None
    if found.recipe != recipe().digest:
        progress(f"engine {name}: building anew, since the recipe changed")
        return None
    if not _whole(found.component_path(directory), found.component):
        progress(f"engine {name}: building anew, since its component is gone or damaged")
        return None
    return found


def _whole(path: Path, digest: str) -> bool:
    return path.is_file() and digest_of(path) == digest


def _componentize(made_from: Recipe) -> bytes:
    """The bytes of a new component."""
    try:
        installed = version("componentize-py")
    except PackageNotFoundError:
        raise BuildError("componentize-py is not installed; install seglam[engine]") from None
    if installed != made_from.componentize_py:
        raise BuildError(
            f"the recipe needs componentize-py {made_from.componentize_py}, installed is {installed}; "
            "install seglam[engine]"
        )
    with tempfile.TemporaryDirectory(prefix="seglam-engine-") as scratch:
        stage = Path(scratch)
        guest = stage / "app" / "seglam" / "sandbox" / "guest"
        guest.mkdir(parents=True)
        for path in guest_files():
            shutil.copyfile(path, guest / path.name)
        # An empty environment of its own: componentize-py adds site-packages that it finds to the component's path.
        (stage / "empty" / "lib" / "site-packages").mkdir(parents=True)
        output = stage / "component.wasm"
        command = [
            *(sys.executable, "-c", "import componentize_py; componentize_py.script()"),
            *("--quiet", "--wit-path", str(guest / "engine.wit"), "--world", made_from.world),
            *("componentize", "--stub-wasi", "--python-path", str(stage / "app"), made_from.app),
            *("--output", str(output)),
        ]
        done = subprocess.run(
            command,
            env={**os.environ, "VIRTUAL_ENV": str(stage / "empty")},
            cwd=stage,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode or not output.exists():
            said, _, _ = (done.stderr or done.stdout).partition("Stack backtrace:")  # of componentize-py's own code
            last = "\n".join(said.strip().splitlines()[-20:])
            raise BuildError(f"componentize-py failed with exit code {done.returncode}:\n{last}")
        return output.read_bytes()


def _install(directory: Path, name: str, component: bytes, artifact: bytes) -> Manifest:
    artifact_path = directory / f"artifact-{hashlib.sha256(artifact).hexdigest()}.cwasm"
    _write(artifact_path, artifact)
    described, floor = _try(artifact_path)
    manifest = Manifest(
        schema=SCHEMA,
        build=name,
        recipe=recipe().digest,
        component=_digest(component),
        component_bytes=len(component),
        artifact=_digest(artifact),
        artifact_bytes=len(artifact),
        wasmtime=native.wasmtime_version(),
        target=native.target(),
        configuration=native.configuration(),
        memory_floor_mib=floor,
        python=described["python"],
        modules=described["modules"],
    )
    _write(manifest.component_path(directory), component)
    manifest.write(directory)
    return manifest


def _try(artifact: Path) -> tuple[dict[str, Any], int]:
    """What the engine says of itself, and the least memory in MiB in which it starts.

    That it answers at all shows that it needs nothing from the host.
    """
    try:
        loaded = native.Loaded(artifact)
        instance = loaded.instantiate(_DESCRIBE_MEMORY_MIB)
        text, _ = instance.call("describe", _DESCRIBE_FUEL)
        instance.close()
    except (native.Trap, wasmtime.WasmtimeError, RuntimeError) as problem:
        raise BuildError(f"the engine was built but does not run: {problem}") from problem
    described: dict[str, Any] = json.loads(text)
    return described, bisect_left(range(_DESCRIBE_MEMORY_MIB), True, key=partial(_starts, loaded))


def _starts(loaded: native.Loaded, memory_mib: int) -> bool:
    try:
        loaded.instantiate(memory_mib).close()
    except wasmtime.WasmtimeError:
        return False
    return True


def _digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _write(path: Path, content: bytes) -> None:
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.chmod(0o600)
    partial.replace(path)


def _sweep(directory: Path, manifests: Sequence[Manifest]) -> None:
    """Remove components and artifacts that no manifest names, left by earlier or killed builds."""
    kept = {path for each in manifests for path in (each.component_path(directory), each.artifact_path(directory))}
    for pattern in ("component-*.wasm", "artifact-*.cwasm", ".*.partial"):
        for path in directory.glob(pattern):
            if path not in kept:
                path.unlink(missing_ok=True)


@contextmanager
def _lock(directory: Path, progress: Progress) -> Iterator[None]:
    """One build at a time; a second one waits, and then finds the work done."""
    with (directory / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress(f"another build is at work in {directory}; waiting for it ...")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m seglam.sandbox.build`: 0 when every build is there, 1 with a message when not."""
    parser = argparse.ArgumentParser(prog="python -m seglam.sandbox.build", description="Build the sandbox's engine.")
    parser.add_argument("--directory", type=Path, help="where to (default: SEGLAM_ENGINE_DIR or the user's cache)")
    parser.add_argument("--force", action="store_true", help="build new components even if whole ones are there")
    parser.add_argument("--json", action="store_true", help="print the manifests as JSON")
    chosen = parser.parse_args(arguments)
    try:
        manifests = build(
            chosen.directory, force=chosen.force, progress=lambda line: print(line, file=sys.stderr, flush=True)
        )
    except (EngineError, OSError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    if chosen.json:
        print(json.dumps([asdict(each) for each in manifests], indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
