"""The example procedures: none may share a request with another, nor serve one that means something else.

Whether one of their alternatives makes a near miss of its own is asked too when one is applied; for all of them `seglam
procedures test examples/procedures` takes minutes more than a test may.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from seglam.compiler.gates.checks import near_misses
from seglam.lookup.overlap import overlaps
from seglam.procedures import Revision
from seglam.procedures.load import load_file
from seglam.procedures.request import request_of

EXAMPLES = sorted(Path(__file__).parents[2].joinpath("examples/procedures").glob("*.yaml"))


@cache
def revision_in(path: Path) -> Revision:
    (loaded,) = load_file(path)[0]
    return Revision.of(loaded.document)


@pytest.mark.timeout(1200)  # one test, since each process that takes a part builds all automata
def test_no_two_share_a_request() -> None:
    revisions = [revision_in(path) for path in EXAMPLES]
    found = [
        (revision.name, each.elder.name, each.witness)
        for number, revision in enumerate(revisions)
        for each in overlaps(revision, revisions[:number])
    ]
    assert not found


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("path", EXAMPLES, ids=[path.stem for path in EXAMPLES])
def test_it_serves_no_near_miss(path: Path) -> None:
    """As the gate asks that a document passes when it is applied to a cluster: its patterns alone, nothing settled."""
    revision = revision_in(path)
    found = near_misses(revision, map(request_of, revision.spec.examples or ()))
    if found is not None:  # a structured request has no sentence to change
        assert found.tried
        assert not found.certain.bound
