"""Faults in code: one change of the syntax tree of a correct procedure at a time, each of a named class."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

from seglam.procedures.document import Spec

CLASSES = (
    "operator", "boundary", "rounding", "unit", "order", "off by one", "wrong default", "ignored argument",
    "memorised", "swallowed exception",
)  # fmt: skip

_OPERATORS: dict[type, type] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.Mod: ast.FloorDiv, ast.And: ast.Or,
    ast.Or: ast.And,
}  # fmt: skip
_BOUNDARIES: dict[type, type] = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
_ROUNDINGS = {
    "ROUND_HALF_UP": "ROUND_HALF_EVEN", "ROUND_HALF_EVEN": "ROUND_DOWN", "ROUND_DOWN": "ROUND_UP",
    "ROUND_FLOOR": "ROUND_CEILING",
}  # fmt: skip
_UNITS = {60: 100, 3600: 360, 24: 12, 86400: 8640, 7: 5, 12: 10, 100: 1000, 1000: 100, 10: 100, 365: 366, 90: 45, 4: 3}


@dataclass(frozen=True, slots=True)
class Mutant:
    """Code with one fault. `what` says where and what, in the words of the code."""

    fault: str
    what: str
    code: str


def mutants(spec: Spec, source: Random, most: int) -> list[Mutant]:
    """At most so many mutants, classes taking turns, so that frequent operators do not crowd the others out."""
    tree = ast.parse(spec.code)
    makers: dict[str, list[Callable[[], Mutant]]] = {name: [] for name in CLASSES}
    for number, node in enumerate(ast.walk(tree)):
        for fault, change in _CHANGES:
            if isinstance(node, ast.expr | ast.stmt) and change(copy.deepcopy(node)) is not None:
                makers[fault].append(partial(_changed, tree, number, fault, change))
    for whole in _of_solve(spec):
        makers[whole.fault].append(partial(lambda mutant: mutant, whole))
    for found in makers.values():
        source.shuffle(found)
    seen, chosen = {ast.unparse(tree)}, list[Mutant]()
    while len(chosen) < most and any(makers.values()):
        for found in makers.values():
            if found and len(chosen) < most:
                mutant = found.pop()()
                if mutant.code not in seen:
                    seen.add(mutant.code)
                    chosen.append(mutant)
    return chosen


Change = Callable[[Any], ast.AST | None]


def _changed(tree: ast.AST, number: int, fault: str, change: Change) -> Mutant:
    """The tree's code with the change at one of its nodes."""
    again = copy.deepcopy(tree)
    target = next(each for at, each in enumerate(ast.walk(again)) if at == number)
    before = ast.unparse(target)
    changed = change(copy.deepcopy(target))
    assert changed is not None
    again = ast.fix_missing_locations(_Replaced(target, changed).visit(again))
    what = f"line {getattr(target, 'lineno', 0)}: {_short(before)} became {_short(ast.unparse(changed))}"
    return Mutant(fault, what, ast.unparse(again))


class _Replaced(ast.NodeTransformer):
    def __init__(self, target: ast.AST, new: ast.AST) -> None:
        self.target, self.new = target, new

    def visit(self, node: ast.AST) -> Any:
        return self.new if node is self.target else self.generic_visit(node)


def _short(text: str) -> str:
    line = text.split("\n")[0]
    return line if len(line) < 60 else line[:57] + "..."


def _operator(node: Any) -> ast.AST | None:
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS and not _is_text(node):
        return ast.BinOp(node.left, _OPERATORS[type(node.op)](), node.right)
    if isinstance(node, ast.BoolOp):
        return ast.BoolOp(_OPERATORS[type(node.op)](), node.values)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        return node.operand
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], ast.Eq | ast.NotEq):
        return ast.Compare(node.left, [ast.NotEq() if isinstance(node.ops[0], ast.Eq) else ast.Eq()], node.comparators)
    return None


def _is_text(node: ast.BinOp) -> bool:
    parts = (node.left, node.right)
    return any(isinstance(part, ast.JoinedStr) or isinstance(getattr(part, "value", None), str) for part in parts)


def _boundary(node: Any) -> ast.AST | None:
    if isinstance(node, ast.Compare):
        for at, operator in enumerate(node.ops):
            if type(operator) in _BOUNDARIES:
                node.ops[at] = _BOUNDARIES[type(operator)]()
                return copy.deepcopy(node)
    return None


def _rounding(node: Any) -> ast.AST | None:
    if isinstance(node, ast.Name | ast.Attribute):
        name = node.id if isinstance(node, ast.Name) else node.attr
        if name in _ROUNDINGS and isinstance(node.ctx, ast.Load):
            return ast.Constant(_ROUNDINGS[name])  # the decimal module's names are their own values
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.FloorDiv):
        return ast.UnaryOp(ast.USub(), ast.BinOp(ast.UnaryOp(ast.USub(), node.left), ast.FloorDiv(), node.right))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "round":
        return ast.Call(ast.Name("int", ast.Load()), node.args[:1], [])
    return None


def _unit(node: Any) -> ast.AST | None:
    if isinstance(node, ast.Constant) and type(node.value) is int and node.value in _UNITS:
        return ast.Constant(_UNITS[node.value])
    return None


def _order(node: Any) -> ast.AST | None:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        if node.func.id == "sorted":
            for keyword in node.keywords:
                if keyword.arg == "reverse":
                    keyword.value = ast.UnaryOp(ast.Not(), keyword.value)
                    return copy.deepcopy(node)
            return ast.Call(node.func, node.args, [*node.keywords, ast.keyword("reverse", ast.Constant(True))])
        if node.func.id == "reversed":
            return node.args[0]
    if isinstance(node, ast.Call) and len(node.args) == 2 and not node.keywords:
        return ast.Call(node.func, node.args[::-1], [])
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub | ast.Div | ast.FloorDiv | ast.Mod):
        return None if _is_text(node) else ast.BinOp(node.right, node.op, node.left)
    return None


def _off_by_one(node: Any) -> ast.AST | None:
    if isinstance(node, ast.Constant) and type(node.value) is int and 0 <= node.value < 100_000:
        return ast.Constant(node.value + 1)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range" and node.args:
        at = 0 if len(node.args) == 1 else 1
        node.args[at] = ast.BinOp(node.args[at], ast.Sub(), ast.Constant(1))
        return copy.deepcopy(node)
    return None


def _default(node: Any) -> ast.AST | None:
    call = node.value if isinstance(node, ast.Expr) else None
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "refuse":
        return ast.Pass()
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
        if len(node.args) == 2:
            return None
        return ast.Call(node.func, [*node.args, ast.Constant(0)], [])
    if isinstance(node, ast.If) and not node.orelse and not _refuses(node):
        return ast.Pass()
    return None


def _refuses(node: ast.If) -> bool:
    return any(isinstance(each, ast.Name) and each.id == "refuse" for each in ast.walk(node))


_CHANGES: tuple[tuple[str, Change], ...] = (
    ("operator", _operator),
    ("boundary", _boundary),
    ("rounding", _rounding),
    ("unit", _unit),
    ("order", _order),
    ("off by one", _off_by_one),
    ("wrong default", _default),
)


def _of_solve(spec: Spec) -> Iterator[Mutant]:
    """Changes of the whole function."""
    tree = ast.parse(spec.code)
    solve = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "solve")
    names = [argument.arg for argument in solve.args.args]
    types = {parameter.name: parameter.type for parameter in spec.parameters or ()}

    inner = copy.deepcopy(tree)
    for node in inner.body:
        if isinstance(node, ast.FunctionDef) and node.name == "solve":
            node.name = "_whole"
    whole = ast.unparse(inner)

    def variant(fault: str, what: str, body: str) -> Mutant:
        return Mutant(fault, what, ast.unparse(ast.parse(f"{whole}\n\ndef solve({', '.join(names)}):\n{body}")))

    passed = ", ".join(names)
    example = next(iter(spec.examples or ()), None)
    for name in names:
        others = [each for each in names if each != name and types.get(each) == types.get(name)]
        if others:
            yield variant(
                "ignored argument",
                f"{name} is taken from {others[0]}",
                f"    {name} = {others[0]}\n    return _whole({passed})\n",
            )
        else:
            fixed = f"    {name} = {_constant(spec, name)}\n"
            yield variant("ignored argument", f"{name} is fixed", f"{fixed}    return _whole({passed})\n")
    for name in names:
        if types.get(name) in ("integer", "decimal"):
            yield variant(
                "ignored argument",
                f"the sign of {name} is lost",
                f"    {name} = abs({name})\n    return _whole({passed})\n",
            )
    if example is not None:
        answer = example.answer
        typed = answer if spec.returns.type == "integer" and answer.lstrip("-").isdigit() else repr(answer)
        yield variant("memorised", "the first example's answer, always", f"    return {typed}\n")
        table = {each.answer: {a.name: a.value for a in each.arguments} for each in spec.examples or ()}
        # With one argument, an example's answer is right wherever that argument is the example's.
        for number, (text, arguments) in enumerate(list(table.items())[:2] if len(names) > 1 else ()):
            key = next((n for n in names if n in arguments), names[0])
            result = text if spec.returns.type == "integer" and text.lstrip("-").isdigit() else repr(text)
            known = f"    if str({key}) == {arguments.get(key, '')!r}:\n        return {result}\n"
            yield variant("memorised", f"example {number} from {key} alone", f"{known}    return _whole({passed})\n")
        empty = "0" if spec.returns.type == "integer" else repr(answer)
        yield variant(
            "swallowed exception",
            "any exception becomes an answer",
            f"    try:\n        return _whole({passed})\n    except Exception:\n        return {empty}\n",
        )
        yield variant(
            "swallowed exception",
            "any refusal becomes an answer",
            f"    try:\n        return _whole({passed})\n    except BaseException:\n        return {empty}\n",
        )


def _constant(spec: Spec, name: str) -> str:
    """Python text that stands for the first example's value of an argument; its plain text where there is no better."""
    example = next(iter(spec.examples or ()), None)
    value = next((a.value for a in example.arguments if a.name == name), "") if example else ""
    kind = next((parameter.type for parameter in spec.parameters or () if parameter.name == name), "text")
    if kind in ("integer", "year", "ordinal") and value.lstrip("-").isdigit():
        return value
    if kind == "date":
        return f"type({name}).fromisoformat({value!r})"
    if kind in ("vocabulary", "text", "word", "quoted", "character", "weekday", "month", "column", "variable"):
        return repr(value)
    if kind.startswith("list[") or kind in ("records", "matrix"):
        return f"{name}[:1]"
    return f"type({name})({value!r})" if kind in ("decimal", "fraction") else f"{name} or {value!r}"
