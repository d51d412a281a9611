"""What a compilation in a cluster must keep, from the gateway that reads it to the Job that is told."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from seglam.cluster import Change, Client, Key, Listing
from seglam.cluster.changes import Type
from seglam.compiler import Bench, Missed, Must
from seglam.compiler.job.__main__ import taught
from seglam.compiler.jobresult import Work
from seglam.gateway.cluster.catalog import Catalog
from seglam.gateway.cluster.counterexamples import Counterexamples
from seglam.gateway.cluster.decoding import announced
from seglam.gateway.wire import dumps
from seglam.lookup import Miss, MissReason
from seglam.procedures import Request, Revision
from seglam.resources import ProcedureCounterexample
from tests.documents import revision
from tests.gateways import revision_object

pytestmark = pytest.mark.anyio

TENANT = "team"
OLD = revision(
    examples=[
        {"request": "double 4", "arguments": [{"name": "n", "value": "4"}], "answer": "8"},
        {"request": "double 5", "arguments": [{"name": "n", "value": "5"}], "answer": "10"},
    ]
)
OTHER = revision("triple", patterns=["triple {n}"])
VERIFIER = "def solve(n):\n    return n + n\n"
ASKED = Request(text="double 7")


@dataclass
class Api:
    """Objects by kind, as the API server would give them."""

    counterexamples: list[dict[str, Any]] = field(default_factory=list)
    revisions: dict[str, dict[str, Any]] = field(default_factory=dict)

    async def list(self, *_: object, **__: object) -> Listing[ProcedureCounterexample]:
        return Listing([ProcedureCounterexample.model_validate(each) for each in self.counterexamples], "1")

    async def find(self, _: object, name: str, __: object) -> dict[str, Any] | None:
        return self.revisions.get(name)

    def stopped(self, made: Revision, detail: dict[str, Any] | None = None) -> None:
        """A revision that is not served, with what its differential gate recorded."""
        found = revision_object(TENANT, made, active=False)
        gate = {"gate": "differential", "passed": True, "summary": "", "by": "operator", "detail": json.dumps(detail)}
        found["status"] = {"evidence": [gate] if detail is not None else []}
        self.revisions[found["metadata"]["name"]] = found

    def says(self, made: Revision, text: str, expected: str | None, state: str, **decision: Any) -> None:
        """Something is stated against a revision."""
        right = {"noAnswer": True} if expected is None else {"expected": expected}
        judged = {"decisions": [{"reviewer": "bob", "decision": "Confirm", **decision}]} if decision else {}
        spec = {"procedure": made.name, "digest": made.digest, "sender": "ann", "asked": {"request": text}, **right}
        about = {"name": f"cx-{len(self.counterexamples)}", "namespace": TENANT}
        status = {"state": state, "given": "13"}
        self.counterexamples.append({"metadata": about, "spec": spec | judged, "status": status})


async def work_of(api: Api, *active: Revision) -> Work:
    """What a Job reads."""
    catalog = Catalog()
    for made in active:
        raw = json.dumps(revision_object(TENANT, made)).encode()
        catalog.apply([Change(Type.ADDED, Key(TENANT, made.name), None, announced(raw))])
    said = await Counterexamples(cast("Client", api), catalog).lessons(TENANT, ASKED)
    head = {"tenant": TENANT, "fingerprint": "f" * 32, "requester": "ann", "request": {"text": ASKED.text}}
    return Work.read(dumps({**head, "revisions": [], **said}))


def missed_of(work: Work) -> Missed:
    """What a Job makes of it, where no implementation is to be run."""
    return taught(Missed(ASKED, Miss(MissReason.UNKNOWN, "")), work, Bench(None, None))  # type: ignore[arg-type]


async def test_nothing_is_to_be_kept_where_nothing_was_stated() -> None:
    missed = missed_of(await work_of(Api(), OTHER))
    assert (missed.withdrawn, missed.cases) == (None, ())


async def test_what_was_stopped_is_replaced_and_keeps_its_tests() -> None:
    api = Api()
    api.stopped(OLD)
    api.says(OLD, "double 5", "11", "Confirmed")
    api.says(OLD, "double 6", "12", "Open")
    api.says(OTHER, "triple 2", None, "Confirmed")
    missed = missed_of(await work_of(api))
    assert missed.withdrawn is not None and missed.withdrawn.digest == OLD.digest
    said = [(case.request.text, case.must, case.answer, case.wrong) for case in missed.cases]
    assert said == [
        ("double 5", Must.ANSWER, "11", "13"),  # its own, to be answered
        ("triple 2", Must.MISS, None, "13"),  # another procedure's
        ("double 4", Must.BIND, None, None),  # its test; that of `double 5` is contradicted
    ]


async def test_what_is_served_again_is_not_replaced() -> None:
    api = Api()
    api.stopped(OLD)
    api.says(OLD, "double 5", "11", "Confirmed")
    work = await work_of(api, revision(patterns=["double {n} again"]))
    assert missed_of(work).withdrawn is None
    assert [each.own for each in work.corrections] == [False]


async def test_the_verifiers_implementation_goes_along_unless_the_rule_has_changed() -> None:
    base = revision(patterns=["double {n} please"])
    api = Api()
    api.stopped(base, {"implementation": VERIFIER})
    api.stopped(OLD, {"base": base.digest})
    api.says(OLD, "double 5", "11", "Doubtful")
    work = await work_of(api)
    assert work.withdrawn is not None and work.withdrawn.implementation == VERIFIER
    assert work.corrections == []  # nobody knows yet which of them is right

    api.says(OLD, "double 5", "11", "Confirmed", ruleChanged=True)
    work = await work_of(api)
    assert work.withdrawn is not None and work.withdrawn.implementation is None

    api.counterexamples.pop()
    api.stopped(OLD, {"implementation": "def so", "cut": ["implementation"]})
    work = await work_of(api)
    assert work.withdrawn is not None and work.withdrawn.implementation is None
