"""What the questions to models are about, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seglam.compiler.replies import AuthorReply
from seglam.compiler.results import Missed
from seglam.compiler.signature import Signature
from seglam.procedures.request import Attachment, Request
from seglam.procedures.revision import Revision


@dataclass(frozen=True, slots=True)
class AuthorSubject:
    """A request that missed, the active revisions, and the author's earlier replies that were not accepted."""

    missed: Missed
    known: tuple[Revision, ...]
    earlier: tuple[AuthorReply, ...] = ()


@dataclass(frozen=True, slots=True)
class AliasSubject:
    """A request that missed, and the active revisions that it may be another wording of."""

    missed: Missed
    near: tuple[Revision, ...]


@dataclass(frozen=True, slots=True)
class ImplementationSubject:
    """A signature to implement, and a request that it answers."""

    signature: Signature
    request: Request


@dataclass(frozen=True, slots=True)
class ContrastsSubject:
    """Pairs of sentences, with values masked by their parameters' names."""

    summary: str
    pairs: tuple[tuple[str, str], ...]


def request_from_json(value: Mapping[str, Any]) -> Request:
    """The request that a recording keeps."""
    inputs = {name: Attachment(item["mediaType"], item["text"]) for name, item in value.get("inputs", {}).items()}
    return Request(value.get("text"), value.get("value"), inputs, value.get("context", {}))


def request_as_json(request: Request) -> Mapping[str, object]:
    """A request as plain JSON, as recordings keep it."""
    value: dict[str, object] = {"text": request.text} if request.text is not None else {"value": request.value}
    if request.inputs:
        value["inputs"] = {
            name: {"mediaType": item.media_type, "text": item.text} for name, item in request.inputs.items()
        }
    if request.context:
        value["context"] = dict(request.context)
    return value
