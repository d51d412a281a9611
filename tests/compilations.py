"""Scripted authors and verifiers for tests of compilations, behind a real HTTP endpoint and a real sandbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

from seglam.compiler import Bench, Budget, Compilation, Compiler, Endpoint, Gate, Missed, OpenAIModel
from seglam.compiler.controls import CLAUSES
from seglam.lookup import Hit, Index
from seglam.procedures import ReasoningProcedure, Request, Revision
from tests.openai_server import Reply, Server, completion, pairs_of, prompt_of, serving

SUM = "What is the sum of 3 and 4?"

SUM_PROCEDURE: dict[str, Any] = {
    "name": "sum-of-two",
    "summary": "The sum of two whole numbers.",
    "parameters": [{"name": "a", "type": "integer"}, {"name": "b", "type": "integer"}],
    "returns": {"type": "integer", "description": "Digits only, with a minus sign if negative."},
    "patterns": ["(what is|compute) the sum of {a} and {b}"],
    "refuse": ["what is the difference of {a} and {b}"],
    "code": "def solve(a, b):\n    return a + b\n",
    "examples": [{"request": "compute the sum of 20 and 30", "arguments": {"a": "20", "b": 30}, "answer": "50"}],
    "answer": "7",
}

SUM_IMPLEMENTATION: dict[str, Any] = {
    "readings": [{"reading": "addition", "fixedBy": "sum"}],
    "code": "def solve(a, b):\n    return sum([a, b])\n",
    "properties": "def check(a, b, answer):\n    return answer - a == b\n",
    "cases": [{"arguments": {"a": "1", "b": "1"}, "answer": "2"}],
}


def procedure(base: dict[str, Any] = SUM_PROCEDURE, **changes: Any) -> dict[str, Any]:
    """An author's reply with a procedure, `SUM_PROCEDURE` but for `changes`."""
    return {"decision": "procedure", "procedure": {**deepcopy(base), **changes}}


def implementation(base: dict[str, Any] = SUM_IMPLEMENTATION, **changes: Any) -> dict[str, Any]:
    """A verifier's reply, `SUM_IMPLEMENTATION` but for `changes`."""
    return {**deepcopy(base), **changes}


def all_same(left: str, right: str) -> str:
    """A verifier that agrees with everything, controls left aside."""
    return "same"


NO_ALIAS: dict[str, Any] = {"procedure": None, "patterns": [], "why": "another question"}


@contextmanager
def scripted(
    authors: Sequence[object],
    verifier: object = SUM_IMPLEMENTATION,
    judge: Callable[[str, str], str] = all_same,
    host: str = "127.0.0.1",
    alias: object = NO_ALIAS,
    careful: bool = True,
) -> Iterator[Server]:
    """An endpoint that answers as author (each reply in turn, the last for ever) and as verifier, which tells controls
    apart if it is `careful`.
    """
    left = list(authors)

    def answer(request: dict[str, Any]) -> Reply:
        prompt = prompt_of(request)
        if prompt.startswith("You write *procedures*"):
            return completion(left.pop(0) if len(left) > 1 else left[0])
        if prompt.startswith("You help a reasoning cache"):
            return completion(alias)
        if prompt.startswith("You verify procedures"):
            return completion(verifier)
        assert prompt.startswith("You compare sentences")
        pairs = pairs_of(prompt)
        verdicts = ["different" if careful and right.endswith(CLAUSES) else judge(left, right) for left, right in pairs]
        return completion({"judgements": [{"pair": n, "verdict": v} for n, v in enumerate(verdicts, 1)]})

    with serving(answer, host) as server:
        yield server


def compiler_for(
    server: Server,
    bench: Bench,
    *,
    budget: Budget | None = None,
    skipped: Gate | None = None,
    own_words: bool = True,
) -> Compiler:
    """A compiler that asks the endpoint; `skipped` leaves one gate out."""
    author, verifier = (OpenAIModel(Endpoint("m", server.url), role) for role in ("author", "verifier"))
    compiler = Compiler(author, verifier, bench, budget=budget, own_words=own_words)
    if skipped is not None:
        compiler._skipped = frozenset({skipped})
    return compiler


def index_of(*documents: ReasoningProcedure) -> Index:
    """An index of active revisions."""
    index = Index()
    for each in documents:
        index.add(Revision.of(each))
    return index


def missed(request: Request | str, index: Index) -> Missed:
    """A request that misses."""
    made = Request(text=request) if isinstance(request, str) else request
    found = index.find(made)
    assert not isinstance(found, Hit)
    return Missed(made, found)


def compiled(
    bench: Bench,
    authors: Sequence[object],
    verifier: object = SUM_IMPLEMENTATION,
    judge: Callable[[str, str], str] = all_same,
    *,
    request: Request | str = SUM,
    active: Sequence[ReasoningProcedure] = (),
    skipped: Gate | None = None,
    alias: object = NO_ALIAS,
    own_words: bool = False,
) -> Compilation:
    """One compilation with scripted models."""
    index = index_of(*active)
    with scripted(authors, verifier, judge, alias=alias) as server:
        return compiler_for(server, bench, skipped=skipped, own_words=own_words).compile(missed(request, index), index)
