"""What code holds, read by the engine's own parser without running it: for gate 1, which judges the findings."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from typing import Any

from seglam.sandbox.guest import modules
from seglam.sandbox.guest.calls import compile_procedure, fault
from seglam.sandbox.guest.examples import branches_on_examples
from seglam.sandbox.guest.report import Report
from seglam.sandbox.guest.rules import Rules
from seglam.sandbox.guest.setorder import SetOrder

_KEPT_OUT = frozenset(("random", "secrets", "uuid", "time", "os", "sys", "builtins", "importlib", "inspect", "gc"))


def inspect(code: str, examples: Iterable[object], importable: Sequence[str]) -> dict[str, Any]:
    """`{fault}` if the code does not compile, else `{imports, unavailable, functions, findings}`.

    `examples` are the examples' arguments and answers, as tagged values or canonical texts.
    """
    compiled = compile_procedure(code)  # finds what the parser alone does not, as a return outside a function
    if isinstance(compiled, dict):
        return compiled
    tree = modules.COMPILE(code, modules.unreadable("procedure"), "exec", ast.PyCF_ONLY_AST, True)
    assert isinstance(tree, ast.Module)
    report = Report()
    imports, unavailable = _imports(tree, frozenset(importable), report)
    functions = _functions(tree)
    _check_solve(tree, report)
    try:
        Rules(report, tree).visit(tree)
        SetOrder(report).visit(tree)
        branches_on_examples(tree, examples, report)
    except RecursionError:
        return fault("syntax", "the code is nested too deeply to be checked")
    return {"imports": imports, "unavailable": unavailable, "functions": functions, "findings": report.sorted()}


def _imports(tree: ast.Module, importable: frozenset[str], report: Report) -> tuple[list[str], list[str]]:
    available = importable | {name.rpartition(".")[0] for name in importable if "." in name}
    found: dict[str, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            names = [f"{base}.{alias.name}" if f"{base}.{alias.name}" in available else base for alias in node.names]
        else:
            continue
        for name in names:
            found[name] = None
            if name.partition(".")[0] in _KEPT_OUT:
                report.add("forbidden-import", f"{name} depends on more than the arguments", node)
    return sorted(found), sorted(name for name in found if name not in available)


def _functions(tree: ast.Module) -> list[dict[str, Any]]:
    return [
        {
            "name": node.name,
            "parameters": [each.arg for each in (*node.args.posonlyargs, *node.args.args)],
            "keyword_only": [each.arg for each in node.args.kwonlyargs],
            "line": node.lineno,
        }
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def _check_solve(tree: ast.Module, report: Report) -> None:
    bound = [node for node in _module_level(tree) if "solve" in _binds(node)]
    if not any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) for node in bound):
        report.add("missing-solve", "the code defines no function solve", tree.body[0] if tree.body else None)
    for node in bound[1:]:
        report.add("duplicate-solve", f"solve is defined again; it was in line {bound[0].lineno}", node)
    for node in bound:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            _check_signature(node, report)


def _check_signature(node: ast.FunctionDef | ast.AsyncFunctionDef, report: Report) -> None:
    if isinstance(node, ast.AsyncFunctionDef):
        report.add("solve-signature", "solve is async; it must answer itself", node)
    if any(isinstance(each, ast.Yield | ast.YieldFrom) for each in _own_nodes(node)):
        report.add("solve-signature", "solve is a generator; it must return its answer", node)
    if node.args.vararg or node.args.kwarg or node.args.posonlyargs:
        report.add(
            "solve-signature", "solve takes its parameters by name: no *args, no **kwargs, no positional-only", node
        )


def _module_level(tree: ast.Module) -> Iterable[ast.stmt]:
    """Statements that run at import: those in if, try, with and loops too, not those in functions and classes."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.stmt):
            yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            waiting += [each for each in ast.iter_child_nodes(node) if not isinstance(each, ast.expr)]


def _own_nodes(function: ast.AST) -> Iterable[ast.AST]:
    """The nodes of a function without those of functions and classes in it."""
    waiting = list(ast.iter_child_nodes(function))
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)


def _binds(node: ast.stmt) -> set[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.Assign(targets=targets):
            return {each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)}
        case ast.AnnAssign(target=ast.Name(id=name)):
            return {name}
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return {alias.asname or alias.name for alias in names}
    return set()
