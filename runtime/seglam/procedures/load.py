"""Reading procedure documents from YAML, with the place of every value, so that a fault can be shown where it is.

All plain scalars are read as strings: YAML readers disagree on `NO`, `on` and `0o17`, and a document's values are
strings. The models turn the few numbers (limits) back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import ValidationError

from seglam.procedures.document import MAX_DOCUMENT_BYTES, ReasoningProcedure

Path_ = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of a document.

    Attributes:
        file: where the document was read from.
        field: the field, such as `spec.match.patterns[0].text`; empty for the document as a whole.
        line, column: 1-based place in the file, 0 if unknown.
        message: what is wrong.
        remedy: what to do.
        severity: `error` or `warning`.
    """

    file: str
    field: str
    line: int
    column: int
    message: str
    remedy: str
    severity: str = "error"

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        field = f" {self.field}:" if self.field else ""
        return f"{place}:{field} {self.message}; {self.remedy}"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A document with the places of its fields."""

    document: ReasoningProcedure
    file: str
    places: Mapping[Path_, tuple[int, int]]

    def problem(self, path: Path_, message: str, remedy: str, *, offset: int = 0, severity: str = "error") -> Problem:
        """A fault at a field; `offset` is a character of the field's text."""
        line, column = place_of(self.places, path)
        return Problem(self.file, field_of(path), line, column + offset if line else 0, message, remedy, severity)


def field_of(path: Path_) -> str:
    """A path as people write it: `spec.match.patterns[0].text`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def place_of(places: Mapping[Path_, tuple[int, int]], path: Path_) -> tuple[int, int]:
    """Line and column of a field, or of the nearest one around it that was written."""
    for length in range(len(path), -1, -1):
        if path[:length] in places:
            return places[path[:length]]
    return 0, 0


def load_file(path: Path) -> tuple[list[Loaded], list[Problem]]:
    """Read the documents of one file. Faults are returned, not raised; other documents of the file are still read."""
    try:
        content = path.read_bytes()
    except OSError as error:
        return [], [
            Problem(
                str(path),
                "",
                0,
                0,
                f"the file cannot be read: {error.strerror}",
                "check its name and permissions",
            )
        ]
    return load_bytes(content, str(path))


def load_documents(path: Path) -> tuple[list[Loaded], list[Problem]]:
    """Read a file, or all `*.yaml` and `*.yml` files of a directory, in order of their names."""
    if not path.is_dir():
        return load_file(path)
    loaded: list[Loaded] = []
    problems: list[Problem] = []
    for file in sorted((*path.glob("*.yaml"), *path.glob("*.yml"))):
        more, faults = load_file(file)
        loaded += more
        problems += faults
    return loaded, problems


def load_bytes(content: bytes, file: str) -> tuple[list[Loaded], list[Problem]]:
    """Read the documents of some YAML text."""
    try:
        text = content.decode("utf-8")
        nodes = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
    except UnicodeDecodeError as error:
        return [], [Problem(file, "", 0, 0, f"byte {error.start} is not UTF-8", "save the file as UTF-8")]
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        return [], [_yaml_problem(error, file)]
    loaded: list[Loaded] = []
    problems: list[Problem] = []
    for node in nodes:
        size = node.end_mark.index - node.start_mark.index
        if size > MAX_DOCUMENT_BYTES:
            problems.append(
                Problem(
                    file,
                    "",
                    node.start_mark.line + 1,
                    1,
                    f"the document has {size} characters",
                    f"keep it under {MAX_DOCUMENT_BYTES} bytes; move data into inputs",
                )
            )
            continue
        reader = _Reader(file)
        value = reader.plain(node, ())
        faults, places = reader.faults, reader.places
        problems += faults
        try:
            document = ReasoningProcedure.model_validate(value)
        except ValidationError as error:
            problems += _model_problems(error, file, places)
        else:
            if not faults:
                loaded.append(Loaded(document, file, places))
    return loaded, problems


def _yaml_problem(error: Exception, file: str) -> Problem:
    mark = getattr(error, "problem_mark", None)
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    what = getattr(error, "problem", None) or str(error) or type(error).__name__
    return Problem(file, "", line, column, f"this is no YAML: {what}", "correct the YAML")


class _Reader:
    """Turns YAML nodes into plain values with every scalar as text, and notes where each stands."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.places: dict[Path_, tuple[int, int]] = {}
        self.faults: list[Problem] = []
        self._seen: set[int] = set()

    def plain(self, node: yaml.Node, path: Path_) -> object:
        """The node's value; null where nothing was written."""
        if id(node) in self._seen:  # an alias; a few of them can stand for gigabytes
            self._fault(node, path, "an alias stands here", "write the value out")
            return None
        self._seen.add(id(node))
        start = node.start_mark
        # Text inside quotes begins one column later.
        quoted = isinstance(node, yaml.ScalarNode) and node.style in ("'", '"')
        self.places[path] = (start.line + 1, start.column + (2 if quoted else 1))
        if isinstance(node, yaml.MappingNode):
            members: dict[str, object] = {}
            for key, value in node.value:
                name = str(key.value)
                if name in members:
                    self._fault(key, (*path, name), "the field is given twice", "remove one")
                members[name] = self.plain(value, (*path, name))
            return members
        if isinstance(node, yaml.SequenceNode):
            return [self.plain(item, (*path, number)) for number, item in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)
        if node.tag == "tag:yaml.org,2002:null" and node.style is None and node.value in ("", "~", "null"):
            return None
        return str(node.value)

    def _fault(self, node: yaml.Node, path: Path_, message: str, remedy: str) -> None:
        line, column = node.start_mark.line + 1, node.start_mark.column + 1
        self.faults.append(Problem(self.file, field_of(path), line, column, message, remedy))


def _model_problems(error: ValidationError, file: str, places: Mapping[Path_, tuple[int, int]]) -> list[Problem]:
    problems = []
    for fault in error.errors():
        path = tuple(fault["loc"])
        line, column = place_of(places, path)
        remedy = (
            "remove it or correct its name" if fault["type"] == "extra_forbidden" else "see the procedure reference"
        )
        message = fault["msg"][0].lower() + fault["msg"][1:]
        problems.append(Problem(file, field_of(path), line, column, message, remedy))
    return problems


def dump(document: ReasoningProcedure) -> str:
    """The document as YAML that reads back to the same digest. Texts of several lines are block scalars."""
    value = document.model_dump(mode="json", by_alias=True, exclude_none=True)
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


_OTHERWISE = re.compile(r"[-+.\d].*|[~=]|<<|null|true|false|y|n|yes|no|on|off", re.IGNORECASE | re.DOTALL)
"""Texts that some YAML reader takes for a number, a truth value or nothing: kubectl reads `y` as true, `0o17` as 15."""


class _Dumper(yaml.SafeDumper):
    pass


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    block = "\n" in value and not any(line.endswith((" ", "\t")) for line in value.split("\n")) and "\r" not in value
    style = "|" if block else "'" if _OTHERWISE.fullmatch(value) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)
