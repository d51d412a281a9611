"""Prompts: readable templates in `prompts/`, filled with what a question is about.

Each template is one prompt. The line `<!-- the request -->` divides what is the same for all questions of its purpose
(the system message) from this question's data.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

import jinja2
from pydantic import BaseModel

from seglam.compiler.model import Prompt
from seglam.compiler.replies import AliasReply, AuthorReply, ContrastsReply, ImplementationReply
from seglam.compiler.results import Case, Missed
from seglam.compiler.signature import Signature, signature_of
from seglam.procedures.patterns import shared_rules
from seglam.procedures.request import Request
from seglam.procedures.revision import Revision
from seglam.procedures.values.registry import describe

DIVIDER = "<!-- the request -->"
MAX_OTHERS = 40
MAX_SHOWN_VALUES = 60
KEPT_AROUND = 60
CODES_SHOWN = 1
MAX_SHOWN_CODE = 12_000
MAX_CORRECTIONS = 8


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(template_text),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # prompts are plain text
    )


def template_text(name: str) -> str:
    """The text of a prompt template, such as `author.md`."""
    return resources.files(__package__).joinpath("prompts", name).read_text(encoding="utf-8")


def author_prompt(
    missed: Missed, known: Sequence[Revision], modules: Sequence[str], choices: Sequence[str] = ()
) -> Prompt:
    """Ask for a procedure, an extension or a refusal.

    Args:
        missed: the request, with the procedures near it.
        known: all active revisions; the first `MAX_OTHERS` of those not near are named.
        modules: what code may import.
        choices: sentences that say how this tenant reads contested names.
    """
    near = [
        _near(near.revision, near.difference, shows_code=number < CODES_SHOWN)
        for number, near in enumerate(missed.miss.near)
    ]
    shown = {item["name"] for item in near}
    others = [
        {"name": revision.name, "summary": revision.spec.summary, "signature": str(signature_of(revision.spec))}
        for revision in known
        if revision.name not in shown
    ]
    return _render(
        "author.md",
        AuthorReply,
        types=_types(),
        rules=shared_rules(),
        modules=", ".join(modules),
        near=near,
        others=others[:MAX_OTHERS],
        choices=choices,
        reason=missed.miss.explanation,
        context=sorted(missed.request.context.items()),
        alike=missed.alike,
        withdrawn=None if missed.withdrawn is None else _near(missed.withdrawn, "", shows_code=True),
        corrections=_corrections(missed.corrections),
        alike_mark=_mark("\n".join(missed.alike)),
        mark=_mark(missed.request),
        **_request(missed.request),
    )


def alias_prompt(missed: Missed, near: Sequence[Revision], choices: Sequence[str] = ()) -> Prompt:
    """Ask whether a request is another wording of a procedure near it, and for the patterns that it lacks."""
    return _render(
        "alias.md",
        AliasReply,
        rules=shared_rules(),
        near=[_near(each, "", shows_code=False) for each in near],
        choices=choices,
        alike=missed.alike,
        alike_mark=_mark("\n".join(missed.alike)),
        mark=_mark(missed.request),
        **_request(missed.request),
    )


def repair_prompt(first: Prompt, earlier: BaseModel, gate: str, category: str) -> Prompt:
    """Ask an author once more, who learns which gate failed and why in general, never on which inputs."""
    reply = earlier.model_dump_json(by_alias=True, exclude_none=True)
    template = _environment().get_template("repair.md")
    text = template.render(earlier=reply, mark=_mark(reply), gate=gate, category=category)
    return Prompt(first.system, first.user + text)


def implementation_prompt(
    signature: Signature,
    request: Request,
    arguments: Mapping[str, str],
    modules: Sequence[str],
    answer_name: str,
    choices: Sequence[str] = (),
    *,
    corrections: Sequence[Case] = (),
) -> Prompt:
    """Ask a verifier for its own implementation; it never sees the author's code.

    Args:
        corrections: requests whose right answer is known since an earlier procedure answered them wrongly.
    """
    names = list(signature.arguments)
    return _render(
        "implementation.md",
        ImplementationReply,
        types=_types(),
        modules=", ".join(modules),
        call=f"solve({', '.join(names)})",
        check=f"check({', '.join([*names, answer_name])})",
        answer_name=answer_name,
        arguments=[(name, value[:200]) for name, value in arguments.items()],
        mark=_mark(request),
        returns_type=signature.returns_type,
        summary=signature.summary,
        parameters=signature.parameter_lines,
        vocabularies=[
            {"name": name, "members": json.dumps(values, ensure_ascii=False)}
            for name, values in signature.vocabularies.items()
        ],
        returns=signature.returns_line,
        choices=choices,
        request=_request_text(request),
        inputs=sorted(request.inputs.items()),
        corrections=_corrections(corrections),
    )


def contrasts_prompt(summary: str, pairs: Sequence[tuple[str, str]], choices: Sequence[str] = ()) -> Prompt:
    """Ask a verifier whether the sentences of each pair mean the same."""
    groups: list[dict[str, Any]] = []
    for number, (left, right) in enumerate(pairs, 1):
        if not groups or groups[-1]["left"] != left:
            groups.append({"left": left, "first": number, "rights": []})
        groups[-1]["last"] = number
        groups[-1]["rights"].append((number, elided(left, right)))
    return _render("contrasts.md", ContrastsReply, summary=summary, groups=groups, choices=choices, mark=_mark(pairs))


def elided(left: str, right: str) -> str:
    """The right sentence without long beginnings and ends that it shares with the left one."""
    shorter = min(len(left), len(right))
    before = next((at for at in range(shorter) if left[at] != right[at]), shorter)
    after = next((at for at in range(shorter - before) if left[-1 - at] != right[-1 - at]), shorter - before)
    begin, end = max(before - KEPT_AROUND, 0), min(len(right) - after + KEPT_AROUND, len(right))
    if begin < 2 * KEPT_AROUND:
        begin = 0
    if len(right) - end < 2 * KEPT_AROUND:
        end = len(right)
    return ("[...]" if begin else "") + right[begin:end] + ("[...]" if end < len(right) else "")


def _mark(*data: object) -> str:
    """Marks where data begins and ends: its own digest, which no data can hold."""
    return hashlib.sha256(repr(data).encode("utf-8", "backslashreplace")).hexdigest()[:12]


def _render(template: str, reply: type[BaseModel], **values: Any) -> Prompt:
    schema = json.dumps(_lean(reply.model_json_schema(by_alias=True)), separators=(",", ":"), ensure_ascii=False)
    text = _environment().get_template(template).render(schema=schema, **values)
    system, _, user = text.partition(DIVIDER)
    return Prompt(system.strip(), user.strip())


_WORDY = frozenset({"title", "description", "default", "minLength", "maxLength", "maxItems", "additionalProperties"})
"""Members of a JSON schema that the prompt's own text replaces, or that only bound a size."""


def _lean(schema: Any) -> Any:
    """A JSON schema cut down to what a reader needs; a member that may be null is one that may be left out."""
    if isinstance(schema, list):
        return [_lean(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    options = schema.get("anyOf", ())
    if len(options) == 2 and {"type": "null"} in options:
        return _lean(next(option for option in options if option != {"type": "null"}))
    return {
        key: {name: _lean(member) for name, member in value.items()} if key in ("properties", "$defs") else _lean(value)
        for key, value in schema.items()
        if key not in _WORDY
    }


@cache
def _types() -> str:
    return "\n".join(
        f"- `{entry.name}`: {entry.summary} Received as {entry.python}."
        f" Reads {_quoted(entry.accepts)}. Refuses {_quoted(entry.rejects)}."
        for entry in describe()
    )


def _quoted(texts: Sequence[str]) -> str:
    return ", ".join(json.dumps(text, ensure_ascii=False) for text in texts) or "nothing"


def _request(request: Request) -> Mapping[str, Any]:
    return {
        "request": {"text": request.text},
        "value": None if request.text is not None else _json(request.value),
        "inputs": sorted(request.inputs.items()),
    }


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, default=str)


def _corrections(known: Sequence[Case]) -> list[dict[str, str]]:
    return [
        {
            "request": _request_text(case.request),
            "right": case.answer or "",
            "wrong": case.wrong or "",
            "mark": _mark(case.request, case.answer, case.wrong),
        }
        for case in known[:MAX_CORRECTIONS]
    ]


def _request_text(request: Request) -> str:
    return request.text if request.text is not None else _json(request.value)


def _near(revision: Revision, difference: str, *, shows_code: bool) -> dict[str, Any]:
    spec = revision.spec
    return {
        "code": spec.code if shows_code and len(spec.code) <= MAX_SHOWN_CODE else None,
        "name": revision.name,
        "summary": spec.summary,
        "signature": str(signature_of(spec)),
        "returns": spec.returns.description or spec.returns.type,
        "difference": difference,
        "patterns": [pattern.text for pattern in spec.match.patterns or ()],
        "rules": [
            {"name": rule.name, "text": rule.text} for rule in spec.rules or () if rule.name not in shared_rules()
        ],
        "vocabularies": [
            {"name": each.name, "members": _members([[v.value, *(v.names or ())] for v in each.values])}
            for each in spec.vocabularies or ()
        ],
    }


def _members(members: Sequence[Sequence[str]]) -> str:
    shown = "; ".join(" = ".join(names) for names in members[:MAX_SHOWN_VALUES])
    more = len(members) - MAX_SHOWN_VALUES
    return shown + (f"; and {more} more" if more > 0 else "")
