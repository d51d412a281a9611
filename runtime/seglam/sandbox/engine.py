"""Loading a built engine: nothing runs before its digest, version, target and configuration are checked."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import wasmtime

from seglam.sandbox import native
from seglam.sandbox.recipe import REMEDY, EngineInvalid, EngineMissing, check_private, default_directory, recipe

SCHEMA = 2


@dataclass(frozen=True, slots=True)
class Manifest:
    """What one build is: `<build>.json` beside the two files that it names by their digests."""

    schema: int
    build: str
    recipe: str
    component: str  # sha256:..., the name of the engine
    component_bytes: int
    artifact: str  # sha256:...
    artifact_bytes: int
    wasmtime: str
    target: str
    configuration: dict[str, Any]
    memory_floor_mib: int  # what an instance needs before it has done anything
    python: str
    modules: list[str]

    def component_path(self, directory: Path) -> Path:
        """The WebAssembly component."""
        return directory / f"component-{self.component.removeprefix('sha256:')}.wasm"

    def artifact_path(self, directory: Path) -> Path:
        """Its machine code."""
        return directory / f"artifact-{self.artifact.removeprefix('sha256:')}.cwasm"

    def compiled_for_here(self) -> bool:
        """Whether the artifact is for this library, machine and configuration."""
        return (self.wasmtime, self.target, self.configuration) == (
            native.wasmtime_version(),
            native.target(),
            native.configuration(),
        )

    def write(self, directory: Path) -> None:
        """Atomically, so that a manifest is either whole or not there."""
        partial = directory / f".{self.build}.json.partial"
        partial.write_text(json.dumps(asdict(self), indent=2) + "\n")
        partial.replace(manifest_path(directory, self.build))


def manifest_path(directory: Path, build: str) -> Path:
    """Where the manifest of a build lies."""
    return directory / f"{build}.json"


def read_manifest(directory: Path, build: str) -> Manifest:
    """The manifest; `EngineMissing` without one, `EngineInvalid` if it cannot be read."""
    path = manifest_path(directory, build)
    try:
        text = path.read_text()
    except FileNotFoundError:
        raise EngineMissing(f"no engine {build!r} in {directory}; {REMEDY}") from None
    try:
        found = Manifest(**json.loads(text))
    except (ValueError, TypeError) as problem:
        raise EngineInvalid(f"{path} is not a manifest ({problem}); {REMEDY} with --force") from problem
    if found.schema != SCHEMA:
        raise EngineInvalid(f"{path} has schema {found.schema}, this version reads {SCHEMA}; {REMEDY}")
    return found


def digest_of(path: Path) -> str:
    """`sha256:` and the digest of a file's content."""
    with path.open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


class Engine:
    """A checked, loaded engine. Make one per process and build; it may be shared by threads.

    Attributes:
        digest: of the component, the name under which evidence records the engine.
        modules: what a procedure may import.
        python: the version of the engine's Python.
        memory_floor_mib: what an instance needs before it has done anything; a smaller limit is a fault.
    """

    def __init__(self, manifest: Manifest, loaded: native.Loaded) -> None:
        self.digest = manifest.component
        self.build = manifest.build
        self.modules = frozenset(manifest.modules)
        self.python = manifest.python
        self.memory_floor_mib = manifest.memory_floor_mib
        self._loaded = loaded

    @classmethod
    def load(cls, directory: Path | None = None, build: str = "a") -> Engine:
        """Check and load a build; `EngineMissing` or `EngineInvalid` with the remedy."""
        directory = default_directory() if directory is None else directory
        manifest = read_manifest(directory, build)
        check_private(directory)
        if manifest.recipe != recipe().digest:
            raise EngineInvalid(f"the engine in {directory} was built from another recipe; {REMEDY}")
        if not manifest.compiled_for_here():
            raise EngineInvalid(
                f"the engine in {directory} was compiled by wasmtime {manifest.wasmtime} for {manifest.target}, "
                f"here is {native.wasmtime_version()} for {native.target()} (or the configuration differs); {REMEDY}"
            )
        artifact = manifest.artifact_path(directory)
        try:
            check_private(artifact)
            found = digest_of(artifact)
        except FileNotFoundError:
            raise EngineMissing(f"{artifact} is gone; {REMEDY}") from None
        if found != manifest.artifact:
            raise EngineInvalid(f"{artifact} was changed: its digest is {found}; {REMEDY} with --force")
        try:
            return cls(manifest, native.Loaded(artifact))
        except wasmtime.WasmtimeError as problem:
            raise EngineInvalid(f"wasmtime does not load {artifact} ({problem}); {REMEDY} with --force") from problem

    def instantiate(self, memory_mib: int) -> native.Instance:
        """A new instance with a limit of its linear memory."""
        return self._loaded.instantiate(memory_mib)
