"""A ReasoningProcedure as a compilation proposes it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from seglam.operator.desired.common import Object, traced
from seglam.procedures.document import Spec
from seglam.resources.names import (
    ANNOTATION_AUTHORS,
    LABEL_COMPILATION,
    LABEL_PROPOSED_BY,
    PROPOSED_BY_COMPILATION,
    REASONING_PROCEDURE,
    hexadecimal,
    shortened,
)
from seglam.resources.revision import Content
from seglam.telemetry import SpanReference

MODEL = "model:"
_PRINTABLE = re.compile(r"[^\x00-\x20\x7f-\xa0\u2028\u2029]{1,256}")
MAX_MODELS = 16


def marks(compilation: str) -> dict[str, str]:
    """Labels of what a compilation proposes."""
    return {LABEL_PROPOSED_BY: PROPOSED_BY_COMPILATION, LABEL_COMPILATION: compilation}


def procedure(
    namespace: str, name: str, compilation: str, spec: Spec, authors: Sequence[str], traceparent: str | None = None
) -> Object:
    """The procedure, without anything that says where and how it runs: that is for people to say."""
    return {
        "apiVersion": REASONING_PROCEDURE.api_version,
        "kind": REASONING_PROCEDURE.kind,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": marks(compilation),
            "annotations": {ANNOTATION_AUTHORS: "\n".join(authors), **traced(traceparent)},
        },
        "spec": Content.of(spec).model_dump(mode="json", by_alias=True, exclude_none=True),
    }


def names(stated: str, digest: str) -> tuple[str, str]:
    """Names for a proposed procedure: the one that its author gave it, and one for where that is taken."""
    return stated, f"{shortened(stated, 54)}-{hexadecimal(digest, 8)}"


def trace_of(asked: str | None, stated: str | None) -> str | None:
    """The span of a compilation: what its Job states, if that is of the trace that the miss began, else the miss's."""
    miss, made = SpanReference.parse(asked), SpanReference.parse(stated)
    return stated if miss and made and miss.trace_id == made.trace_id else asked


def authors(requester: str, stated: Sequence[str]) -> tuple[str, ...]:
    """Who wrote what a compilation made: the requester as the gateway knows them, and the models that the Job names.

    A Job may name nobody else, and whatever it does not name, some model wrote.
    """
    named = [each.removeprefix(MODEL) for each in stated if each.startswith(MODEL)]
    models = [f"{MODEL}{each}" for each in named if _PRINTABLE.fullmatch(each)][:MAX_MODELS]
    return tuple(dict.fromkeys([requester, *(models or [f"{MODEL}unknown"])]))
