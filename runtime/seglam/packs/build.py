"""A pack from a directory: `pack.yaml`, `procedures/`, README.md, LICENSE and `docs/`. Same input, same bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from seglam.packs.files import read_regular
from seglam.packs.manifest import (
    LICENCE,
    MAX_CONTENT_BYTES,
    README,
    SCHEMA,
    PackFile,
    PackManifest,
    PackProcedure,
    Requirement,
    path_problem,
)
from seglam.packs.pack import Pack
from seglam.packs.problems import PackInvalid
from seglam.procedures import Loaded, Problem, ReasoningProcedure, digest, dump, load_bytes, validate
from seglam.procedures.document import DEPLOYMENT_FIELDS, MAX_DOCUMENT_BYTES, Metadata

SOURCE = "pack.yaml"
_MAX_YAML_BYTES = 32 * MAX_DOCUMENT_BYTES


class About(BaseModel):
    """`pack.yaml`: what the files of the directory do not say themselves."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="origin/namespace/pack.")
    version: str = Field(description="Version of the pack, such as 1.0.0.")
    description: str = Field(description="What the pack is for, in one line.")
    licence: str = Field(description="SPDX identifier or simple expression.")
    requires: tuple[Requirement, ...] = Field(default=(), description="Packs that this one needs.")


@dataclass(frozen=True, slots=True)
class Source:
    """What a pack is made of.

    Attributes:
        documents: the procedures; only names of their metadata and no deployment fields go into the pack.
        files: README.md, LICENSE and files under `docs/`, by their paths.
    """

    about: About
    documents: tuple[ReasoningProcedure, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)


class BuildFailed(Exception):
    """The directory is no pack; `problems` says each fault with its place."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


def build(directory: Path) -> Pack:
    """Build the pack of a directory.

    `pack.yaml` says name, version, description, licence and requires. Each document of `procedures/*.yaml` is checked
    as `seglam procedures check` does and written again, alone in its file, with nothing but its name as metadata and
    without deployment fields. Other files of the directory stay out.

    Raises:
        BuildFailed: something is missing or wrong.
        OSError: a file cannot be read.
    """
    return build_pack(read_source(directory))


def read_source(directory: Path) -> Source:
    """Read and check the files of a directory.

    Raises:
        BuildFailed: something is missing or wrong.
        OSError: a file cannot be read.
    """
    problems: list[Problem] = []
    about = _about(directory / SOURCE, problems)
    documents = _documents(directory / "procedures", problems)
    files = dict(_files(directory, problems))
    if about is None or any(problem.severity == "error" for problem in problems):
        raise BuildFailed(problems)
    return Source(about, documents, files)


def build_pack(source: Source) -> Pack:
    """The pack of a source.

    Raises:
        BuildFailed: its parts make no pack, such as two procedures of one name, or a version that is none.
    """
    documents = sorted((bare(document) for document in source.documents), key=lambda each: each.metadata.name)
    files = dict(source.files)
    files.update((f"procedures/{each.metadata.name}.yaml", dump(each).encode()) for each in documents)
    names = sorted(files, key=str.encode)
    try:
        model = PackManifest.of(
            {
                "schema": SCHEMA,
                **source.about.model_dump(mode="json", exclude={"requires"}),
                "requires": [
                    each.model_dump(mode="json")
                    for each in sorted(source.about.requires, key=lambda each: each.name.encode())
                ],
                "files": [_entry(name, files[name]).model_dump(mode="json") for name in names],
                "procedures": [_procedure(each).model_dump(mode="json") for each in documents],
            },
            SOURCE,
        )
        return Pack.make(model, files)
    except PackInvalid as problem:
        raise BuildFailed([_problem(problem.where, problem.words, "see the packs page")]) from None


def bare(document: ReasoningProcedure) -> ReasoningProcedure:
    """A document with only its name as metadata and without deployment fields."""
    return document.model_copy(
        update={
            "metadata": Metadata(name=document.metadata.name),
            "spec": document.spec.model_copy(update=dict.fromkeys(DEPLOYMENT_FIELDS)),
        }
    )


def _entry(path: str, data: bytes) -> PackFile:
    return PackFile(path=path, size=len(data), sha256=hashlib.sha256(data).hexdigest())


def _procedure(document: ReasoningProcedure) -> PackProcedure:
    name = document.metadata.name
    return PackProcedure(name=name, digest=digest(document.spec), path=f"procedures/{name}.yaml")


def _about(path: Path, problems: list[Problem]) -> About | None:
    remedy = "see the packs page, or run `seglam pack init`"
    try:
        # Every scalar is read as text, as in procedures: a version such as 1.10 is no number.
        value = yaml.load(read_regular(path, MAX_DOCUMENT_BYTES), Loader=yaml.BaseLoader)
        return About.model_validate(value)
    except FileNotFoundError:
        problems.append(_problem(str(path), "the file is missing", remedy))
    except PackInvalid as problem:
        problems.append(_problem(str(path), problem.words, remedy))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        problems.append(_problem(str(path), f"this is no YAML: {error}", "correct the YAML"))
    except ValidationError as error:
        for fault in error.errors():
            field_ = ".".join(str(part) for part in fault["loc"])
            problems.append(Problem(str(path), field_, 0, 0, fault["msg"], remedy))
    return None


def _documents(directory: Path, problems: list[Problem]) -> tuple[ReasoningProcedure, ...]:
    found: list[Loaded] = []
    for path in sorted((*directory.glob("*.yaml"), *directory.glob("*.yml"))):
        try:
            loaded, faults = load_bytes(read_regular(path, _MAX_YAML_BYTES), str(path))
        except PackInvalid as problem:
            problems.append(_problem(str(path), problem.words, "put the file itself there"))
            continue
        problems += faults
        found += loaded
    for each in found:
        problems += [problem for problem in validate(each) if problem.severity == "error"]
    if not found and not any(problem.file != str(directory.parent / SOURCE) for problem in problems):
        problems.append(_problem(str(directory), "there is no procedure", "put at least one *.yaml there"))
    problems += _twice(found)
    return tuple(each.document for each in found)


def _twice(found: Iterable[Loaded]) -> Iterator[Problem]:
    names: dict[str, str] = {}
    for each in found:
        name = each.document.metadata.name
        if name in names:
            words = f"the procedure {name} is also in {names[name]}"
            yield each.problem(("metadata", "name"), words, "give each its own name")
        names.setdefault(name, each.file)


def _files(directory: Path, problems: list[Problem]) -> Iterator[tuple[str, bytes]]:
    """README.md, LICENSE and what is under docs/; hidden files stay out, links are faults."""
    own = [directory / name for name in (README, LICENCE)]
    docs = sorted(path for path in (directory / "docs").rglob("*") if path.is_symlink() or not path.is_dir())
    for path in [path for path in own if path.exists() or path.is_symlink()] + docs:
        name = path.relative_to(directory).as_posix()
        if any(part.startswith(".") for part in name.split("/")):
            continue
        if problem := path_problem(name):
            problems.append(_problem(str(path), problem[1], "rename the file"))
            continue
        try:
            yield name, read_regular(path, MAX_CONTENT_BYTES)
        except PackInvalid as fault:
            problems.append(_problem(str(path), fault.words, "put the file itself there"))


def _problem(file: str, message: str, remedy: str) -> Problem:
    return Problem(file, "", 0, 0, message, remedy)
