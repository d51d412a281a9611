"""The example procedures: none may share a request with another, nor serve one that means something else."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from seglam.compiler.gates.checks import near_misses, wide_alternatives
from seglam.lookup.overlap import overlaps
from seglam.procedures import Revision
from seglam.procedures.load import load_file
from seglam.procedures.request import request_of

EXAMPLES = sorted(Path(__file__).parents[2].joinpath("examples/procedures").glob("*.yaml"))


@cache
def revision_in(path: Path) -> Revision:
    (loaded,) = load_file(path)[0]
    return Revision.of(loaded.document)


@pytest.mark.timeout(1200)  # a process builds all examples' automata in its first test
@pytest.mark.parametrize("number", range(len(EXAMPLES)), ids=[path.stem for path in EXAMPLES])
def test_it_shares_no_request_with_another(number: int) -> None:
    found = overlaps(revision_in(EXAMPLES[number]), map(revision_in, EXAMPLES[:number]))
    assert not [(each.elder.name, each.witness) for each in found]


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("path", EXAMPLES, ids=[path.stem for path in EXAMPLES])
def test_it_serves_no_near_miss(path: Path) -> None:
    """As the gate asks that a document passes when it is applied to a cluster: its patterns alone, nothing settled."""
    revision = revision_in(path)
    found = near_misses(revision, map(request_of, revision.spec.examples or ()))
    if found is not None:  # a structured request has no sentence to change
        assert found.tried
        assert not found.certain.bound
        (loaded,) = load_file(path)[0]
        wide = wide_alternatives(loaded.document, list(map(request_of, revision.spec.examples or ())))
        assert not [(each.shown, each.right) for each in wide]
