"""Static findings, each with code that has it and code beside it that has not."""

from __future__ import annotations

import pytest

from seglam.sandbox import FaultKind, FunctionInfo, Sandbox

SOLVE = "def solve(x):\n    return x\n"

FINDINGS = [
    ("missing-solve", "def answer(x): return x"),
    ("missing-solve", "solve = 5"),
    ("missing-solve", ""),
    ("duplicate-solve", SOLVE + SOLVE),
    ("duplicate-solve", SOLVE + "solve = 5"),
    ("duplicate-solve", "if True:\n    def solve(x): return 1\nelse:\n    def solve(x): return 2"),
    ("solve-signature", "def solve(*x): return x"),
    ("solve-signature", "def solve(**x): return x"),
    ("solve-signature", "def solve(x, /): return x"),
    ("solve-signature", "async def solve(x): return x"),
    ("solve-signature", "def solve(x): yield x"),
    ("forbidden-import", "import random\n" + SOLVE),
    ("forbidden-import", "def solve(x):\n    from os import path\n    return x"),
    ("forbidden-import", "import sys as s\n" + SOLVE),
    ("forbidden-name", "def solve(x): return eval(x)"),
    ("forbidden-name", "def solve(x): return hash(x)"),
    ("forbidden-name", "def solve(x): return sorted(x, key=id)"),
    ("forbidden-name", "def f(id): return id\ndef solve(x): return id(x)"),
    ("forbidden-name", "def solve(x): return (lambda hash: 1)(1) + hash(x)"),
    ("forbidden-name", "def solve(x): return __import__('os')"),
    ("forbidden-attribute", "def solve(x): return x.__class__"),
    ("forbidden-attribute", "def solve(x): return getattr(x, '__class__')"),
    ("forbidden-attribute", "def solve(x): return getattr(x, x)"),
    ("forbidden-attribute", "def solve(x): return '{0.__class__}'.format(x)"),
    ("patched-module", "import math\ndef solve(x):\n    math.pi = 3\n    return x"),
    ("patched-module", "from fractions import Fraction\nFraction.x = 1\n" + SOLVE),
    ("patched-module", "import math\ndel math.pi\n" + SOLVE),
    ("patched-module", "import math\nsetattr(math, 'pi', 3)\n" + SOLVE),
    ("patched-module", "Money.x = 1\n" + SOLVE),
    ("clock", "import datetime\ndef solve(x): return datetime.datetime.now()"),
    ("clock", "from datetime import date as d\ndef solve(x): return d.today()"),
    ("swallowed-exception", "def solve(x):\n    try: return int(x)\n    except: return 0"),
    ("swallowed-exception", "def solve(x):\n    try: return int(x)\n    except Exception: return 0"),
    ("swallowed-exception", "def solve(x):\n    try: return int(x)\n    except (ValueError, BaseException): pass"),
    ("swallowed-exception", "def solve(x):\n    try: return int(x)\n    except Exception as e:\n        if x: raise"),
    ("swallowed-exception", "def solve(x):\n    try: return int(x)\n    finally: return 0"),
    ("swallowed-exception", "import contextlib\ndef solve(x):\n    with contextlib.suppress(Exception): return int(x)"),
    ("global-state", "N = 0\ndef solve(x):\n    global N\n    N += 1\n    return N"),
    ("set-order", "def solve(x): return list(set(x))"),
    ("set-order", "def solve(x):\n    for c in {*x}: return c"),
    ("set-order", "def solve(x):\n    seen = set(x)\n    return [c for c in seen]"),
    ("set-order", "def solve(x):\n    a = set(x)\n    b = a - {1}\n    return ''.join(b)"),
    ("set-order", "def solve(x): return {c: 1 for c in frozenset(x)}"),
    ("set-order", "def solve(x): return set(x).union('a').pop()"),
    ("set-order", "def solve(x): return max(set(x), key=x.count)"),
    ("set-order", "def solve(x): return [*set(x)]"),
    ("set-order", "def solve(x): return f'{set(x)}'"),
    ("set-order", "KNOWN = {'a', 'b'}\ndef solve(x): return next(iter(KNOWN))"),
    ("set-order", "def solve(x):\n    if (s := set(x)): return tuple(s)"),
    ("set-order", "def solve(x):\n    s: set[str] = set(x) if x else {1}\n    return list(map(str, s))"),
    ("branch-on-example", "def solve(x): return 1 if x == 'France' else 2"),
    ("branch-on-example", "def solve(x): return x.lower() == 'france'"),
    ("branch-on-example", "def solve(x): return x in ('Spain', 'France')"),
    ("branch-on-example", "def solve(x):\n    match x:\n        case 'France' | 'Spain': return 1"),
    ("branch-on-example", "def solve(x): return x == 42"),
    ("branch-on-example", "def solve(x): return -7 == x"),
    ("branch-on-example", "def solve(x): return x == Decimal('1.50')"),
    ("branch-on-example", "def solve(x): return 'Marie Curie' in x"),
]

CLEAN = [
    SOLVE,
    "def helper(): pass\ndef solve(x, *, y=1): return x",
    "import functools\n@functools.cache\ndef solve(x): return x",
    "def solve(x):\n    def inner():\n        yield x\n    return list(inner())",
    "class A:\n    def solve(self): pass\n    def __init__(self): self.x = 1\ndef solve(x): return A().x",
    "def solve(time, id, hash): return time + id + hash",
    "def solve(x):\n    vars = 1\n    return vars",
    "def solve(x):\n    try: return 1\n    except ValueError as open: return str(open)",
    "def solve(x):\n    match x:\n        case [id, *vars]: return id, vars",
    "def solve(x): return [id for id in x]",
    "def solve(x): return type(x).__name__ + getattr(x, 'name', '')",
    "class A(Exception):\n    def __init__(self): super().__init__()\ndef solve(x): return x",
    "def solve(x):\n    try: return int(x)\n    except ValueError: return 0",
    "def solve(x):\n    try: return int(x)\n    except Exception: refuse('no number')",
    "def solve(x):\n    try: return int(x)\n    except Exception as e: raise ValueError from e",
    "def solve(x):\n    try: return 1\n    except Exception:\n        if x: raise\n        else: return refuse('no')",
    "def solve(x): return sorted(set(x)), len(set(x)), 'a' in set(x), sum(n for n in set(x)), min({*x})",
    "def solve(x): return {c for c in set(x)}",
    "def solve(x):\n    s = set(x)\n    s = sorted(s)\n    return [c for c in s]",
    "def solve(x): return {'France': 'Paris', 'Spain': 'Madrid'}[x]",
    "def solve(x): return len(x) == 42 or x % 42 == 42 or x < 42 or x == 2 or x == 1",
    "def solve(x): return x == 'Portugal'",
    "def solve(x): return x.now() + x.today()",
]

EXAMPLES: list[object] = ["France", "42", -7, {"$decimal": "1.50"}, ["Marie Curie", "2"], 1, 2, True, None, "x"]


@pytest.mark.parametrize(("rule", "code"), FINDINGS)
def test_a_finding_is_reported_with_its_line(shared_sandbox: Sandbox, rule: str, code: str) -> None:
    inspection = shared_sandbox.inspect(code, EXAMPLES)
    assert inspection.ok, inspection.error
    assert {finding.rule for finding in inspection.findings} >= {rule}
    lines = max(1, len(code.splitlines()))
    assert all(1 <= finding.line <= lines and finding.message for finding in inspection.findings)


@pytest.mark.parametrize("code", CLEAN)
def test_ordinary_code_has_no_findings(shared_sandbox: Sandbox, code: str) -> None:
    inspection = shared_sandbox.inspect(code, EXAMPLES)
    assert (inspection.error, inspection.findings) == (None, ())


def test_without_examples_no_comparison_is_a_finding(shared_sandbox: Sandbox) -> None:
    assert shared_sandbox.inspect("def solve(x): return x == 'France'").findings == ()


def test_imports_and_functions(shared_sandbox: Sandbox) -> None:
    code = (
        "import math, numpy.linalg\nfrom collections import abc, Counter\nfrom urllib import parse\nfrom . import a\n"
    )
    code += "def help(a, /, b, *, c): return a\ndef solve(x):\n    import json\n    return x\n"
    inspection = shared_sandbox.inspect(code)
    assert inspection.imports == (".", "collections", "collections.abc", "json", "math", "numpy.linalg", "urllib.parse")
    assert inspection.unavailable_imports == (".", "numpy.linalg")
    assert inspection.functions == (FunctionInfo("help", ("a", "b"), ("c",), 5), FunctionInfo("solve", ("x",), (), 6))


@pytest.mark.parametrize(
    ("code", "line", "words"),
    [
        ("def solve(x):\n    return (x", 2, "never closed"),
        ("return 5", 1, "outside function"),
        ("x = '\0'", None, "null"),
        ("x = '\ud800'", None, "surrogates"),
        ("x = " + "(" * 20_000 + ")" * 20_000, None, ""),
        ("x = " + "-" * 50_000 + "1", None, ""),
        ("x = " + "+".join(["1"] * 20_000), None, ""),
        ("x = " + "[" * 90 + "]" * 90 + "\n" + "if x:\n" * 0 + "x" + ".a" * 5_000, None, ""),
    ],
)
def test_what_does_not_parse(shared_sandbox: Sandbox, code: str, line: int | None, words: str) -> None:
    error = shared_sandbox.inspect(code).error
    assert error is not None
    assert (error.kind, error.line) == (FaultKind.SYNTAX, line)
    assert words in error.message
    assert shared_sandbox.inspect(SOLVE).ok


def test_the_engines_grammar_counts_not_the_hosts(shared_sandbox: Sandbox) -> None:
    nested = "def solve(x): return f'{x['a']}'\n"  # nested quotes: Python 3.12 and later
    assert shared_sandbox.inspect(nested).ok


def test_nothing_of_inspected_code_runs(sandbox: Sandbox) -> None:
    assert sandbox.inspect("while True: pass\n" + SOLVE).ok
    assert sandbox.inspect("raise SystemExit\n" + SOLVE).ok
    assert sandbox.statistics.instances_made == 1
