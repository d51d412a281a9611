"""Scenarios: a whole embedded service, a stream of requests, its users and its reviewer.

The completions are fixtures written by hand (`recordings/`): the question is what the service does about a fault, not
whether a model writes one. Users and the reviewer are played: a user notices a wrong answer with a stated chance, and
the reviewer decides a stated number of requests after something waits.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from time import sleep

from benchmarks.drift.stream import Asked, stream
from seglam.compiler.assemble import with_spec
from seglam.gateway import Decision, Outcome, ReviewRefused, Service, Settings, State, build_service
from seglam.gateway.store import Standing, document_of
from seglam.procedures import Request, dump

RECORDINGS = Path(__file__).parent / "recordings"
REVIEWER, USER = "reviewer", "user"
FAULT = "    if 7000 <= amount < 7050:\n        amount += 1\n"
SEED_AT = "What is the value added tax on 250 crowns?"


@dataclass(frozen=True, slots=True)
class Scenario:
    """What goes wrong, and who looks.

    Attributes:
        authors: recordings of authors, by the beginning of their file names.
        checked: share of hits that are checked again.
        noticed: chance that a user notices a wrong answer and says so.
        changes_at: the request from which on another rule holds.
        edited_at: the request before which somebody puts a faulty document in the place of the procedure.
        delay: requests after which the reviewer decides on what waits.
    """

    name: str
    authors: tuple[str, ...]
    checked: float = 0.0
    noticed: float = 0.0
    changes_at: int | None = None
    edited_at: int | None = None
    delay: int = 20


@dataclass(slots=True)
class Found:
    """What came of a scenario. Numbers of requests count from the first that could be answered wrongly."""

    name: str
    requests: int = 0
    hits: int = 0
    wrong: int = 0
    misses: int = 0
    events: dict[str, dict[str, int]] = field(default_factory=dict)

    def note(self, event: str, request: int) -> None:
        """Something happened for the first time."""
        self.events.setdefault(event, {"requests": request, "wrong": self.wrong})


SCENARIOS = (
    Scenario("fault, every hit checked", ("1", "2"), checked=1.0),
    Scenario("fault, 10 % of hits checked", ("1", "2"), checked=0.1),
    Scenario("fault, 1 % of hits checked", ("1", "2"), checked=0.01),
    Scenario("fault, users notice every 10th", ("1", "2"), noticed=0.1),
    Scenario("rule changes, users notice every 10th", ("2", "3"), checked=0.01, noticed=0.1, changes_at=200),
    Scenario("faulty edit, users notice each", ("2",), noticed=1.0, edited_at=200),
)


def play(scenario: Scenario, count: int, seed: int) -> Found:
    """Run one scenario."""
    found, chance = Found(scenario.name), random.Random(seed)
    first = scenario.changes_at or scenario.edited_at or 1
    with tempfile.TemporaryDirectory() as directory, _service(scenario, Path(directory)) as service:
        _admit(service)
        waiting: dict[str, int] = {}
        for asked in stream(count, seed, scenario.changes_at):
            if asked.number == scenario.edited_at:
                _edit(service)
            _ask(service, scenario, asked, found, chance, first)
            if scenario.checked and asked.number % 20 == 0:
                service.rechecks.drain()  # a service has time between requests; this stream has none
            _review(service, scenario, asked.number, waiting)
            _notice(service, found, asked.number - first + 1)
    return found


def _ask(service: Service, scenario: Scenario, asked: Asked, found: Found, chance: random.Random, first: int) -> None:
    request = Request(text=asked.text)
    answer = service.handle(request, requester=USER, only_if_cached=True)
    found.requests += 1
    if answer.outcome is not Outcome.HIT:
        found.misses += 1
        return
    found.hits += 1
    if Decimal(answer.answer or "0") == asked.right:
        if found.events.get("stopped") and not service.store.revisions(State.PROPOSED):
            found.note("healed", asked.number - first + 1)
        return
    found.wrong += 1
    found.note("first wrong answer", asked.number - first + 1)
    if chance.random() < scenario.noticed:
        assert service.answers is not None
        recorded = service.answers.get(answer.id, "default")
        assert recorded is not None
        service.tenant().counterexamples.state(recorded, request, str(asked.right), "as I computed it", USER)


def _review(service: Service, scenario: Scenario, number: int, waiting: dict[str, int]) -> None:
    """Decide on what waits for long enough; where an older revision is right, go back to it."""
    for row in service.store.counterexamples(Standing.OPEN):
        if waiting.setdefault(row.id, number) + scenario.delay <= number:
            service.tenant().counterexamples.decide(
                row.id, REVIEWER, True, "computed anew", rule_changed=scenario.changes_at is not None
            )
            if scenario.edited_at is not None and service.store.revisions(State.RETIRED):
                service.reviews.rollback(row.procedure, None, REVIEWER, "the revision before was right")
    if service.store.counterexamples(Standing.CONFIRMED, limit=1):
        _settled(service)
    for proposal in service.store.revisions(State.PROPOSED):
        if waiting.setdefault(proposal.digest, number) + scenario.delay <= number:
            try:
                service.decide(proposal.digest, REVIEWER, Decision.APPROVE, "read, and its evidence is complete")
            except ReviewRefused as refused:  # an older revision serves by now
                service.decide(proposal.digest, REVIEWER, Decision.REJECT, str(refused))


def _notice(service: Service, found: Found, number: int) -> None:
    if service.store.counterexamples(limit=1):
        found.note("found", number)
    if service.store.revisions(State.QUARANTINED):
        found.note("stopped", number)
    if found.events.get("stopped") and service.store.active():
        found.note("served again", number)


def _admit(service: Service) -> None:
    service.handle(Request(text=SEED_AT), requester=USER, wait_s=300)
    for row in service.store.revisions(State.PROPOSED):
        service.decide(row.digest, REVIEWER, Decision.APPROVE, "read, and its evidence is complete")
    (last,) = service.store.compilations(1)
    if not service.store.active():
        raise RuntimeError(f"the procedure was not admitted: {last.outcome}: {last.message}")
    if len([call for call in service.store.calls(last.id) if call.role == "author"]) > 1:
        raise RuntimeError("the gates found the fault: this is no fault that outlives its admission")


def _edit(service: Service) -> None:
    """Put a faulty document in a watched directory: its owner's edit, which no gate sees."""
    (row,) = service.store.active()
    document = document_of(row)
    code = document.spec.code.replace("def solve(amount):\n", f"def solve(amount):\n{FAULT}")
    assert service.source is not None
    (directory,) = service.source.directories
    (directory / "value-added-tax.yaml").write_text(dump(with_spec(document, code=code)), encoding="utf-8")
    while [each.digest for each in service.store.active()] == [row.digest]:
        sleep(0.05)


def _settled(service: Service) -> None:
    """Wait until no compilation is at work: how long one takes is a model's affair."""
    while any(row.progress in ("queued", "running") for row in service.store.compilations(5)):
        sleep(0.02)


@contextmanager
def _service(scenario: Scenario, directory: Path) -> Iterator[Service]:
    recordings, procedures = directory / "recordings", directory / "procedures"
    (recordings / "author").mkdir(parents=True)
    procedures.mkdir()
    shutil.copytree(RECORDINGS / "verifier", recordings / "verifier")
    for path in sorted((RECORDINGS / "author").glob("*.json")):
        if path.name.startswith(scenario.authors):
            shutil.copy(path, recordings / "author")
    settings = Settings(
        directory / "data", procedures=(procedures,), recordings=recordings, recheck=scenario.checked, pause_s=0.0
    )
    with build_service(settings) as service:
        yield service
