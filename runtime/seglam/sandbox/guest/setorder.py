"""Finds answers that could depend on the order of a set, which differs between builds of the engine.

What is known to be a set: displays, comprehensions, `set(...)`, `frozenset(...)`, operators and methods on them, and
names that a scope assigns only such values. Consumers that do not see the order (`sorted`, `len`, `sum`, ...) are fine.
"""

from __future__ import annotations

import ast

from seglam.sandbox.guest.report import Report

_BLIND = frozenset(
    ("sorted", "len", "sum", "min", "max", "any", "all", "set", "frozenset", "Counter", "bool", "isinstance")
)
_SEEING = frozenset(
    ("list", "tuple", "enumerate", "iter", "next", "zip", "map", "filter", "reversed", "str", "repr", "dict", "reduce")
)
_SET_METHODS = frozenset(("union", "intersection", "difference", "symmetric_difference", "copy"))
_SET_OPERATORS = (ast.BitOr, ast.BitAnd, ast.Sub, ast.BitXor)
_MESSAGE = "the order of a set differs between builds of the engine; use sorted(...)"

_Scope = ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class SetOrder(ast.NodeVisitor):
    """Visits a module and reports."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._sets: list[frozenset[str]] = []
        self._blind: set[int] = set()  # generators whose consumer does not see the order

    def _visit_scope(self, node: _Scope) -> None:
        self._sets.append(frozenset())
        while (names := _set_names(node, self)) > self._sets[-1]:  # a name may be a set because another one is
            self._sets[-1] = names
        self.generic_visit(node)
        self._sets.pop()

    visit_Module = visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = _visit_scope

    def is_set(self, node: ast.expr | None) -> bool:
        """Whether the expression surely is a set."""
        match node:
            case ast.Set() | ast.SetComp() | ast.Call(func=ast.Name(id="set" | "frozenset")):
                return True
            case ast.Name(id=name):
                return any(name in names for names in self._sets)
            case ast.BinOp(left=left, op=operator, right=right) if isinstance(operator, _SET_OPERATORS):
                return self.is_set(left) or self.is_set(right)
            case ast.IfExp(body=body, orelse=orelse):
                return self.is_set(body) or self.is_set(orelse)
            case ast.Call(func=ast.Attribute(attr=method, value=value)) if method in _SET_METHODS:
                return self.is_set(value)
        return False

    def _object(self, node: ast.AST) -> None:
        self._report.add("set-order", _MESSAGE, node)

    def visit_For(self, node: ast.For) -> None:
        if self.is_set(node.iter):
            self._object(node)
        self.generic_visit(node)

    def _visit_comprehension(self, node: ast.ListComp | ast.GeneratorExp | ast.DictComp) -> None:
        if id(node) not in self._blind and any(self.is_set(each.iter) for each in node.generators):
            self._object(node)
        self.generic_visit(node)

    visit_ListComp = visit_GeneratorExp = visit_DictComp = _visit_comprehension

    def visit_Starred(self, node: ast.Starred) -> None:
        if self.is_set(node.value):
            self._object(node)
        self.generic_visit(node)

    def visit_FormattedValue(self, node: ast.FormattedValue) -> None:
        if self.is_set(node.value):
            self._object(node)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        match node.func:
            case ast.Name(id="min" | "max" as name) if any(each.arg == "key" for each in node.keywords):
                if any(self.is_set(each) for each in node.args):
                    self._report.add(
                        "set-order", f"{name} by a key takes the first of equals; sort the set first", node
                    )
            case ast.Name(id=name) if name in _BLIND:
                self._blind |= {id(each) for each in node.args if isinstance(each, ast.GeneratorExp | ast.ListComp)}
            case ast.Name(id=name) if name in _SEEING and any(self.is_set(each) for each in node.args):
                self._object(node)
            case ast.Attribute(attr="pop", value=value) if not node.args and self.is_set(value):
                self._object(node)
            case ast.Attribute(attr="join" | "extend" | "fromkeys") if any(self.is_set(each) for each in node.args):
                self._object(node)
        self.generic_visit(node)


def _set_names(scope: _Scope, visitor: SetOrder) -> frozenset[str]:
    """The names to which a scope assigns only sets."""
    sets: set[str] = set()
    others: set[str] = set()
    waiting: list[ast.AST] = list(ast.iter_child_nodes(scope))
    while waiting:
        node = waiting.pop()
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=value)
            ):
                (sets if visitor.is_set(value) else others).add(name)
            case ast.NamedExpr(target=ast.Name(id=name), value=value):
                (sets if visitor.is_set(value) else others).add(name)
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)
    return frozenset(sets - others)
