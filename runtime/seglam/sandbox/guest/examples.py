"""Finds comparisons with the values of examples: code that knows the examples instead of the rule.

A lookup table keyed by them is no finding (capitals are such a table), a comparison is.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from seglam.sandbox.guest.report import Report

_INTEGER = re.compile(r"-?[0-9]+")
_SMALL = 2  # comparisons with -2 to 2 are the ordinary edge cases of a rule


def branches_on_examples(tree: ast.Module, examples: Iterable[object], report: Report) -> None:
    """Report each comparison for equality or membership, and each case, whose literal is a value of an example."""
    known = {text for value in examples for text in _texts(value, nested=False)}
    for node in ast.walk(tree) if known else ():
        match node:
            case ast.Compare():
                literals = _compared(node)
            case ast.match_case(pattern=pattern):
                literals = ((each.value, True) for each in ast.walk(pattern) if isinstance(each, ast.MatchValue))
            case _:
                continue
        for literal, bare in literals:
            for text in _literal_texts(literal, bare):
                if text in known:
                    report.add("branch-on-example", f"compares with {text!r}, a value of an example", literal)


def _compared(node: ast.Compare) -> Iterator[tuple[ast.expr, bool]]:
    """The literals of a comparison, each with whether it is compared with a plain name (and not, say, with a
    length)."""
    operands = [node.left, *node.comparators]
    for left, operator, right in zip(operands, node.ops, operands[1:], strict=False):
        if isinstance(operator, ast.Lt | ast.LtE | ast.Gt | ast.GtE):
            continue
        for literal, other in ((left, right), (right, left)):
            bare = isinstance(other, ast.Name | ast.Subscript | ast.Attribute | ast.Tuple)
            parts = literal.elts if isinstance(literal, ast.Tuple | ast.List | ast.Set) else [literal]
            yield from ((part, bare) for part in parts)


def _literal_texts(node: ast.expr, bare: bool) -> Iterator[str]:
    """The canonical text of a literal; numbers only where they are compared with a plain name."""
    match node:
        case ast.Constant(value=str(text)):
            yield text.casefold()
        case ast.Constant(value=int() | float() as number) if bare and not isinstance(number, bool):
            yield str(number)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)) if bare:
            yield str(-number)
        case ast.Call(func=ast.Name(id="Decimal" | "Fraction"), args=[ast.Constant(value=value)]) if bare:
            yield str(value)


def _texts(value: object, *, nested: bool) -> Iterator[str]:
    """The texts by which a value of an example is recognised: not those that any code may compare with."""
    if isinstance(value, str):
        if _INTEGER.fullmatch(value):
            yield from _texts(int(value), nested=nested)
        elif len(value) > 1:
            yield value.casefold()
    elif isinstance(value, int) and not isinstance(value, bool):
        if not nested and abs(value) > _SMALL:
            yield str(value)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, nested=True)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, nested=nested or isinstance(item, list | dict) or not key.startswith("$"))
