"""Static rules on names, attributes, exceptions and shared state.

They are for reviewers and for determinism, not for isolation: that is WebAssembly's. A name that the code itself
binds is not the builtin of that name (`time` and `id` are good names of parameters).
"""

from __future__ import annotations

import ast
import re

from seglam.sandbox.guest.report import Report
from seglam.sandbox.guest.values import PREDEFINED

_FORBIDDEN = {
    **dict.fromkeys(("eval", "exec", "compile", "__import__"), "makes code at run time"),
    **dict.fromkeys(("open", "input", "breakpoint"), "does not exist in a procedure"),
    **dict.fromkeys(("globals", "locals", "vars"), "reaches into the interpreter"),
    **dict.fromkeys(("hash", "id"), "differs between two builds of the engine"),
    **dict.fromkeys(("random", "secrets", "uuid", "time", "os", "sys"), "depends on more than the arguments"),
}
_ATTRIBUTE_CALLS = frozenset(("getattr", "setattr", "delattr", "hasattr"))
_HARMLESS_DUNDERS = frozenset(("__init__", "__name__", "__doc__"))
_DUNDER_IN_FORMAT = re.compile(r"\{[^{}]*\.__\w+__")
_CLOCKS = frozenset(("now", "utcnow", "today"))
_BROAD = frozenset(("Exception", "BaseException"))

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class Rules(ast.NodeVisitor):
    """Visits a module and reports."""

    def __init__(self, report: Report, tree: ast.Module) -> None:
        self._report = report
        self._scopes: list[frozenset[str]] = [_bound(tree)]
        self._imported = _imported(tree) | PREDEFINED.keys()

    # --- scopes ---

    def _visit_function(self, node: _Function) -> None:
        self._scopes.append(_bound(node))
        self.generic_visit(node)
        self._scopes.pop()

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = _visit_function

    def visit_Name(self, node: ast.Name) -> None:
        reason = _FORBIDDEN.get(node.id)
        if reason and isinstance(node.ctx, ast.Load) and not any(node.id in scope for scope in self._scopes):
            self._report.add("forbidden-name", f"{node.id} {reason}", node)

    # --- attributes ---

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if _is_dunder(node.attr) and node.attr not in _HARMLESS_DUNDERS:
            self._report.add("forbidden-attribute", f".{node.attr} reaches into the interpreter", node)
        if isinstance(node.ctx, ast.Store | ast.Del) and self._is_imported(node.value):
            self._report.add(
                "patched-module", f"{ast.unparse(node)} is shared with later calls; do not change it", node
            )
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        match node.func:
            case ast.Name(id=name) if name in _ATTRIBUTE_CALLS and len(node.args) > 1:
                self._check_attribute_call(name, node)
            case ast.Attribute(attr=name, value=value) if name in _CLOCKS and self._is_imported(value):
                self._report.add(
                    "clock", f"{ast.unparse(node.func)} needs a clock; take the moment as a parameter", node
                )
            case ast.Attribute(attr="suppress") | ast.Name(id="suppress"):
                if any(_is_broad(each) for each in node.args):
                    self._report.add("swallowed-exception", "suppress hides every exception", node)
        self.generic_visit(node)

    def _check_attribute_call(self, name: str, node: ast.Call) -> None:
        match node.args[1]:
            case ast.Constant(value=str(attribute)):
                if _is_dunder(attribute):
                    self._report.add("forbidden-attribute", f"{name} of {attribute} reaches into the interpreter", node)
            case _:
                self._report.add("forbidden-attribute", f"{name} with a computed name cannot be reviewed", node)
        if name in ("setattr", "delattr") and self._is_imported(node.args[0]):
            self._report.add(
                "patched-module", f"{ast.unparse(node.args[0])} is shared with later calls; do not change it", node
            )

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and _DUNDER_IN_FORMAT.search(node.value):
            self._report.add("forbidden-attribute", "a format text reaches into the interpreter", node)

    def _is_imported(self, node: ast.expr) -> bool:
        while isinstance(node, ast.Attribute):
            node = node.value
        return isinstance(node, ast.Name) and node.id in self._imported

    # --- shared state and exceptions ---

    def visit_Global(self, node: ast.Global) -> None:
        self._report.add(
            "global-state", f"global {', '.join(node.names)}: an answer must not depend on earlier calls", node
        )

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if (node.type is None or _is_broad(node.type)) and not _leaves(node.body):
            self._report.add("swallowed-exception", "this handler hides every exception; let it raise, or refuse", node)
        self.generic_visit(node)

    def visit_Try(self, node: ast.Try) -> None:
        for statement in node.finalbody:
            if any(isinstance(each, ast.Return | ast.Break | ast.Continue) for each in ast.walk(statement)):
                self._report.add("swallowed-exception", "leaving a finally block hides an exception", statement)
        self.generic_visit(node)


def _is_dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _is_broad(node: ast.expr) -> bool:
    if isinstance(node, ast.Tuple):
        return any(_is_broad(each) for each in node.elts)
    return isinstance(node, ast.Name) and node.id in _BROAD


def _leaves(body: list[ast.stmt]) -> bool:
    """Whether a block surely ends with an exception or a refusal."""
    match body[-1]:
        case ast.Raise():
            return True
        case (
            ast.Expr(value=ast.Call(func=ast.Name(id="refuse")))
            | ast.Return(value=ast.Call(func=ast.Name(id="refuse")))
        ):
            return True
        case ast.If(body=body, orelse=orelse):
            return bool(orelse) and _leaves(body) and _leaves(orelse)
    return False


def _imported(tree: ast.Module) -> frozenset[str]:
    aliases = [
        alias for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names
    ]
    return frozenset(alias.asname or alias.name.partition(".")[0] for alias in aliases)


def _bound(scope: ast.Module | _Function) -> frozenset[str]:
    """The names that a scope binds: parameters, assignments, imports, functions, classes, exceptions and captures."""
    found: set[str] = set()
    waiting: list[ast.AST] = list(ast.iter_child_nodes(scope))
    while waiting:
        node = waiting.pop()
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
                found.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                found.add(name)
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)
    return frozenset(found)
