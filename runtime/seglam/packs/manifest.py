"""`pack.json`: what a pack is, as data. Its bytes are RFC 8785 JSON and the OCI config of the pack."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from seglam.packs import strictjson
from seglam.packs.names import NameInvalid, PackName, Release
from seglam.packs.problems import PackInvalid
from seglam.packs.versions import Version, VersionInvalid, VersionRange

SCHEMA = "seglam.dev/pack/v1"
MAX_CONTENT_BYTES = 32 * 1024 * 1024
MAX_FILES = 2000
MAX_PROCEDURES = 1000
MAX_PROCEDURE_BYTES = 2 * 1024 * 1024
"""Bytes of all procedures together: reading YAML takes seconds for a megabyte."""
MAX_PATH_BYTES = 200
MAX_PACK_JSON_BYTES = 1024 * 1024

README = "README.md"
LICENCE = "LICENSE"

_SEGMENT = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._+-]*[A-Za-z0-9_+-])?")
_PROCEDURE = re.compile(r"procedures/([a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)\.yaml")
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$", max_length=71)]
Hexadecimal = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$", max_length=64)]
Licence = Annotated[
    str,
    StringConstraints(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]*\+?( (AND|OR|WITH) [A-Za-z0-9][A-Za-z0-9.-]*\+?)*$", max_length=128
    ),
]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class PackFile(_Part):
    """One file of the content."""

    path: str = Field(max_length=MAX_PATH_BYTES, description="Path in the content, with slashes.")
    size: int = Field(ge=0, le=MAX_CONTENT_BYTES, description="Bytes.")
    sha256: Hexadecimal = Field(description="SHA-256 of the bytes, in hexadecimal.")


class PackProcedure(_Part):
    """One procedure of the content."""

    name: str = Field(max_length=63, description="Name of the procedure.")
    digest: Digest = Field(description="Digest of its canonical form.")
    path: str = Field(max_length=MAX_PATH_BYTES, description="The file that holds it: procedures/NAME.yaml.")


class Requirement(_Part):
    """Another pack that this one needs."""

    name: str = Field(description="Name of the pack, with its origin.")
    range: str = Field(description="Versions that will do, such as ^1.2.")

    @model_validator(mode="after")
    def _readable(self) -> Requirement:
        PackName.parse(self.name)
        VersionRange.parse(self.range)
        return self

    @property
    def pack(self) -> PackName:
        """The pack that is needed."""
        return PackName.parse(self.name)

    @property
    def versions(self) -> VersionRange:
        """The versions that will do."""
        return VersionRange.parse(self.range)


class PackManifest(_Part):
    """The document. Files are sorted by the bytes of their paths, procedures and requirements by name."""

    schema_: Literal["seglam.dev/pack/v1"] = Field(alias="schema", description="Version of the form.")
    name: str = Field(description="origin/namespace/pack.")
    version: str = Field(description="Version of the pack.")
    description: str = Field(min_length=1, max_length=512, description="What the pack is for, in one line.")
    licence: Licence = Field(description="SPDX identifier or simple expression.")
    files: tuple[PackFile, ...] = Field(max_length=MAX_FILES, description="Every file of the content.")
    procedures: tuple[PackProcedure, ...] = Field(
        min_length=1, max_length=MAX_PROCEDURES, description="Every procedure of the content."
    )
    requires: tuple[Requirement, ...] = Field(max_length=64, description="Packs that this one needs.")

    @model_validator(mode="after")
    def _consistent(self) -> PackManifest:
        if str(Release(PackName.parse(self.name), Version.parse(self.version))) != f"{self.name}@{self.version}":
            raise ValueError("name and version are not in their one spelling")
        check_line("description", self.description)
        check_paths(file.path for file in self.files)
        _sorted("files", [file.path for file in self.files])
        _sorted("procedures", [procedure.name for procedure in self.procedures])
        _sorted("requires", [requirement.name for requirement in self.requires])
        if any(requirement.name == self.name for requirement in self.requires):
            raise ValueError("requires: a pack cannot need itself")
        held = {file.path for file in self.files if file.path.startswith("procedures/")}
        if held != {procedure.path for procedure in self.procedures}:
            raise ValueError("procedures: they must be exactly the files under procedures/")
        for procedure in self.procedures:
            if procedure.path != f"procedures/{procedure.name}.yaml":
                raise ValueError(f"procedures: {procedure.name} must be in procedures/{procedure.name}.yaml")
        if sum(file.size for file in self.files) > MAX_CONTENT_BYTES:
            raise ValueError(f"files: the content has more than {MAX_CONTENT_BYTES} bytes")
        return self

    @classmethod
    def read(cls, data: bytes) -> PackManifest:
        """Read `pack.json`.

        Raises:
            PackInvalid: the bytes are not canonical JSON, or not of this form (`pack-json`).
        """
        value = strictjson.read(data, "pack.json", canonical=True, limit=MAX_PACK_JSON_BYTES)
        return cls.of(value, "pack.json")

    @classmethod
    def of(cls, value: Any, where: str) -> PackManifest:
        """The document of a JSON value.

        Raises:
            PackInvalid: `pack-json`, or the code of a path that cannot be one.
        """
        try:
            # Arrays become tuples here, which the strict mode asks for; nothing else is converted.
            return cls.model_validate_json(strictjson.write(value))
        except ValidationError as error:
            fault = error.errors()[0]
            inner = fault.get("ctx", {}).get("error")
            place = ".".join(str(part) for part in fault["loc"])
            if isinstance(inner, _PathInvalid):
                raise PackInvalid(inner.code, f"{where}: {inner.path!r}", inner.words) from None
            raise PackInvalid("pack-json", f"{where}: {place}" if place else where, fault["msg"]) from None

    def data(self) -> bytes:
        """The canonical bytes."""
        return strictjson.write(self.model_dump(mode="json", by_alias=True))

    @property
    def pack(self) -> PackName:
        """The name."""
        return PackName.parse(self.name)

    @property
    def release(self) -> Release:
        """Name and version."""
        return Release(self.pack, Version.parse(self.version))


class _PathInvalid(ValueError):
    def __init__(self, code: str, path: str, words: str) -> None:
        super().__init__(f"{path[:MAX_PATH_BYTES]!r}: {words}")
        self.code = code
        self.path = path[:MAX_PATH_BYTES]
        self.words = words


def _sorted(what: str, names: list[str]) -> None:
    if names != sorted(names, key=str.encode) or len(set(names)) != len(names):
        raise ValueError(f"{what}: they must be sorted, each once")


def check_line(what: str, text: str) -> None:
    """Refuse what a reader would not see, or would see elsewhere: control, format and unassigned characters.

    Raises:
        ValueError: the text has such a character, or begins or ends with a space.
    """
    for character in text:
        if unicodedata.category(character) in _UNSEEN:
            raise ValueError(f"{what}: the character U+{ord(character):04X} cannot be seen; remove it")
    if text != text.strip() or not text:
        raise ValueError(f"{what}: remove the space at its ends")


def check_path(path: str) -> None:
    """Check a path of the content: where a pack's files may be, in characters that every file system writes alike.

    Raises:
        ValueError: with a code of `path_problem`.
    """
    problem = path_problem(path)
    if problem is None:
        if path not in (README, LICENCE) and not path.startswith("docs/") and not _PROCEDURE.fullmatch(path):
            problem = (
                "path-place",
                "a pack holds procedures/NAME.yaml, README.md, LICENSE and files under docs/, nothing else",
            )
        else:
            return
    raise _PathInvalid(problem[0], path, problem[1])


def path_problem(path: str) -> tuple[str, str] | None:
    """Why a path is none that an archive of ours may hold, as code and words; None if it may.

    Only relative ASCII paths pass, so Unicode's several spellings of a name cannot occur.
    """
    if "\0" in path:
        return "path-nul", "a path holds a NUL"
    if "\\" in path:
        return "path-backslash", "a path holds a backslash"
    if path.startswith("/") or re.match(r"[A-Za-z]:", path):
        return "path-absolute", "a path is absolute"
    try:
        length = len(path.encode())
    except UnicodeEncodeError:
        return "path-characters", "a path is not Unicode text"
    if length > MAX_PATH_BYTES:
        return "path-length", f"a path has at most {MAX_PATH_BYTES} bytes"
    if ustar_split(path.encode()) is None:
        return "path-length", "a path fits no ustar header: it needs a slash among its last 101 and its first 156 bytes"
    segments = path.split("/")
    if any(segment in (".", "..") for segment in segments):
        return "path-traversal", "a path holds . or .."
    if "" in segments:
        return "path-empty", "a path has an empty part"
    if not all(_SEGMENT.fullmatch(segment) for segment in segments):
        return (
            "path-characters",
            "a path has other characters than A-Z a-z 0-9 . _ + -, or a part begins with . + - or ends with .",
        )
    return None


def ustar_split(path: bytes) -> tuple[bytes, bytes] | None:
    """Prefix (at most 155 bytes) and name (at most 100) of a path in a ustar header, with the shortest prefix that will
    do; None if it cannot be written.
    """
    if len(path) <= 100:
        return b"", path
    slash = path.find(b"/", len(path) - 101, 156)
    return None if slash < 0 else (path[:slash], path[slash + 1 :])


def check_paths(paths: Iterable[str]) -> None:
    """Check every path, and that no two of them could be one file, or a file and a directory, on some file system.

    Raises:
        ValueError: a path is none, or two are twins (`path-twin`).
    """
    files: dict[str, str] = {}
    directories: dict[str, str] = {}
    for path in paths:
        check_path(path)
        folded = path.casefold()
        if folded in files or folded in directories:
            raise _PathInvalid("path-twin", path, f"it is a twin of {files.get(folded) or directories[folded]!r}")
        files[folded] = path
        parts = path.split("/")[:-1]
        for length in range(1, len(parts) + 1):
            directory = "/".join(parts[:length])
            known = directories.setdefault(directory.casefold(), directory)
            if known != directory or directory.casefold() in files:
                raise _PathInvalid("path-twin", path, f"its directory {directory!r} is a twin of {known!r}")


__all__ = [
    "MAX_CONTENT_BYTES",
    "MAX_FILES",
    "MAX_PATH_BYTES",
    "MAX_PROCEDURES",
    "NameInvalid",
    "PackFile",
    "PackManifest",
    "PackProcedure",
    "Requirement",
    "VersionInvalid",
    "check_path",
    "check_paths",
    "path_problem",
]
