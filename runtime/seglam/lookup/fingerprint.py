"""The fingerprint of a request's type, before any procedure for it is known.

It groups requests for single flight and for negative entries, and never decides a hit: numbers and quoted parts are
masked, every word and mark stays, and so do the kinds of inputs and the members of a structured request. A system
prompt and the form of the answer are told apart by their values.
"""

from __future__ import annotations

import hashlib
import json
import re

from seglam.procedures.request import BINDING, Request
from seglam.procedures.text import TOKEN, fold

_QUOTED = re.compile(r"\"[^\"]*\"|(?<!\w)'[^']*'(?!\w)|`[^`]*`")


def fingerprint(request: Request) -> str:
    """32 hexadecimal digits that requests of one wording share whatever their numbers and quoted parts."""
    if request.text is not None:
        masked = _QUOTED.sub(' "" ', fold(request.text))
        skeleton: object = ["0" if token.isdecimal() else token for token in TOKEN.findall(masked)]
    else:
        skeleton = _shape(request.value)
    kinds = sorted(item.media_type for item in request.inputs.values())
    parts: list[object] = [skeleton, kinds, sorted(request.context)]
    if request.bound:
        parts.append([request.context.get(key) for key in BINDING])
    content = json.dumps(parts, ensure_ascii=True)
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def _shape(value: object) -> object:
    if isinstance(value, dict):
        return {name: _shape(member) for name, member in sorted(value.items())}
    return type(value).__name__
