"""Life after admission: wrong answers are found, their procedure is stopped, and another one takes its place."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner

from seglam.cli.app import app
from seglam.cli.exits import CliError
from seglam.gateway import Decision, Outcome, ReviewRefused, Service, State
from seglam.gateway.health.report import health
from seglam.gateway.store import Standing
from tests.compilations import SUM, procedure, scripted
from tests.services import listening, running, text

FAULTY = "def solve(a, b):\n    return a + b + (1 if (a, b) == (271828, 314159) else 0)\n"
"""Wrong for one pair of values, which no gate happens to try."""
WRONG = "What is the sum of 271828 and 314159?"
RIGHT = "585987"
OTHER = "What is the sum of 20 and 30?"


Faulty = Callable[..., AbstractContextManager[Service]]


def until(condition: Callable[[], object]) -> None:
    while not condition():
        time.sleep(0.02)


def approve_all(service: Service, tenant: str = "default") -> None:
    until(lambda: service.tenant(tenant).store.revisions(State.PROPOSED))
    for row in service.tenant(tenant).store.revisions(State.PROPOSED):
        service.decide(row.digest, "eve", Decision.APPROVE, "read", tenant)


FIXED = procedure(code="def solve(a, b):\n    return b + a\n")


@pytest.fixture(scope="module")
def admitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a service whose procedure has the fault, compiled and approved."""
    directory = tmp_path_factory.mktemp("admitted")
    with scripted([procedure(code=FAULTY)]) as model, running(directory, model, recheck=0.0) as service:
        service.handle(text(SUM), wait_s=120, requester="ana")
        approve_all(service)
    return directory


@pytest.fixture
def faulty(admitted: Path, tmp_path: Path) -> Faulty:
    """A service with that data, and an author who writes something else next."""

    @contextmanager
    def opened(author: object = FIXED, **settings: Any) -> Iterator[Service]:
        shutil.copytree(admitted, tmp_path, dirs_exist_ok=True)
        with scripted([author]) as model, running(tmp_path, model, **{"recheck": 0.0, **settings}) as service:
            yield service

    return opened


def asked(client: httpx2.Client, question: str = WRONG) -> dict[str, Any]:
    found: dict[str, Any] = client.post("/v1/requests", json={"text": question}).json()
    return found


def seglam(*arguments: str) -> tuple[int, dict[str, Any]]:
    """The exit code of a command and the last object that it prints."""
    done = CliRunner().invoke(app, [*arguments, "--json"])
    if isinstance(done.exception, CliError):
        raise done.exception
    return done.exit_code, json.loads(done.stdout.splitlines()[-1])


def feedback(client: httpx2.Client, answer: str, user: str = "bob", **body: Any) -> httpx2.Response:
    content = {"expected": RIGHT, "text": WRONG, **body}
    return client.post(f"/v1/answers/{answer}/feedback", json=content, headers={"Seglam-User": user})


def only_if_cached(client: httpx2.Client, question: str = WRONG) -> httpx2.Response:
    return client.post("/v1/requests", json={"text": question}, headers={"Cache-Control": "only-if-cached"})


def test_a_users_counterexample_stops_a_procedure_and_has_it_written_anew(faulty: Faulty) -> None:
    with faulty() as service, listening(service) as client:
        answer = asked(client)
        assert (answer["outcome"], answer["answer"]) == ("hit", "585988")
        assert feedback(client, "0" * 32).status_code == 404
        assert feedback(client, answer["id"], text="Who is there?").json()["code"] == "not-its-request"
        assert feedback(client, answer["id"], expected="many").json()["code"] == "not-its-type"
        agreed = feedback(client, answer["id"], text="What is the sum of 1 and 2?", expected="3").json()
        assert agreed["standing"] == "refuted" and only_if_cached(client).status_code == 200

        said = feedback(client, answer["id"], why="I added them up")
        assert said.status_code == 201 and said.json()["standing"] == "confirmed", said.text
        assert (said.json()["verified"], said.json()["sender"], said.json()["decidedBy"]) == (
            RIGHT,
            "bob",
            "seglam:verifier",
        )
        assert only_if_cached(client).status_code == 504, "the call has returned, and nothing is served"
        (old,) = service.store.revisions(State.QUARANTINED)
        until(lambda: service.store.revisions(State.PROPOSED))
        (new,) = service.store.revisions(State.PROPOSED)
        assert (new.name, new.replaces) == (old.name, old.digest) and new.digest != old.digest
        summaries = [row.summary for row in service.store.evidence(new.compilation or "")]
        assert any("whose right outcome is known" in summary for summary in summaries), summaries
        assert client.get(f"/v1/counterexamples/{said.json()['id']}").json()["compilation"] == new.compilation
        assert RIGHT in new.document, "it is an example of the new revision"
        approve_all(service)
        assert asked(client)["answer"] == RIGHT


def test_a_compilation_that_keeps_the_fault_is_rejected(faulty: Faulty) -> None:
    with faulty(procedure(code=FAULTY.replace("return", "c = 0\n    return"))) as service, listening(service) as client:
        said = feedback(client, asked(client)["id"]).json()
        assert said["standing"] == "confirmed"
        where = f"/v1/compilations/{client.get('/v1/counterexamples/' + said['id']).json()['compilation']}"
        until(lambda: client.get(where).json()["progress"] == "finished")
        assert client.get(where).json()["outcome"] == "rejected"
        assert not service.store.revisions(State.PROPOSED)


def test_nobody_silences_a_procedure_alone(admitted: Path, tmp_path: Path) -> None:
    """Nothing but people's words: a reviewer decides, and not who sent them. All by the command line."""
    shutil.copytree(admitted, tmp_path, dirs_exist_ok=True)
    with running(tmp_path, recheck=0.0) as service, listening(service) as client:
        server = ("--server", str(client.base_url))
        answer = asked(client, OTHER)
        said = seglam("feedback", answer["id"], "--request", OTHER, "--no-answer", "--as", "bob", *server)
        assert said[0] == 1 and said[1]["standing"] == "open" and "waits for a reviewer" in said[1]["said"]
        assert asked(client, OTHER)["outcome"] == "hit", "still served"
        again = seglam("feedback", answer["id"], "--request", OTHER, "--no-answer", "--as", "carol", *server)
        assert again[1]["id"] == said[1]["id"], "said again it is the same"
        code, waiting = seglam("procedures", "counterexamples", *server)
        assert code == 0 and waiting["sender"] == "bob"
        code, healthy = seglam("procedures", "health", *server)
        assert code == 1 and healthy["counterexamples"]["open"] == 1 and healthy["budget"]["bound"] is None

        confirm = ("feedback", said[1]["id"], "--confirm", "--why", "another question", *server)
        with pytest.raises(CliError, match="Bob sent this counterexample"):
            seglam(*confirm, "--as", "Bob")
        assert seglam(*confirm, "--as", "eve")[1]["standing"] == "confirmed"
        assert only_if_cached(client, OTHER).status_code == 504
        with pytest.raises(CliError, match="counterexample is confirmed"):
            seglam("feedback", said[1]["id"], "--dismiss", "--why", "no", "--as", "eve", *server)


def test_what_must_miss_is_not_matched_again(faulty: Faulty) -> None:
    with faulty() as service:
        (active,) = service.store.active()
        stated = service.answers
        assert stated is not None
        answer = stated.get(service.handle(text(WRONG)).id, "default")
        assert answer is not None
        part = service.tenant().counterexamples
        said = part.state(answer, text(WRONG), None, "", "bob")
        assert part.decide(said.id, "eve", True, "another question").compilation is None
        assert not service.store.active() and service.store.revisions(State.QUARANTINED)[0].digest == active.digest
        service.handle(text("compute the sum of 5 and 6"), wait_s=120)
        (row,) = [row for row in service.store.compilations() if row.outcome == "rejected"]
        assert "must not answer is matched" in row.message


def test_other_tenants_answers_are_unknown(faulty: Faulty) -> None:
    with faulty(access="required") as service, listening(service) as client:
        keys = service.access.keys

        def key(tenant: str, *scopes: str) -> dict[str, str]:
            _, made = keys.create(tenant, "ana", scopes, creator="test")
            return {"Authorization": f"Bearer {made}"}

        mine, theirs = key("default", "ask", "feedback"), key("team-b", "ask", "feedback")
        answer = client.post("/v1/requests", json={"text": WRONG}, headers=mine).json()
        body = {"expected": RIGHT, "text": WRONG}
        where = f"/v1/answers/{answer['id']}/feedback"
        assert client.post(where, json=body, headers=theirs).status_code == 404
        assert client.post(where, json=body, headers=key("default", "ask")).status_code == 403
        assert not service.store.counterexamples()
        assert client.post(where, json=body, headers=mine).json()["standing"] == "confirmed"
        assert not service.tenant("team-b").store.counterexamples()


def test_sampled_hits_are_checked_and_a_spent_budget_stops_the_procedure(faulty: Faulty) -> None:
    with faulty(recheck=1.0) as service:
        for number in range(20):
            assert service.handle(text(f"What is the sum of {number} and 2?")).outcome is Outcome.HIT
        service.rechecks.drain()
        (found,) = health(service.store, 0.0)
        assert found["checks"]["agreed"] == 20 and not found["budget"]["spent"]
        assert found["budget"]["bound"] == pytest.approx(1 - 0.05 ** (1 / 20))
        assert service.handle(text(WRONG)).outcome is Outcome.HIT
        service.rechecks.drain()
        assert service.handle(text(WRONG), only_if_cached=True).outcome is Outcome.MISS
        found = next(each for each in health(service.store, 0.0) if each["state"] == State.QUARANTINED)
        assert found["checks"]["wrong"] == 1 and found["budget"]["spent"]
        (row,) = service.store.counterexamples(Standing.CONFIRMED)
        assert (row.source, row.given, row.verified) == ("recheck", "585988", RIGHT)


def test_rollback_and_restore(faulty: Faulty) -> None:
    with faulty() as service, listening(service) as client:
        who = ("--as", "eve", "--reason", "because", "--server", str(client.base_url))
        (first,) = service.store.active()
        feedback(client, asked(client)["id"])
        approve_all(service)
        (second,) = service.store.active()
        with pytest.raises(CliError, match="no retired revision"):
            seglam("procedures", "rollback", "sum-of-two", *who)
        with pytest.raises(ReviewRefused, match="Quarantined"):
            service.decide(first.digest, "eve", Decision.APPROVE, "back")
        code, shown = seglam("procedures", "restore", "sum-of-two", *who)
        assert (code, shown["revision"], shown["state"]) == (0, first.digest, "Active")
        assert not service.store.counterexamples(Standing.CONFIRMED), "whoever restores it overrules what was said"
        assert seglam("procedures", "rollback", "sum-of-two", *who)[1]["revision"] == second.digest
        assert asked(client)["answer"] == RIGHT
        assert seglam("procedures", "quarantine", "sum-of-two", *who)[1]["state"] == "Quarantined"
        assert only_if_cached(client).status_code == 504


def test_a_proposal_in_shadow_answers_nobody_and_is_counted(faulty: Faulty) -> None:
    more = {"decision": "extend", "extend": {"procedure": "sum-of-two", "patterns": ["add {a} and {b}"]}}
    with faulty(more, recheck=1.0, shadow=True, shadow_approves=3) as service:
        (active,) = service.store.active()
        assert service.handle(text("add 3 and 4"), wait_s=120).outcome is Outcome.PROVISIONAL
        (waits,) = service.store.revisions(State.PROPOSED)
        assert service.handle(text("add 3 and 5"), only_if_cached=True).outcome is Outcome.MISS
        for number in range(3):
            assert service.handle(text(f"What is the sum of {number} and 2?")).revision == active.digest
            service.rechecks.drain()
        counts = service.store.health(waits.digest)
        assert (counts.shadow_agreed, counts.shadow_differed) == (3, 0) and counts.shadow_alone >= 1
        assert [row.digest for row in service.store.active()] == [waits.digest], "by the policy that was set"
