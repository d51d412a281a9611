"""The loop in one process: miss, compile, review, hit, and everything that stands in its way."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seglam.compiler.controls import CLAUSES
from seglam.gateway import Decision, Flight, Outcome, ReviewRefused, Service, State, StoreError, StoreFault
from seglam.gateway.store import Progress, Store
from seglam.procedures import Revision
from seglam.sandbox import Engine, Sandbox
from tests.compilations import NO_ALIAS, SUM, implementation, procedure, scripted
from tests.documents import document
from tests.openai_server import Reply, completion, pairs_of, problem, prompt_of, serving
from tests.services import running, text

ROOT = Path(__file__).parents[2]
EXTENSION = {
    "decision": "extend",
    "extend": {"procedure": "sum-of-two", "patterns": ["(add|put together) {a} and {b}"], "refuse": ["add {a} to {b}"]},
}


def approve_all(service: Service) -> None:
    for row in service.store.revisions(State.PROPOSED):
        service.decide(row.digest, "eve", Decision.APPROVE, "checked by hand")


def until(condition: Callable[[], object]) -> None:
    """Wait for something that another thread does; the test's own time limit ends a wait in vain."""
    while not condition():
        time.sleep(0.02)


def test_miss_compile_review_hit(tmp_path: Path) -> None:
    with scripted([procedure()]) as model, running(tmp_path, model) as service:
        first = service.handle(text(SUM), requester="ana")
        assert (first.outcome, first.answer, first.started) == (Outcome.MISS, None, True)
        assert first.compilation is not None
        flight = service.misses.flight(first.compilation)
        assert flight is None or flight.settled.result(60).outcome == "proposed"
        until(lambda: service.store.revisions(State.PROPOSED))
        assert service.handle(text(SUM), only_if_cached=True).outcome is Outcome.MISS, "not before it is approved"
        approve_all(service)
        asked = len(model.requests)
        hit = service.handle(text("compute the sum of 12 and 30"))
        assert (hit.outcome, hit.answer, hit.procedure) == (Outcome.HIT, "42", "sum-of-two")
        assert hit.arguments == {"a": "12", "b": "30"} and "explains every word" in hit.explanation
        assert hit.timings.lookup_us > 0 and hit.timings.run_us > 0
        assert len(model.requests) == asked, "a hit asks nobody"
    with running(tmp_path) as again:
        assert again.handle(text(SUM)).answer == "7", "what is active is active after a restart"


def test_waiting_gives_a_provisional_answer_and_the_request_stays_a_miss(tmp_path: Path) -> None:
    with scripted([procedure()]) as model, running(tmp_path, model) as service:
        answer = service.handle(text(SUM), wait_s=120)
        assert (answer.outcome, answer.answer, answer.stage) == (Outcome.PROVISIONAL, "7", "compilation")
        assert answer.compilation is not None
        compiled = service.store.compilation(answer.compilation)
        assert compiled is not None and compiled.answer == "7"
        assert [row.gate for row in service.store.evidence(answer.compilation)] == [
            "static",
            "examples",
            "differential",
            "match",
            "agreement",
        ]
        assert {call.role for call in service.store.calls(answer.compilation)} == {"author", "verifier"}
        assert service.handle(text(SUM), only_if_cached=True).outcome is Outcome.MISS


def test_a_demonstration_may_approve_at_once_under_a_name_that_is_recorded(tmp_path: Path) -> None:
    with scripted([procedure()]) as model, running(tmp_path, model, auto_approve="replay") as service:
        answer = service.handle(text(SUM), wait_s=120)
        assert (answer.outcome, answer.answer) == (Outcome.MISS, "7"), "it was no hit"
        assert service.handle(text(SUM)).outcome is Outcome.HIT
        (row,) = service.store.active()
        (review,) = service.store.reviews(row.digest)
        assert (review.reviewer, review.decision) == ("replay", "approve")
        assert "without a person" in review.reason


def test_even_then_an_author_does_not_approve(tmp_path: Path) -> None:
    reports: list[str] = []
    with scripted([procedure()]) as model, running(tmp_path, model, auto_approve="Ana", reports=reports) as service:
        answer = service.handle(text(SUM), requester="ana", wait_s=120)
        assert answer.outcome is Outcome.PROVISIONAL
        assert len(service.store.revisions(State.PROPOSED)) == 1
    assert any("not approved without a person" in report for report in reports)


def test_neither_the_requester_nor_the_model_approves(tmp_path: Path) -> None:
    with scripted([procedure()]) as model, running(tmp_path, model) as service:
        service.handle(text(SUM), requester="ana", wait_s=120)
        (row,) = service.store.revisions(State.PROPOSED)
        for author in ("ana", "model:test-model"):
            with pytest.raises(ReviewRefused) as refused:
                service.decide(row.digest, author, Decision.APPROVE, "mine")
            assert refused.value.code == "four-eyes"
        assert service.handle(text(SUM), only_if_cached=True).outcome is Outcome.MISS


# One compilation for each type


def holding(gate: threading.Event, *authors: object) -> Callable[[dict[str, Any]], Reply]:
    """An endpoint whose first author waits for an event."""
    left = list(authors)

    def answer(request: dict[str, Any]) -> Reply:
        prompt = prompt_of(request)
        if prompt.startswith("You write *procedures*"):
            return replace(completion(left.pop(0) if len(left) > 1 else left[0]), wait=gate)
        if prompt.startswith("You help a reasoning cache"):
            return completion(NO_ALIAS)
        if prompt.startswith("You verify procedures"):
            return completion(implementation())
        verdicts = ["different" if right.endswith(CLAUSES) else "same" for _, right in pairs_of(prompt)]
        return completion({"judgements": [{"pair": n, "verdict": v} for n, v in enumerate(verdicts, 1)]})

    return answer


def authored(requests: list[dict[str, Any]]) -> int:
    return sum(prompt_of(request).startswith("You write *procedures*") for request in requests)


def test_identical_misses_at_one_time_give_one_compilation(tmp_path: Path) -> None:
    gate = threading.Event()
    with serving(holding(gate, procedure())) as model, running(tmp_path, model) as service:
        texts = [f"What is the sum of {number} and 4?" for number in range(8)]
        with ThreadPoolExecutor(8) as pool:
            first = list(pool.map(lambda each: service.handle(text(each)), texts))
            assert sum(answer.started for answer in first) == 1
            assert len({answer.compilation for answer in first}) == 1
            identity = first[0].compilation
            assert identity is not None and len(service.store.waiting(identity)) == 7
            waiting = [pool.submit(service.handle, text(each), wait_s=120) for each in texts[:4]]
            until(lambda: len(service.store.waiting(identity)) == 11)
            gate.set()
            late = [future.result() for future in waiting]
        assert [answer.answer for answer in late] == ["4", "5", "6", "7"]
        assert {answer.outcome for answer in late} == {Outcome.PROVISIONAL}
        assert authored(model.requests) == 1
        assert service.store.waiting(identity) == []


def test_a_compilation_that_waited_looks_first_whether_it_is_still_needed(tmp_path: Path) -> None:
    gate = threading.Event()
    with (
        serving(holding(gate, procedure())) as model,
        running(tmp_path, model, auto_approve="replay", workers=1) as service,
    ):
        service.handle(text(SUM))
        other = service.handle(text("compute the sum of 5 and 6"))
        assert other.started and other.compilation is not None
        flight = service.misses.flight(other.compilation)
        assert flight is not None
        gate.set()
        assert flight.settled.result(120).outcome == "known-by-now"
        assert authored(model.requests) == 1
        row = service.store.compilation(other.compilation)
        assert row is not None and (row.progress, row.outcome) == (Progress.FINISHED, "known-by-now")


def test_too_many_waiting_compilations_are_declined(tmp_path: Path) -> None:
    gate = threading.Event()
    with serving(holding(gate, procedure())) as model, running(tmp_path, model, workers=1, queue=1) as service:
        service.handle(text("one type of request"))
        until(lambda: len(model.requests) == 1)
        service.handle(text("another type of request"))
        third = service.handle(text("a third type of request"))
        assert (third.outcome, third.reason, third.compilation) == (Outcome.MISS, "busy", None)
        gate.set()


def test_a_type_that_waits_for_review_is_not_compiled_again(tmp_path: Path) -> None:
    with scripted([procedure()]) as model:
        with running(tmp_path, model) as service:
            first = service.handle(text(SUM), wait_s=120)
            asked = len(model.requests)
            other = service.handle(text("compute the sum of 20 and 5"))
            assert (other.outcome, other.compilation, other.started) == (Outcome.MISS, first.compilation, False)
            assert service.handle(text("compute the sum of 20 and 5"), wait_s=120).answer == "25"
        with running(tmp_path, model) as service:
            late = service.handle(text("compute the sum of 20 and 6"), wait_s=120)
            assert (late.outcome, late.answer) == (Outcome.PROVISIONAL, "26"), "nor after a restart"
            assert service.handle(text(SUM), only_if_cached=True, wait_s=120).answer is None
            assert len(model.requests) == asked
            (row,) = service.store.revisions(State.PROPOSED)
            service.decide(row.digest, "eve", Decision.REJECT, "not what was meant")
            rejected = service.handle(text(SUM), wait_s=120)
            assert (rejected.outcome, rejected.reason) == (Outcome.MISS, "rejected")
            assert "is Rejected in the very form" in rejected.explanation
            asked = len(model.requests)
            assert service.handle(text(SUM), wait_s=120).reason == "rejected"
            assert len(model.requests) == asked, "what was rejected is not compiled again and again"


# Never a model


def test_only_if_cached_never_calls_the_model(tmp_path: Path) -> None:
    with scripted([procedure()]) as model, running(tmp_path, model) as service:
        answer = service.handle(text(SUM), only_if_cached=True, wait_s=60)
        assert (answer.outcome, answer.reason, answer.compilation) == (Outcome.MISS, "unknown", None)
        assert service.store.compilations() == []
    assert model.requests == []


def test_strict_never_calls_the_model(tmp_path: Path) -> None:
    with scripted([procedure()]) as model, running(tmp_path, model, strict=True) as service:
        assert "strict" in " ".join(service.described)
        assert service.handle(text(SUM), wait_s=60).outcome is Outcome.MISS
    assert model.requests == []


def test_without_a_model_the_miss_says_so(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        answer = service.handle(text(SUM), wait_s=60)
        assert (answer.reason, answer.compilation) == ("no-completion", None)
        assert "neither a model nor a recording" in answer.explanation


def test_the_days_tokens(tmp_path: Path) -> None:
    with scripted([procedure()]) as model, running(tmp_path, model, daily_tokens=100) as service:
        assert service.handle(text(SUM), wait_s=120).outcome is Outcome.PROVISIONAL
        asked = len(model.requests)
        second = service.handle(text("another type of request"), wait_s=120)
        assert (second.reason, second.compilation) == ("budget", None)
        assert "of today's 100 tokens" in second.explanation
        assert len(model.requests) == asked


# Models and replies that fail


def test_a_type_that_is_no_code_is_not_asked_about_again(tmp_path: Path) -> None:
    reply = {
        "decision": "not-compilable",
        "notCompilable": {"reason": "The shift is not stated.", "parameters": [], "patterns": ["decipher this: khoor"]},
    }
    with scripted([reply]) as model:
        with running(tmp_path, model) as service:
            first = service.handle(text("Decipher this: KHOOR"), wait_s=120)
            assert (first.outcome, first.reason) == (Outcome.MISS, "not-compilable")
            assert "shift is not stated" in first.explanation
            second = service.handle(text("Decipher this: KHOOR"), wait_s=120)
            assert (second.reason, second.compilation) == ("not-compilable", None)
        with running(tmp_path, model) as again:
            assert again.handle(text("Decipher this: KHOOR"), wait_s=120).reason == "not-compilable"
        assert len(model.requests) == 1


def test_what_a_gate_rejects_is_kept_with_its_evidence_and_rests(tmp_path: Path) -> None:
    wrong = procedure(code="import os\n\ndef solve(a, b):\n    return a + b\n")
    with scripted([wrong]) as model, running(tmp_path, model) as service:
        answer = service.handle(text(SUM), wait_s=120)
        assert (answer.outcome, answer.reason) == (Outcome.MISS, "rejected")
        assert answer.compilation is not None
        evidence = service.store.evidence(answer.compilation)
        assert evidence and not evidence[-1].passed
        asked = len(model.requests)
        rested = service.handle(text(SUM), wait_s=120)
        assert (rested.reason, rested.compilation) == ("rejected", None)
        assert "tried again later" in rested.explanation
        assert len(model.requests) == asked
        assert service.store.revisions() == []


@pytest.mark.parametrize(
    "reply",
    [problem(503, "broken"), problem(429, "slow down"), completion("garbage")],
    ids=["down", "limited", "garbage"],
)
def test_a_model_that_fails_is_a_clear_outcome_and_the_next_request_works(tmp_path: Path, reply: Reply) -> None:
    well = holding(threading.Event(), procedure())
    broken = [True]

    def answer(request: dict[str, Any]) -> Reply:
        return reply if broken[0] else replace(well(request), wait=None)

    with serving(answer) as model, running(tmp_path, model) as service:
        failed = service.handle(text(SUM), wait_s=120)
        assert (failed.outcome, failed.reason) == (Outcome.MISS, "model-failed")
        assert "author model m at" in failed.explanation
        assert failed.compilation is not None
        assert all(call.error for call in service.store.calls(failed.compilation))
        broken[0] = False
        assert service.handle(text(SUM), wait_s=120).answer == "7"


# Hits that could not be served

DEOPTIMISED = {
    "guard": ("def solve(n):\n    refuse('the year may be a leap year')\n", "leap year", {}),
    "post-condition": (
        "def solve(n):\n    return str(n)\n",
        "4 characters",
        {"returns": {"type": "text", "maxLength": 3}},
    ),
    "limit": (
        "def solve(n):\n    while True:\n        pass\n",
        "fuel",
        {"limits": {"fuel": "50000000"}},
    ),
    "fault": ("def solve(n):\n    print('halfway', n)\n    return str(1 // 0)\n", "ZeroDivisionError", {}),
}


@pytest.mark.parametrize("reason", DEOPTIMISED)
def test_a_hit_that_cannot_be_served_is_a_miss_with_its_reason(
    tmp_path: Path, reason: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    code, said, spec = DEOPTIMISED[reason]
    made = document(code=code)
    content = made.model_dump(mode="json", by_alias=True, exclude_none=True)
    content["spec"].update(spec)
    with running(tmp_path, documents=[type(made).model_validate(content)]) as service:
        answer = service.handle(text("double 1234"))
        assert (answer.outcome, answer.reason, answer.stage) == (Outcome.MISS, reason, "run")
        assert (answer.procedure, answer.arguments, answer.answer) == ("double", {"n": "1234"}, None)
        assert said in answer.explanation
        assert ("halfway 1234" in answer.explanation) == (reason == "fault")
        totals = {name: count for (_, _, name), count in service.store.counters.totals().items()}
        assert totals == {"misses": 1, f"misses:{reason}": 1}
    assert "halfway" not in caplog.text + "".join(capfd.readouterr())


def test_a_hit_that_cannot_be_served_goes_the_way_of_a_miss(tmp_path: Path) -> None:
    refusing = document(code="def solve(n):\n    refuse('not certain')\n")
    reply = {
        "decision": "not-compilable",
        "notCompilable": {"reason": "It is open.", "parameters": [], "patterns": []},
    }
    with scripted([reply]) as model, running(tmp_path, model, documents=[refusing]) as service:
        answer = service.handle(text("double 1234"), wait_s=120)
        assert (answer.outcome, answer.reason) == (Outcome.MISS, "guard")
        assert "not certain" in answer.explanation and "It is open." in answer.explanation
        assert "not certain" in prompt_of(model.requests[0])
        again = service.handle(text("double 77"), wait_s=120)
        assert (again.reason, again.compilation) == ("guard", None)
        assert len(model.requests) == 1


# Replacing a revision


def test_an_extension_takes_the_place_of_its_elder_under_load(tmp_path: Path) -> None:
    with scripted([procedure()]) as model, running(tmp_path, model) as service:
        service.handle(text(SUM), wait_s=120)
        approve_all(service)
        (elder,) = service.store.active()
        assert service.handle(text("add 5 and 6"), wait_s=120).answer == "11"
        (proposed,) = service.store.revisions(State.PROPOSED)
        assert proposed.replaces == elder.digest
        seen: set[tuple[str, str | None, str | None]] = set()
        done = threading.Event()

        def ask() -> None:
            while not done.is_set():
                answer = service.handle(text(SUM), only_if_cached=True)
                seen.add((answer.outcome, answer.reason, answer.answer))

        readers = [threading.Thread(target=ask) for _ in range(2)]
        for reader in readers:
            reader.start()
        until(lambda: seen)
        service.decide(proposed.digest, "eve", Decision.APPROVE, "more wordings")
        assert service.handle(text("add 20 and 30")).answer == "50"
        done.set()
        for reader in readers:
            reader.join()
        assert ("hit", None, "7") in seen
        assert seen <= {("hit", None, "7"), ("miss", "ambiguous", None)}
        assert [row.digest for row in service.store.active()] == [proposed.digest]
        assert [revision.digest for revision in service.index] == [proposed.digest]
        service.decide(elder.digest, "eve", Decision.APPROVE, "back to the first")
        assert service.handle(text("add 20 and 30"), only_if_cached=True).outcome is Outcome.MISS


def test_a_proposal_made_from_an_elder_that_is_gone_is_not_approved(tmp_path: Path) -> None:
    one = document(patterns=("double {n}", "twice {n}"))
    two = document(patterns=("double {n}", "two times {n}"))
    with running(tmp_path, documents=[document()]) as service:
        elder = Revision.of(document()).digest
        digests = [_propose(service.store, f"c{number}", each, elder) for number, each in enumerate((one, two))]
        service.decide(digests[0], "eve", Decision.APPROVE, "fine")
        with pytest.raises(ReviewRefused) as refused:
            service.decide(digests[1], "eve", Decision.APPROVE, "fine too")
        assert refused.value.code == "outdated"
        assert service.handle(text("twice 4")).answer == "8"


def test_without_a_person_what_no_longer_fits_is_rejected_so_that_its_type_is_compiled_anew(tmp_path: Path) -> None:
    one = document(patterns=("double {n}", "twice {n}"))
    two = document(patterns=("double {n}", "two times {n}"))
    with running(tmp_path, documents=[document()], auto_approve="replay") as service:
        elder = Revision.of(document()).digest
        digests = [_propose(service.store, f"c{number}", each, elder) for number, each in enumerate((one, two))]
        for digest in digests:
            row = service.store.revision(digest)
            assert row is not None
            service.reviews.proposed(row)
        assert [row.digest for row in service.store.active()] == digests[:1]
        assert [row.digest for row in service.store.revisions(State.REJECTED)] == digests[1:]
        assert "rejected without a person" in service.store.reviews(digests[1])[0].reason
        assert service.reviews.proposals.answering(text("two times 4")) is None


def test_an_approval_never_makes_two_revisions_match_one_request(tmp_path: Path) -> None:
    rival = document("halve", patterns=("(double|halve) {n}",), code="def solve(n):\n    return str(n / 2)\n")
    with running(tmp_path, documents=[document()]) as service:
        digest = _propose(service.store, "c1", rival, None)
        with pytest.raises(ReviewRefused, match="double") as refused:
            service.decide(digest, "eve", Decision.APPROVE, "fine")
        assert refused.value.code == "overlap"
        assert service.handle(text("double 4")).answer == "8"


def _propose(store: Store, identity: str, made: Any, replaces: str | None) -> str:
    from tests.integration.test_store import PRINT, compiled, missed

    store.open_compilation(identity, PRINT, missed(), "ana")
    row = store.close_compilation(compiled(identity, made, replaces=replaces), ["ana"])
    assert row is not None
    return row.digest


def test_a_quarantined_revision_is_served_no_longer(tmp_path: Path) -> None:
    with running(tmp_path, documents=[document()]) as service:
        (row,) = service.store.active()
        service.decide(row.digest, "eve", Decision.QUARANTINE, "wrong for 0")
        assert service.handle(text("double 4")).outcome is Outcome.MISS
    with running(tmp_path) as again:
        assert again.handle(text("double 4")).outcome is Outcome.MISS, "not after a restart either"


# A process that ends in the middle

KILLED = """
    import sys
    from pathlib import Path
    from seglam.gateway import Settings, build_service
    from tests.compilations import SUM
    from tests.services import text

    environ = {"SEGLAM_MODEL": "m", "OPENAI_BASE_URL": sys.argv[2]}
    service = build_service(Settings(Path(sys.argv[1]) / "data", environ=environ))
    print(service.handle(text(SUM), requester="ana").compilation, flush=True)
    service.handle(text(SUM), wait_s=600)
"""


def test_a_killed_compilation_is_reported_and_goes_on(tmp_path: Path) -> None:
    gate = threading.Event()
    with serving(holding(gate, procedure())) as model:
        command = [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path), model.url]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert child.stdout is not None
        identity = child.stdout.readline().strip()
        until(lambda: model.requests)
        child.kill()
        child.communicate()
        gate.set()
        with running(tmp_path, model) as service:
            assert [row.id for row in service.interrupted] == [identity]
            assert any(identity in line and "interrupted" in line for line in service.described)
            row = service.store.compilation(identity)
            assert row is not None and row.progress == Progress.INTERRUPTED
            flight = service.resume(identity)
            assert isinstance(flight, Flight) and flight.id == identity
            assert flight.settled.result(120).outcome == "proposed"
            assert service.resume(identity) is None, "there is nothing left to go on with"
            (proposed,) = service.store.revisions(State.PROPOSED)
            assert "ana" in proposed.authors
            approve_all(service)
            assert service.handle(text(SUM)).answer == "7"


def test_a_new_request_of_the_type_goes_on_with_an_interrupted_compilation(tmp_path: Path) -> None:
    from tests.integration.test_store import missed

    with scripted([procedure()]) as model:
        with running(tmp_path, model) as service:
            from seglam.lookup import fingerprint

            service.store.open_compilation("c1", fingerprint(text(SUM)), missed(SUM), "ana")
        with running(tmp_path, model) as service:
            assert service.handle(text(SUM), wait_s=120).compilation == "c1"


def test_closing_in_the_middle_does_not_wait_for_a_model(tmp_path: Path) -> None:
    gate = threading.Event()
    with serving(holding(gate, procedure())) as model:
        with running(tmp_path, model) as service:
            answer = service.handle(text(SUM))
            until(lambda: model.requests)
            assert answer.compilation is not None
            flight = service.misses.flight(answer.compilation)
            assert flight is not None
            service.close(grace_s=0.1)
            assert flight.settled.result(5).outcome == "interrupted"
        gate.set()
        with running(tmp_path) as again:
            assert [row.id for row in again.interrupted] == [answer.compilation]


# A store that cannot be written


def test_hits_are_served_while_the_store_cannot_be_written(tmp_path: Path) -> None:
    with running(tmp_path, documents=[document()]) as service:
        path = service.store.path
    store = Store(path, busy_ms=50)
    with Sandbox(Engine.load()) as sandbox, scripted([procedure()]) as model:
        from seglam.compiler import Bench
        from tests.compilations import compiler_for

        service = Service(store, sandbox, compiler_for(model, Bench(sandbox, sandbox)))
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        assert service.handle(text("double 4")).answer == "8"
        with pytest.raises(StoreError) as failed:
            service.handle(text(SUM))
        assert failed.value.fault is StoreFault.LOCKED
        assert model.requests == [], "no model is asked for what cannot be kept"
        other.execute("ROLLBACK")
        other.close()
        assert service.handle(text(SUM), wait_s=120).answer == "7"
        service.close()
    kept = Store(path)
    totals = {name: count for (_, _, name), count in kept.counters.totals().items()}
    assert totals["hits"] == 1, "no count is lost"
    kept.close()


# Counting


def test_savings_come_with_their_counts_and_prices(tmp_path: Path) -> None:
    with scripted([procedure()]) as model, running(tmp_path, model, auto_approve="replay") as service:
        service.handle(text(SUM), wait_s=120)
        for number in range(10):
            service.handle(text(f"compute the sum of {number} and 1"))
        found = service.savings()
        assert found["counts"]["hits"] == found["notSpent"]["modelCalls"] == 10
        assert found["counts"]["misses"] == 1 and found["counts"]["missesByReason"] == {"unknown": 1}
        assert found["spent"]["modelCalls"] == 3
        assert (found["spent"]["inputTokens"], found["spent"]["outputTokens"]) == (300, 60)
        assert found["net"]["modelCalls"] == 7
        assert [(each["name"], each["hits"]) for each in found["procedures"]] == [("sum-of-two", 10)]
        assert found["prices"]["assumed"] is True and found["prices"]["currency"] == "USD"
        characters = found["counts"]["requestCharacters"]
        assert characters == sum(len(f"compute the sum of {number} and 1") for number in range(10))
        assert found["notSpent"]["inputTokens"] == characters // 4 + 10 * found["prices"]["overheadTokensPerCall"]
