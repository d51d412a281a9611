"""One procedure made of two that compute the same: the code of the one with the patterns of both.

Nothing here decides that they compute the same. `hygiene` does, on inputs, and the gates run on what is made. Values
that the kept one reads and the other did not may give an answer to a sentence that the other refused; such a refusal
goes, and is told to whoever reviews the merge.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from seglam.compiler.assemble import extended, with_spec
from seglam.compiler.gates.checks import refusals_miss
from seglam.compiler.hygiene import Duplicate
from seglam.compiler.replies import ExtensionReply, PatternReply
from seglam.compiler.running import Bench, serves_on
from seglam.procedures.document import Example, NamedValue, ReasoningProcedure, Rule, Spec, Vocabulary
from seglam.procedures.patterns import shared_rules
from seglam.procedures.revision import Revision

_SLOT = re.compile(r"(?<!\\)\{([a-z][a-z0-9_]*)\}")
_RULE = re.compile(r"(?<!\\)<([a-z][a-z0-9-]*)>")


@dataclass(frozen=True, slots=True)
class Merged:
    """The document, which no gate has seen yet, and what the merged procedure refused and this one answers."""

    document: ReasoningProcedure
    refused_no_more: tuple[str, ...]


def merged(keep: Revision, other: Revision, found: Duplicate, bench: Bench) -> Merged:
    """The kept procedure with patterns, names of values, refusals and examples of the other."""
    renamed = {theirs: ours for ours, theirs in found.arguments.items()}
    rules = _rule_names(keep.spec, other.spec, renamed)

    def ours(text: str) -> str:
        text = _SLOT.sub(lambda match: "{" + renamed.get(match[1], match[1]) + "}", text)
        return _RULE.sub(lambda match: "<" + rules.get(match[1], match[1]) + ">", text)

    def document_with(refusals: list[str]) -> ReasoningProcedure:
        reply = ExtensionReply(
            procedure=keep.name,
            patterns=[PatternReply(text=ours(p.text), language=p.language) for p in other.spec.match.patterns or ()],
            rules=[
                Rule(name=rules[rule.name], text=ours(rule.text))
                for rule in other.spec.rules or ()
                if rule.name in rules and rules[rule.name] not in {each.name for each in keep.spec.rules or ()}
            ],
            vocabularies=_vocabularies(keep.spec, other.spec, found.arguments),
            refuse=[ours(text) for text in refusals],
        )
        document = extended(keep, reply)
        known = {example.request for example in keep.spec.examples or ()}
        more = [_renamed(each, renamed) for each in other.spec.examples or () if each.request not in known]
        return with_spec(document, examples=[*(keep.spec.examples or ()), *more])

    kept, gone = list[str](), list[str]()
    for text in other.spec.match.refuse or ():
        alone = document_with([text])
        alone = with_spec(alone, match=alone.spec.match.model_copy(update={"refuse": [ours(text)]}))
        revision = Revision.of(alone)
        answered = refusals_miss(revision, serves_on(bench, revision))[1]
        (gone if answered else kept).append(text)
    return Merged(document_with(kept), tuple(gone))


def _rule_names(keep: Spec, other: Spec, renamed: Mapping[str, str]) -> dict[str, str]:
    """A name for each of the other's own rules: its own, unless the kept one has another rule of that name."""
    mine = {rule.name: rule.text for rule in keep.rules or ()}
    names: dict[str, str] = {}
    for rule in other.rules or ():
        if rule.name in shared_rules():
            continue
        name, number = rule.name, 1
        text = _SLOT.sub(lambda match: "{" + renamed.get(match[1], match[1]) + "}", rule.text)
        while mine.get(name, text) != text or name in names.values():
            number += 1
            name = f"{rule.name}-{number}"
        names[rule.name] = name
    return names


def _vocabularies(keep: Spec, other: Spec, arguments: Mapping[str, str]) -> list[Vocabulary]:
    """The other's names of the values that both have, by the vocabularies of the kept one."""
    mine = {parameter.name: parameter.vocabulary for parameter in keep.parameters or ()}
    theirs = {parameter.name: parameter.vocabulary for parameter in other.parameters or ()}
    members = {each.name: each.values for each in other.vocabularies or ()}
    values = {each.name: {value.value for value in each.values} for each in keep.vocabularies or ()}
    found: dict[str, Vocabulary] = {}
    for our, their in arguments.items():
        name, source = mine.get(our), theirs.get(their)
        if name is not None and source is not None:
            shared = [value for value in members[source] if value.value in values[name]]
            found[name] = Vocabulary(name=name, values=shared)
    return [each for each in found.values() if each.values]


def _renamed(example: Example, names: Mapping[str, str]) -> Example:
    arguments = [NamedValue(name=names.get(each.name, each.name), value=each.value) for each in example.arguments]
    return example.model_copy(update={"arguments": arguments})
