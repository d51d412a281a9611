"""What a document's schema cannot say: that its parts fit together. Each fault names file, field, position and
remedy.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from seglam.procedures.document import Example, Parameter, Spec
from seglam.procedures.load import Loaded, Path_, Problem
from seglam.procedures.patterns import (
    PatternError,
    Patterns,
    State,
    parse,
    patterns_of,
    shared_rules,
    slots_of,
    states_of,
)
from seglam.procedures.revision import slot_types
from seglam.procedures.values import ValueProblem, ValueType, type_of_parameter, type_of_returns, value_type

FREE_WORDS = frozenset({"word", "token", "list[word]", "list[token]"})
OPAQUE = FREE_WORDS | {"text"}
INTRODUCING = frozenset(":\"'`([{=,;|>#*")
"""Marks after which a free word may stand: without one it would swallow a word of meaning."""


def validate(loaded: Loaded) -> list[Problem]:
    """All faults of a document, errors before warnings."""
    problems = list(_Check(loaded).run())
    return sorted(problems, key=lambda problem: (problem.severity != "error", problem.line, problem.column))


class _Check:
    def __init__(self, loaded: Loaded) -> None:
        self.loaded = loaded
        self.spec: Spec = loaded.document.spec
        self.types: dict[str, ValueType] = {}
        self.opaque = False  # whether patterns have slots that could swallow words

    def run(self) -> Iterator[Problem]:
        yield from self._unique("vocabularies", [v.name for v in self.spec.vocabularies or ()])
        yield from self._unique("rules", [rule.name for rule in self.spec.rules or ()])
        extra = [p.source_as for p in self.spec.parameters or () if p.source_as]
        yield from self._unique("parameters", [p.name for p in self.spec.parameters or ()] + extra)
        for number, parameter in enumerate(self.spec.parameters or ()):
            yield from self._parameter(("spec", "parameters", number), parameter)
        yield from self._returns()
        yield from self._rules()
        yield from self._match()
        for number, example in enumerate(self.spec.examples or ()):
            yield from self._example(("spec", "examples", number), example)

    def _unique(self, field: str, names: Sequence[str]) -> Iterator[Problem]:
        for number, name in enumerate(names):
            if name in names[:number]:
                place: Path_ = ("spec", field, number, "name")
                yield self.loaded.problem(place, f"the name {name!r} is used twice", "give each its own name")

    def _parameter(self, path: Path_, parameter: Parameter) -> Iterator[Problem]:
        try:
            kind = type_of_parameter(parameter, self.spec)
        except ValueProblem as error:
            yield self.loaded.problem((*path, "type"), str(error), "see the value types page")
            return
        self.types[parameter.name] = kind
        if parameter.source_as:
            self.types[parameter.source_as] = value_type("text")
        for field in ("minimum", "maximum"):
            bound = getattr(parameter, field)
            if bound is not None:
                try:
                    kind.check(bound)
                    kind.within(bound, bound, bound)
                except ValueProblem as error:
                    yield self.loaded.problem((*path, field), str(error), f"write a canonical text of type {kind.name}")
        yield from self._canonical((*path, "oneOf"), kind, parameter.one_of or ())

    def _canonical(self, path: Path_, kind: ValueType, values: Sequence[str]) -> Iterator[Problem]:
        for number, value in enumerate(values):
            try:
                kind.check(value)
            except ValueProblem as error:
                yield self.loaded.problem((*path, number), str(error), f"write a canonical text of type {kind.name}")

    def _returns(self) -> Iterator[Problem]:
        path: Path_ = ("spec", "returns")
        try:
            kind = type_of_returns(self.spec.returns, self.spec)
            for bound in (self.spec.returns.minimum, self.spec.returns.maximum):
                if bound is not None:
                    kind.check(bound)
                    kind.within(bound, bound, bound)
        except ValueProblem as error:
            yield self.loaded.problem(path, str(error), "see the value types page")
            return
        yield from self._canonical((*path, "oneOf"), kind, self.spec.returns.one_of or ())
        for number, example in enumerate(self.spec.examples or ()):
            yield from self._canonical(("spec", "examples", number, "answer"), kind, [example.answer])

    def _rules(self) -> Iterator[Problem]:
        texts = {rule.name: rule.text for rule in self.spec.rules or ()}
        shared = shared_rules()
        for number, rule in enumerate(self.spec.rules or ()):
            path: Path_ = ("spec", "rules", number, "text")
            try:
                parse(rule.text, texts)
            except PatternError as error:
                yield self.loaded.problem(path, str(error), error.remedy, offset=error.position)
            if rule.name in shared and " ".join(rule.text.split()) != shared[rule.name]:
                yield self.loaded.problem(
                    path,
                    f"<{rule.name}> differs from the shared rule of that name",
                    "run `seglam procedures reframe`, or choose another name",
                    severity="warning",
                )

    def _match(self) -> Iterator[Problem]:
        match = self.spec.match
        if not match.patterns and not match.structured:
            yield self.loaded.problem(("spec", "match"), "nothing can match", "add patterns or a structured form")
        rules = {rule.name: rule.text for rule in self.spec.rules or ()}
        needed = {p.name for p in self.spec.parameters or () if p.in_patterns}
        slotted = slot_types(self.spec.parameters or (), self.types)
        if needed - slotted.keys():
            return  # a parameter is faulty, which is said already; its patterns cannot be judged
        self.opaque = any(kind.name in OPAQUE for kind in slotted.values())
        patterns = patterns_of(rules, slotted, anew=True)
        for number, pattern in enumerate(match.patterns or ()):
            yield from self._pattern(("spec", "match", "patterns", number, "text"), pattern.text, patterns, needed)
        for number, text in enumerate(match.refuse or ()):
            try:
                patterns.read(text)
            except PatternError as error:
                yield self.loaded.problem(
                    ("spec", "match", "refuse", number), str(error), error.remedy, offset=error.position
                )
        yield from self._structured(needed)

    def _pattern(self, path: Path_, text: str, patterns: Patterns, needed: set[str]) -> Iterator[Problem]:
        try:
            tree, start = patterns.read(text)
        except PatternError as error:
            yield self.loaded.problem(path, str(error), error.remedy, offset=error.position)
            return
        for name in sorted(needed - set(slots_of(tree))):
            yield self.loaded.problem(
                path,
                f"the pattern gives no value for {{{name}}}",
                "add the slot, or take the value from an input or the context",
            )
        for name, message, remedy in swallowing(start) if self.opaque else ():
            where = text.find(f"{{{name}}}")
            yield self.loaded.problem(path, message, remedy, offset=max(where, 0))

    def _structured(self, needed: set[str]) -> Iterator[Problem]:
        structured = self.spec.match.structured
        if not structured:
            return
        path: Path_ = ("spec", "match", "structured", "fields")
        for number, field in enumerate(structured.fields):
            if not field.pointer.startswith("/"):
                yield self.loaded.problem((*path, number, "pointer"), "this is no JSON pointer", "begin it with '/'")
            if (field.equals is None) == (field.parameter is None):
                yield self.loaded.problem(
                    (*path, number),
                    "a member is a discriminator or a parameter",
                    "give one of equals and parameter",
                )
            if field.parameter is not None and field.parameter not in needed:
                yield self.loaded.problem(
                    (*path, number, "parameter"), f"there is no parameter {field.parameter!r}", "declare it"
                )
        for name in sorted(needed - {field.parameter for field in structured.fields}):
            yield self.loaded.problem(path, f"no member gives a value for {name!r}", "add one")
        if all(field.equals is None for field in structured.fields):
            yield self.loaded.problem(path, "no member tells this type from another", "add a discriminator with equals")

    def _example(self, path: Path_, example: Example) -> Iterator[Problem]:
        if (example.request is None) == (example.value is None):
            yield self.loaded.problem(path, "an example has a request or a value", "give exactly one")
        given = {argument.name: argument.value for argument in example.arguments}
        for number, argument in enumerate(example.arguments):
            place: Path_ = (*path, "arguments", number)
            kind = self.types.get(argument.name)
            if kind is None:
                known = ", ".join(sorted(self.types)) or "none"
                yield self.loaded.problem(
                    (*place, "name"), f"there is no parameter {argument.name!r}", f"declared are: {known}"
                )
                continue
            try:
                kind.check(argument.value)
            except ValueProblem as error:
                yield self.loaded.problem((*place, "value"), str(error), f"write a canonical text of type {kind.name}")
        for name in sorted(set(self.types) - set(given)):
            yield self.loaded.problem((*path, "arguments"), f"there is no value for {name!r}", "add it")


def swallowing(start: State) -> Iterator[tuple[str, str, str]]:
    """Slots that could swallow words of meaning: parameter, what is wrong, remedy.

    Opaque text must stand between literals; a free word must be quoted or introduced by a mark.
    """
    states = list(states_of(start))
    risky = {id(state) for state in states if any(kind.name in OPAQUE for kind, _, _ in state.slots)}
    if not risky:
        return
    before: defaultdict[int, set[str | None]] = defaultdict(set)  # of each such state: what may stand before it
    before[id(start)].add(None)
    for state in states:
        for token, after in state.literals.items():
            if id(after) in risky:
                before[id(after)].add(token)
        for kind, _, after in state.slots:
            before[id(after)].add(":" if kind.name in FREE_WORDS else "")
    said: set[str] = set()
    for state in reversed(states):
        for kind, name, after in state.slots if id(state) in risky else ():
            if name in said:
                continue
            if kind.name == "text" and (after.accepts or after.slots or not all(before[id(state)])):
                said.add(name)
                yield (
                    name,
                    f"{{{name}}} is opaque text that nothing ends",
                    "put literal words or quotes on both sides, or attach it as an input",
                )
            elif kind.name in FREE_WORDS and not before[id(state)] <= INTRODUCING:
                said.add(name)
                yield (
                    name,
                    f"{{{name}}} could be any word here",
                    "quote it, put a colon before it, or use a vocabulary",
                )
