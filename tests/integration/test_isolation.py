"""A tenant sees nothing of another: whatever B has and does, A's answers, and the work that is done for them, are the
same. Work is counted in calls, memo entries and instances, never in time."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seglam.compiler import Compilation, Missed, ModelCall, Negative, Outcome
from seglam.gateway import Policy, Service, views
from seglam.gateway.preferences import cache_status
from seglam.gateway.store import Decision, ReviewRefused, State, Store
from seglam.lookup import Index
from seglam.procedures import ReasoningProcedure, Request, Revision
from seglam.sandbox import Engine, Mode, Program, Run, Sandbox
from tests.documents import document

A, B = "team-a", "team-b"
NEVER = datetime(2999, 1, 1, tzinfo=UTC)
TEXTS = ("double 4", "double 5", "twice 4", "thrice 4", "who is 4", "double")
PER_TENANT = ("double", "twice")
"""What the tenants' procedures answer differently."""


def written(word: str, tenant: str) -> ReasoningProcedure:
    """What a model would write for a word: equal for both tenants, or overlapping and different."""
    factor = {"double": 2, "twice": 2, "thrice": 3}[word] + (10 if tenant == B and word in PER_TENANT else 0)
    patterns = [f"{word} {{n}}"] + (["twice {n}"] if word == "double" and tenant == B else [])
    return document(word, patterns=patterns, code=f"def solve(n):\n    return str({factor} * n)\n")


class Writer:
    """Compiles what it knows; refuses the rest for good. The same miss always ends the same way."""

    def compile(self, missed: Missed, index: Index, progress: Callable[[str], None]) -> Compilation:
        word = (missed.request.text or "").partition(" ")[0]
        calls = (ModelCall("author", "author", "m", "sha256:0", 100, 10, 5.0),)
        if word not in ("double", "twice", "thrice") or " " not in (missed.request.text or ""):
            never = Negative("", "no code can know", "m", NEVER, ("who is {n}",), ({"name": "n", "type": "integer"},))
            return Compilation("", Outcome.NOT_COMPILABLE, "no code can know", "", calls=calls, negative=never)
        made = written(word, missed.tenant)
        return Compilation(
            "", Outcome.PROPOSED, "passed", "", calls=calls, document=made, digest=Revision.of(made).digest
        )


class Counted:
    """A sandbox that notes what each run took: calls, those on a warm instance, instances discarded and evicted."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.work: list[tuple[str, tuple[int, ...]]] = []

    def run(
        self, program: Program, arguments: Mapping[str, object], *, mode: Mode = Mode.WARM, tenant: str = "default"
    ) -> Run:
        before = self._now()
        run = self._sandbox.run(program, arguments, mode=mode, tenant=tenant)
        after = self._now()
        self.work.append((tenant, tuple(new - old for new, old in zip(after, before, strict=True))))
        return run

    def swiftly(
        self, program: Program, arguments: Mapping[str, object], *, tenant: str = "default", steps: int = 0
    ) -> Run | None:
        return None

    def _now(self) -> tuple[int, ...]:
        found = self._sandbox.statistics
        return (found.calls, found.warm_hits, found.instances_discarded, found.instances_evicted)


Operation = tuple[str, str]


class World:
    """A service, and what a tenant sees of it."""

    def __init__(self, directory: Path, engine: Engine, hotness: int) -> None:
        self.sandbox = Sandbox(engine, budget_mib=9)  # two warm instances
        self.counted = Counted(self.sandbox)
        policy = Policy(pause_s=0, hotness=hotness)
        store = Store(directory / "seglam.sqlite3")
        self.service = Service(store, self.counted, Writer(), policy=policy, release=self.sandbox.close)

    def does(self, tenant: str, operation: Operation) -> object:
        """Do something for a tenant; all of what it learns by that, without ids and times."""
        what, text = operation
        part, service = self.service.tenant(tenant), self.service
        if what == "ask":
            pending = service.begin(Request(text=text), tenant=tenant, requester="ana")
            if pending.flight is not None:
                pending.flight.settled.result(60)
            first, last = pending.answer, service.finish(pending)
            shown = {key: value for key, value in last.as_json().items() if key not in ("id", "timings", "compilation")}
            statuses = [cache_status(each) for each in (first, last)]
            return shown, statuses, last.compilation is not None, len(part.index._memo)
        if what == "explain":
            return self._explained(tenant, text)
        if what in ("approve", "retire", "quarantine"):
            state = State.PROPOSED if what == "approve" else State.ACTIVE
            found: list[object] = []
            for row in part.store.revisions(state, text.partition(" ")[0]):
                try:
                    change = service.decide(row.digest, "eve", Decision(what), "test", tenant)
                    found.append((row.digest, change.added is not None, change.removed))
                except ReviewRefused as refused:
                    found.append((refused.code, str(refused)))
            return found
        return self._read(tenant)

    def _explained(self, tenant: str, text: str) -> object:
        """What a lookup says, and how many functions it called."""
        called = 0

        def note(_: object, event: str, __: object) -> None:
            nonlocal called
            called += event == "call"

        request = Request(text=text)
        before = sys.getprofile()
        sys.setprofile(note)
        try:
            found = self.service.explain(request, tenant)
        finally:
            sys.setprofile(before)
        return type(found).__name__, found.explanation, called

    def _read(self, tenant: str) -> object:
        part = self.service.tenant(tenant)
        savings = self.service.savings(tenant)
        counts = {"counts": savings["counts"], "spent": savings["spent"], "calls": savings["notSpent"]["modelCalls"]}
        names = [(each["name"], each["hits"]) for each in savings["procedures"]]
        waiting = [(each["digest"], each["authors"]) for each in views.review_queue(part)["reviews"]]
        compilations = [(row.outcome, row.explanation, row.digest) for row in part.store.compilations()]
        active = sorted(revision.digest for revision in part.index)
        return counts, names, sorted(waiting), sorted(map(str, compilations)), active, len(part.store.negatives())

    def close(self) -> None:
        self.service.close()


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    loaded = Engine.load()
    with tempfile.TemporaryDirectory() as directory:  # what is made once in a process is made now
        for tenant in (A, B):
            world = World(Path(tempfile.mkdtemp(dir=directory)), loaded, 1)
            for text in TEXTS:
                for what in ("ask", "explain", "approve", "explain", "ask", "explain", "read"):
                    world.does(tenant, (what, text))
            world.close()
    yield loaded


operations = st.tuples(
    st.sampled_from([A, B]),
    st.tuples(
        st.sampled_from(["ask", "ask", "ask", "approve", "approve", "explain", "retire", "quarantine", "read"]),
        st.sampled_from(TEXTS),
    ),
)


def seen(engine: Engine, script: Sequence[tuple[str, Operation]], hotness: int) -> tuple[list[object], list[object]]:
    """What A sees of a script, and the work that the sandbox did for it."""
    with tempfile.TemporaryDirectory() as directory:
        world = World(Path(directory), engine, hotness)
        try:
            found = [(tenant, world.does(tenant, operation)) for tenant, operation in script]
            return [each for tenant, each in found if tenant == A], [
                w for tenant, w in world.counted.work if tenant == A
            ]
        finally:
            world.close()


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script=st.lists(operations, min_size=4, max_size=10), hotness=st.sampled_from([1, 1, 2]))
def test_what_a_tenant_sees_does_not_depend_on_another(
    engine: Engine, script: list[tuple[str, Operation]], hotness: int
) -> None:
    script = [*script, (A, ("read", ""))]
    alone = seen(engine, [each for each in script if each[0] == A], hotness)
    assert seen(engine, script, hotness) == alone


def test_the_same_procedures_the_same_requests_and_no_trace_of_the_other(engine: Engine) -> None:
    mine: list[tuple[str, Operation]] = [
        (A, (what, text)) for text in TEXTS for what in ("ask", "approve", "ask", "explain", "ask", "explain", "read")
    ]
    others = [(B, operation) for _, operation in mine]
    alone = seen(engine, mine, 1)
    assert alone[1], "something ran"
    assert seen(engine, [*others, *mine], 1) == alone, "B was first"
    assert seen(engine, [pair for both in zip(others, mine, strict=True) for pair in both], 1) == alone, "in turns"


def test_the_test_would_see_a_difference(engine: Engine) -> None:
    """Were the two one tenant, A would see it."""
    mine: list[tuple[str, Operation]] = [(A, ("ask", "double 4")), (A, ("read", ""))]
    more: list[tuple[str, Operation]] = [(A, ("ask", "double 4")), (A, ("approve", "double"))]
    assert seen(engine, [*more, *mine], 1)[0][-2:] != seen(engine, mine, 1)[0]
