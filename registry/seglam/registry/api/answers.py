"""Answers: documents, pages of lists."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel

from seglam.registry.api.conditions import next_link, unchanged


def answer(document: BaseModel, status: int = 200, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """A document as it is sent."""
    return JSONResponse(document.model_dump(mode="json", by_alias=True), status, dict(headers or {}))


def page(http: Request, document: BaseModel, more: str | None, parameter: str = "cursor") -> JSONResponse:
    """A page of a list, with a link to the next one if there is more."""
    return answer(document, 200, next_link(http, {parameter: more}) if more is not None else None)


def conditional(http: Request, document: BaseModel, tag: str, caching: str = "no-cache") -> Response:
    """A document with an entity tag; 304 if the caller has it."""
    headers = {"ETag": tag, "Cache-Control": caching}
    return Response(None, 304, headers) if unchanged(http, tag) else answer(document, 200, headers)
