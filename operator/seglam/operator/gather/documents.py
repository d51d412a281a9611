"""Reading whole documents, one at a time and only when something must be known that their digests do not say."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from seglam.cluster import Client
from seglam.operator.seen import Revision
from seglam.procedures import ReasoningProcedure, digest, validate
from seglam.procedures import Revision as Document
from seglam.procedures.document import API_VERSION, KIND, Spec
from seglam.procedures.load import Loaded, Path_, Problem, field_of
from seglam.resources.names import PROCEDURE_REVISION, REASONING_PROCEDURE

PROBLEMS_SHOWN = 3


class NotTheDocument(Exception):
    """A revision's document does not have the digest that its name and spec state."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A procedure's spec as it was read: the document and its digest, or what is wrong with it."""

    generation: int
    problems: tuple[str, ...]
    document: ReasoningProcedure | None
    digest: str | None


REMEMBERED = 32
"""Revisions that are remembered: what is verified is soon compared with its neighbours, and often approved at once."""


class Documents:
    """Reads documents from the API server. What is parsed is parsed in a thread, since a large one takes a while."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._revisions: OrderedDict[str, Document] = OrderedDict()  # by uid: the spec of a revision never changes

    async def procedure(self, namespace: str, name: str) -> Parsed | None:
        """A procedure's current spec; None if the procedure is gone."""
        found = await self._client.find(REASONING_PROCEDURE, name, namespace)
        if found is None or found["metadata"].get("deletionTimestamp"):
            return None
        return await asyncio.to_thread(parsed, name, found)

    async def revision(self, revision: Revision) -> Document | None:
        """A revision's document, checked against its digest; None if the revision is gone.

        Raises:
            NotTheDocument: the document is another than the digest says.
        """
        if (known := self._revisions.get(revision.meta.uid)) is not None:
            self._revisions.move_to_end(revision.meta.uid)
            return known
        found = await self._client.find(PROCEDURE_REVISION, revision.meta.name, revision.meta.namespace)
        if found is None:
            return None
        document = await asyncio.to_thread(_document, revision, found)
        if found["metadata"]["uid"] == revision.meta.uid:
            self._revisions[revision.meta.uid] = document
            while len(self._revisions) > REMEMBERED:
                self._revisions.popitem(last=False)
        return document


def parsed(name: str, found: Mapping[str, Any]) -> Parsed:
    """What a ReasoningProcedure of the API server states."""
    generation = int(found["metadata"].get("generation", 0))
    try:
        document = ReasoningProcedure.model_validate(
            {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": name}, "spec": found.get("spec")}
        )
    except ValidationError as error:
        faults = error.errors()
        problems = [f"{field_of(tuple(fault['loc']))}: {fault['msg']}" for fault in faults]
        return Parsed(generation, _first(problems), None, None)
    faults_ = [each for each in validate(Loaded(document, "", Anywhere())) if each.severity == "error"]
    if faults_:
        return Parsed(generation, _first([shown(each) for each in faults_]), None, None)
    return Parsed(generation, (), document, digest(document.spec))


def _document(revision: Revision, found: Mapping[str, Any]) -> Document:
    try:
        spec = Spec.model_validate(found["spec"]["document"])
    except ValidationError as error:
        raise NotTheDocument(
            f"the document of {revision.meta.name} cannot be read: {error.errors()[0]['msg']}"
        ) from None
    if (actual := digest(spec)) != revision.digest:
        raise NotTheDocument(f"the document of {revision.meta.name} has the digest {actual}, not {revision.digest}")
    return Document(revision.procedure, spec, revision.digest)


def _first(problems: list[str]) -> tuple[str, ...]:
    more = len(problems) - PROBLEMS_SHOWN
    return (*problems[:PROBLEMS_SHOWN], *([f"and {more} more"] if more > 0 else []))


def shown(problem: Problem) -> str:
    """A fault with its field, the character of the field's text where it is known, and the remedy."""
    place = f"{problem.field}, character {problem.column}" if problem.column > 1 else problem.field
    return f"{place}: {problem.message}; {problem.remedy}"


class Anywhere(Mapping[Path_, tuple[int, int]]):
    """Places of a document that has no lines: every field begins at its own first character."""

    def __getitem__(self, path: Path_) -> tuple[int, int]:
        return (1, 1)

    def __contains__(self, path: object) -> bool:
        return True

    def __iter__(self) -> Iterator[Path_]:
        return iter(())

    def __len__(self) -> int:
        return 0
