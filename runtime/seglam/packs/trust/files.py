"""Trust as files: the policies and roots of a configuration directory, in the form of their Kubernetes kinds.

`policies/*.yaml` hold `TrustPolicy` and `roots/*.yaml` hold `TrustRoot` documents, so that one file serves a cluster
and a machine. All scalars are read as strings, as procedures are; a field that is given twice, an alias and a document
of another kind are refused. A directory that is not there trusts nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from seglam.packs.trust.policy import TrustPolicy, TrustPolicySpec
from seglam.packs.trust.roots import TrustRoot, TrustRootSpec

API_VERSION = "seglam.dev/v1alpha1"
MAX_BYTES = 1024 * 1024
FOLDERS = {"TrustPolicy": "policies", "TrustRoot": "roots"}


class TrustFileInvalid(ValueError):
    """A file that states no trust; `where` is the file and, where it is known, the field."""

    def __init__(self, where: str, words: str) -> None:
        super().__init__(f"{where}: {words}")
        self.where = where
        self.words = words


@dataclass(frozen=True, slots=True)
class Trust:
    """What a machine trusts, and the file of each name."""

    policies: tuple[TrustPolicy, ...] = ()
    roots: Mapping[str, TrustRoot] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)


def config_dir(environ: Mapping[str, str]) -> Path:
    """The user's configuration directory (XDG Base Directory Specification 0.8), or `SEGLAM_CONFIG_DIR`."""
    if chosen := environ.get("SEGLAM_CONFIG_DIR"):
        return Path(chosen).expanduser()
    home = environ.get("XDG_CONFIG_HOME", "")
    base = Path(home) if home.startswith("/") else Path("~/.config").expanduser()
    return base / "seglam"


def load(directory: Path) -> Trust:
    """What `directory/trust` states. `TrustFileInvalid` at the first fault, since half a policy is none."""
    trust = directory / "trust"
    found = [path for folder in FOLDERS.values() for path in sorted((trust / folder).glob("*.y*ml"))]
    return read(found)


def read(paths: Iterable[Path]) -> Trust:
    """What files state.

    Raises:
        TrustFileInvalid: a file cannot be read, is of another kind, or states a name that another file states.
    """
    policies: list[TrustPolicy] = []
    roots: dict[str, TrustRoot] = {}
    files: dict[str, Path] = {}
    for path in paths:
        for stated in documents(path):
            key = f"{FOLDERS[stated.kind]}/{stated.name}"
            if key in files:
                raise TrustFileInvalid(str(path), f"{stated.kind} {stated.name} is stated by {files[key]} too")
            files[key] = path
            if isinstance(stated.trusted, TrustRoot):
                roots[stated.name] = stated.trusted
            else:
                policies.append(stated.trusted)
    return Trust(tuple(policies), roots, files)


@dataclass(frozen=True, slots=True)
class Stated:
    """One document of a file."""

    kind: str
    name: str
    trusted: TrustPolicy | TrustRoot


def documents(path: Path) -> Iterator[Stated]:
    """The documents of one file. `TrustFileInvalid` says what is wrong."""
    where = str(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise TrustFileInvalid(where, f"it cannot be read ({error.strerror})") from error
    if len(content) > MAX_BYTES:
        raise TrustFileInvalid(where, f"it has {len(content)} bytes, at most {MAX_BYTES} are read")
    try:
        nodes = list(yaml.compose_all(content.decode("utf-8"), Loader=yaml.SafeLoader))
        values = [_plain(node, set()) for node in nodes if node is not None]
    except (UnicodeDecodeError, yaml.YAMLError, ValueError, RecursionError) as error:
        problem = getattr(error, "problem", None) or str(error)
        raise TrustFileInvalid(where, f"it is no YAML that is read here: {problem}") from error
    if not values:
        raise TrustFileInvalid(where, "it is empty")
    for value in values:
        yield _stated(value, where)


def _stated(value: object, where: str) -> Stated:
    document: dict[str, Any] = value if isinstance(value, dict) else {}
    kind, metadata = document.get("kind"), document.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if document.get("apiVersion") != API_VERSION or kind not in FOLDERS or not isinstance(name, str) or not name:
        words = f"write apiVersion: {API_VERSION}, kind: TrustPolicy or TrustRoot, metadata.name and spec"
        raise TrustFileInvalid(where, words)
    if unknown := set(document) - {"apiVersion", "kind", "metadata", "spec"}:
        raise TrustFileInvalid(where, f"unknown fields: {', '.join(sorted(unknown))}")
    try:
        spec = document.get("spec")
        if kind == "TrustRoot":
            return Stated(kind, name, TrustRoot(name, TrustRootSpec.model_validate(spec)))
        return Stated(kind, name, TrustPolicy(name, TrustPolicySpec.model_validate(spec)))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise TrustFileInvalid(f"{where}: {kind} {name}", f"spec.{place}: {first['msg']}") from error
    except ValueError as error:
        raise TrustFileInvalid(f"{where}: {kind} {name}", str(error)) from error


def _plain(node: yaml.Node, seen: set[int]) -> object:
    """The node's value with every scalar as text."""
    if id(node) in seen:
        raise ValueError("an alias stands there; write the value out")
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        members: dict[str, object] = {}
        for key, value in node.value:
            name = str(key.value)
            if name in members:
                raise ValueError(f"{name} is given twice")
            members[name] = _plain(value, seen)
        return members
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, seen) for item in node.value]
    assert isinstance(node, yaml.ScalarNode)
    return None if node.tag == "tag:yaml.org,2002:null" and node.style is None else str(node.value)
