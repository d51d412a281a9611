"""From an author's reply to a document: shared rules copied in, examples completed from what the patterns bind."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence

import rfc8785

from seglam.compiler.replies import ExampleReply, ExtensionReply, PatternReply, ProcedureReply
from seglam.lookup import Hit, Index
from seglam.lookup.structured import dumps
from seglam.procedures.document import (
    API_VERSION,
    KIND,
    Example,
    Input,
    Match,
    Metadata,
    NamedValue,
    Pattern,
    ReasoningProcedure,
    Rule,
    Spec,
    Vocabulary,
    VocabularyValue,
)
from seglam.procedures.load import Loaded
from seglam.procedures.patterns import PatternError, escape, parse, shared_rules
from seglam.procedures.patterns.rewrite import alternatives_of
from seglam.procedures.request import Request, request_of
from seglam.procedures.revision import Revision
from seglam.procedures.validate import validate
from seglam.procedures.values import ValueProblem, ValueType

UNKNOWN = ""
"""Stands for an example's answer that nobody has stated, until the verified code gives it."""

MAX_EXAMPLES = 40
"""Examples that extensions grow a document to; a document may have some more."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
"""Names that an example's context may have; `timeZone` is not one of them."""

_PATTERN_FIELD = re.compile(r"spec\.match\.patterns\[(\d+)\]")
_SLOTS = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_SIGNS = re.compile(r"\\.|<[a-z][a-z0-9-]*>|([<>])", re.DOTALL)
_NAMED_OFTEN = "({0}) ({0})"
"""A rule is too large if a pattern that names it twice cannot be read."""
_RULE_NAMES = re.compile(r"(?<!\\)<([a-z][a-z0-9-]*)>")


def core_digest(spec: Spec) -> str:
    """Names what an extension leaves as it is: code, parameters and answer, whatever the patterns and vocabularies."""
    part = spec.model_dump(mode="json", by_alias=True, exclude_none=True, include={"code", "parameters", "returns"})
    return "sha256:" + hashlib.sha256(rfc8785.dumps(part)).hexdigest()


def document_of(reply: ProcedureReply, taken: Iterable[str] = ()) -> ReasoningProcedure:
    """The document that a reply states, without examples. `taken` are names that other procedures have."""
    patterns = _patterns(reply.patterns)
    refuse = [_readable(text, reply) for text in reply.refuse]
    name, number = reply.name, 1
    while name in set(taken):
        number += 1
        name = f"{reply.name[:58]}-{number}"
    spec = Spec(
        summary=reply.summary,
        parameters=list(reply.parameters) or None,
        vocabularies=list(reply.vocabularies) or None,
        rules=_rules([*(pattern.text for pattern in patterns), *refuse], reply.rules) or None,
        returns=reply.returns,
        match=Match(patterns=patterns, refuse=refuse or None),
        code=reply.code,
    )
    return ReasoningProcedure(api_version=API_VERSION, kind=KIND, metadata=Metadata(name=name), spec=spec)


def mended(reply: ExtensionReply, base: Revision) -> ExtensionReply:
    """An extension whose arrows and comparisons are literal, as they can mean nothing else, and whose rules are without
    alternatives that cannot be read. A pattern that names a rule of which nothing is left is faulty then, by itself.
    """
    rules = {rule.name: _literal_signs(rule.text) for rule in reply.rules}
    known = {rule.name: rule.text for rule in base.spec.rules or ()} | rules | shared_rules()
    for name in _innermost_first(rules):
        text = _readable_part(rules[name], known)
        if text is None:
            del known[name]
        else:
            known[name] = text
    left = [rule.model_copy(update={"text": known[rule.name]}) for rule in reply.rules if rule.name in known]
    patterns = [
        _literal_signs(each) if isinstance(each, str) else each.model_copy(update={"text": _literal_signs(each.text)})
        for each in reply.patterns
    ]
    return reply.model_copy(update={"patterns": patterns, "rules": left})


def _innermost_first(rules: Mapping[str, str]) -> Sequence[str]:
    """The names of rules, each after those that its text names."""
    done: dict[str, None] = {}
    begun: set[str] = set()

    def visit(name: str) -> None:
        if name in rules and name not in begun:
            begun.add(name)
            for inner in _RULE_NAMES.findall(rules[name]):
                visit(inner)
            done[name] = None

    for name in rules:
        visit(name)
    return tuple(done)


def _readable_part(text: str, rules: Mapping[str, str]) -> str | None:
    """A rule's text, or what is left of it without the alternatives that cannot be read; None if nothing is."""
    if _can_be_read(_NAMED_OFTEN.format(text), rules):
        return text
    kept: list[str] = []
    for alternative in alternatives_of(text):
        if _can_be_read(_NAMED_OFTEN.format("|".join([*kept, alternative])), rules):
            kept.append(alternative)
    return "|".join(kept) or None


def _literal_signs(text: str) -> str:
    """A pattern's text with a backslash before each `<` and `>` that is no part of a rule's name."""
    return _SIGNS.sub(lambda match: "\\" + match[1] if match[1] else match[0], text)


def _can_be_read(text: str, rules: Mapping[str, str]) -> bool:
    try:
        parse(text, rules)
    except PatternError:
        return False
    return True


def extended(base: Revision, reply: ExtensionReply) -> ReasoningProcedure:
    """The document of a known procedure with what an extension adds.

    Raises:
        ValueError: if the extension names a vocabulary that the procedure does not have, or a shared rule to grow.
    """
    reply = mended(reply, base)
    spec = base.spec
    old = list(spec.match.patterns or ())
    texts = {pattern.text for pattern in old}
    patterns = [*old, *(pattern for pattern in _patterns(reply.patterns) if pattern.text not in texts)]
    refuse = list(dict.fromkeys([*(spec.match.refuse or ()), *reply.refuse]))
    own = _grown(spec.rules or (), reply.rules)
    changed = spec.model_copy(
        update={
            "vocabularies": _merged(spec.vocabularies or (), reply.vocabularies) or None,
            "rules": _rules([*(pattern.text for pattern in patterns), *refuse], own) or None,
            "match": spec.match.model_copy(update={"patterns": patterns, "refuse": refuse or None}),
            "code": reply.code or spec.code,
        }
    )
    metadata = Metadata(name=base.name)
    return ReasoningProcedure(api_version=API_VERSION, kind=KIND, metadata=metadata, spec=changed)


def without_faulty_patterns(
    document: ReasoningProcedure, base: Spec
) -> tuple[ReasoningProcedure, tuple[tuple[str, str], ...]]:
    """An extended document without those of its new patterns that break a rule, and these with what is wrong.

    The others are as good without them. The document as it is if none of the new ones would be left.
    """
    patterns = list(document.spec.match.patterns or ())
    old = len(base.match.patterns or ())
    new = patterns[old:]
    if not new:
        return document, ()
    wrong: dict[int, str] = {}
    alone = with_spec(document, examples=None, match=Match(patterns=new))  # those of the base were checked before
    for problem in validate(Loaded(alone, "", {})):
        found = _PATTERN_FIELD.match(problem.field)
        if found and problem.severity == "error":
            wrong.setdefault(int(found[1]), problem.message)
    left = [pattern for number, pattern in enumerate(new) if number not in wrong]
    if not wrong or not left:
        return document, ()
    return with_patterns(document, [*patterns[:old], *left]), tuple((new[n].text, why) for n, why in wrong.items())


def grew(before: Spec, after: Spec) -> bool:
    """Whether a vocabulary has values that it did not have, so that code meets values that it has not met."""
    old = {each.name: {member.value for member in each.values} for each in before.vocabularies or ()}
    return any(
        member.value not in old.get(each.name, set()) for each in after.vocabularies or () for member in each.values
    )


def with_examples(
    document: ReasoningProcedure, replies: Sequence[ExampleReply]
) -> tuple[ReasoningProcedure, list[str]]:
    """Add the examples that the patterns match, with what they bind; also the requests that are dropped.

    An argument that the author stated stays as stated, so that a wrong one is found by the gates.
    """
    revision, index = Revision.of(document), Index(explains=False)
    index.add(revision)
    examples, dropped = list(document.spec.examples or ()), []
    known = {example.request for example in examples}
    for reply in replies:
        bare = Example(request=reply.request, inputs=list(reply.inputs) or None, arguments=[], answer=UNKNOWN)
        found = index.find(request_of(bare))
        if reply.request in known:
            continue
        if not isinstance(found, Hit):
            dropped.append(reply.request)
            continue
        known.add(reply.request)
        answer = UNKNOWN if reply.answer is None else as_canonical(revision.returns, reply.answer)
        types = revision.argument_types
        stated = {n: as_canonical(types[n], text) if n in types else text for n, text in reply.arguments.items()}
        examples.append(_completed(bare, {**found.binding.arguments, **stated}, answer))
    return with_spec(document, examples=examples or None), dropped


def as_canonical(kind: ValueType, text: str) -> str:
    """The canonical text of a value that a model wrote in another form of one reading; other texts as they are."""
    try:
        kind.check(text)
    except ValueProblem:
        readings = kind.readings(text)
        return readings[0] if len(readings) == 1 else text
    return text


def with_request(document: ReasoningProcedure, request: Request, answer: str = UNKNOWN) -> ReasoningProcedure:
    """Add a request that the patterns match as an example; the document as it is if they do not match it, or if it has
    many examples already.
    """
    if len(document.spec.examples or ()) >= MAX_EXAMPLES:
        return document
    index = Index(explains=False)
    index.add(Revision.of(document))
    found = index.find(request)
    if not isinstance(found, Hit):
        return document
    bare = Example(
        request=request.text,
        value=None if request.text is not None else dumps(request.value),
        inputs=[Input(name=n, media_type=i.media_type, text=i.text) for n, i in request.inputs.items()] or None,
        context=[NamedValue(name=n, value=v) for n, v in request.context.items() if _NAME.fullmatch(n)] or None,
        arguments=[],
        answer=UNKNOWN,
    )
    example = _completed(bare, found.binding.arguments, answer)
    return with_spec(document, examples=[*(document.spec.examples or ()), example])


def _completed(bare: Example, arguments: Mapping[str, str], answer: str) -> Example:
    named = [NamedValue(name=name, value=value) for name, value in arguments.items()]
    return bare.model_copy(update={"arguments": named, "answer": answer})


def with_spec(document: ReasoningProcedure, **changes: object) -> ReasoningProcedure:
    """The document with other parts of `spec`."""
    return document.model_copy(update={"spec": document.spec.model_copy(update=changes)})


def with_patterns(document: ReasoningProcedure, patterns: Sequence[Pattern]) -> ReasoningProcedure:
    """The document with other patterns."""
    return with_spec(document, match=document.spec.match.model_copy(update={"patterns": list(patterns)}))


def _patterns(replies: Sequence[str | PatternReply]) -> list[Pattern]:
    made: dict[str, Pattern] = {}
    for reply in replies:
        pattern = Pattern(text=reply) if isinstance(reply, str) else Pattern(text=reply.text, language=reply.language)
        made.setdefault(pattern.text, pattern)
    return list(made.values())


def _rules(texts: Iterable[str], own: Iterable[Rule]) -> list[Rule]:
    """The rules that texts name, and those that these name in turn. A shared rule is what its name says."""
    shared = shared_rules()
    known: Mapping[str, str] = {**{rule.name: rule.text for rule in own}, **shared}
    used: dict[str, None] = {}
    waiting = list(texts)
    while waiting:
        for name in _RULE_NAMES.findall(waiting.pop()):
            if name in known and name not in used:
                used[name] = None
                waiting.append(known[name])
    return [Rule(name=name, text=known[name]) for name in sorted(used)]


def _readable(refusal: str, reply: ProcedureReply) -> str:
    """A refusal as it is if it is in the notation of patterns, else as the literal text that its author meant."""
    try:
        parse(refusal, {**{rule.name: rule.text for rule in reply.rules}, **shared_rules()})
    except PatternError:
        pieces = _SLOTS.split(refusal)
        return "".join(escape(piece) if number % 2 == 0 else "{" + piece + "}" for number, piece in enumerate(pieces))
    return refusal


def _grown(before: Sequence[Rule], more: Sequence[Rule]) -> list[Rule]:
    """Rules with further alternatives; every pattern that uses one gains them."""
    rules = {rule.name: rule.text for rule in before}
    for rule in more:
        old = rules.get(rule.name)
        if old is not None and rule.name in shared_rules():
            raise ValueError(f"<{rule.name}> is a shared rule, which cannot grow; give your rule a name of its own")
        rules[rule.name] = rule.text if old in (None, rule.text) else f"{old}|{rule.text}"
    return [Rule(name=name, text=text) for name, text in rules.items()]


def _merged(before: Sequence[Vocabulary], more: Sequence[Vocabulary]) -> list[Vocabulary]:
    merged = {each.name: each for each in before}
    for addition in more:
        if addition.name not in merged:
            known = ", ".join(sorted(merged)) or "none"
            raise ValueError(f"the procedure has no vocabulary {addition.name!r}; it has {known}")
        members = {member.value: list(member.names or ()) for member in merged[addition.name].values}
        for member in addition.values:
            names = members.setdefault(member.value, [])
            names += [name for name in member.names or () if name not in names]
        values = [VocabularyValue(value=value, names=names or None) for value, names in members.items()]
        merged[addition.name] = Vocabulary(name=addition.name, values=values)
    return list(merged.values())


def without_members(document: ReasoningProcedure, members: Mapping[str, frozenset[str]]) -> ReasoningProcedure:
    """The document without some values of its vocabularies, and without the examples that hold them."""
    if not members:
        return document
    vocabularies = [
        each.model_copy(update={"values": [v for v in each.values if v.value not in members.get(each.name, ())]})
        for each in document.spec.vocabularies or ()
    ]
    of = {parameter.name: members.get(parameter.vocabulary or "", ()) for parameter in document.spec.parameters or ()}
    examples = [
        example
        for example in document.spec.examples or ()
        if not any(argument.value in of.get(argument.name, ()) for argument in example.arguments)
    ]
    return with_spec(document, vocabularies=vocabularies, examples=examples or None)
