"""A request: a text or a structured value, attached inputs, and an explicit context."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple

from seglam.procedures.document import Asked

EMPTY: Mapping[str, Any] = MappingProxyType({})
BINDING = ("system", "response_format")
"""Entries of the context that change what any request means: a system prompt, and the form that an answer must have. A
request that has one is answered only by a procedure that declares it, with `oneOf`."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """An attached input's media type and text."""

    media_type: str
    text: str


class Request(NamedTuple):
    """What somebody asks.

    Exactly one of `text` and `value` is set. `value` holds JSON with integers exact and other numbers as `Decimal`.
    `context` holds what would otherwise be implicit: `now` (RFC 3339), `locale` (BCP 47), `timeZone` (IANA name).
    """

    text: str | None = None
    value: object = None
    inputs: Mapping[str, Attachment] = EMPTY
    context: Mapping[str, str] = EMPTY

    @property
    def region(self) -> str | None:
        """The region of the context's locale (`es-MX` -> `MX`), which decides number and date formats."""
        parts = self.context.get("locale", "").replace("_", "-").split("-")[1:]
        return next((part.upper() for part in parts if len(part) == 2 and part.isalpha()), None)

    @property
    def language(self) -> str | None:
        """The language of the context's locale (`es-MX` -> `es`); None without a locale."""
        return self.context.get("locale", "").replace("_", "-").split("-")[0].lower() or None

    @property
    def bound(self) -> bool:
        """Whether the context has an entry that a procedure must declare; see `BINDING`."""
        return bool(self.context) and any(key in self.context for key in BINDING)


def request_of(asked: Asked) -> Request:
    """The request that an example, or anything like it, states. `ValueError` if its value is no JSON."""

    return Request(
        text=asked.request,
        value=None if asked.value is None else json.loads(asked.value, parse_float=Decimal),
        inputs={item.name: Attachment(item.media_type, item.text) for item in asked.inputs or ()},
        context={item.name: item.value for item in asked.context or ()},
    )
