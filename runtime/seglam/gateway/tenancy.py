"""One tenant's part of an embedded service: everything that decides its requests, and nothing of another's.

Tenants share the sandbox, whose warm instances belong to one tenant each, and the threads that compile, which take
turns between tenants. All else is made per tenant: the index with its memo, proposals, negative entries, single flight,
hotness, budgets and counters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from seglam.compiler import Bench
from seglam.gateway.answering import Answering
from seglam.gateway.catalog import Admits, Catalog
from seglam.gateway.crew import Crew
from seglam.gateway.health.counterexamples import Counterexamples
from seglam.gateway.health.lessons import Lessons
from seglam.gateway.health.policy import HealthPolicy
from seglam.gateway.health.rechecks import Rechecks
from seglam.gateway.health.sampling import Sampling
from seglam.gateway.hotness import Hotness
from seglam.gateway.ledger.prices import Budget, PriceList
from seglam.gateway.misses import Compiling, Misses
from seglam.gateway.restraint import Restraint
from seglam.gateway.reviewing import Reviews
from seglam.gateway.running import Runner, Running
from seglam.gateway.store import Records
from seglam.lookup import Index

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Policy:
    """How the service behaves; see `Settings` for the meaning of each.

    Attributes:
        budget: of a tenant.
        prices: that hold for a tenant.
    """

    auto_approve: str | None = None
    strict: bool = False
    workers: int = 2
    queue: int = 64
    hotness: int = 1
    pause_s: float = 30.0
    budget: Callable[[str], Budget] = lambda _: Budget()
    prices: Callable[[str], PriceList] = lambda _: PriceList()
    health: HealthPolicy = field(default_factory=HealthPolicy)


@dataclass(frozen=True, slots=True)
class Shared:
    """What all tenants use."""

    running: Running
    compiler: Compiling | None
    crew: Crew
    policy: Policy
    refused: Admits
    bench: Callable[[], Bench | None]
    rechecks: Rechecks
    report: Report = field(repr=False)


class Tenant:
    """One tenant.

    Attributes:
        store: its records.
    """

    def __init__(self, store: Records, shared: Shared) -> None:
        policy = shared.policy
        self.store = store
        self.catalog = Catalog(store, shared.refused)
        self.catalog.load(shared.report)
        self.reviews = Reviews(store, self.catalog, auto_approve=policy.auto_approve, report=shared.report)
        self.misses = Misses(
            store,
            self.catalog,
            self.reviews,
            shared.compiler,
            Restraint(
                store,
                budget=lambda: policy.budget(store.tenant),
                prices=lambda: policy.prices(store.tenant),
                pause_s=policy.pause_s,
            ),
            shared.crew,
            hotness=Hotness(policy.hotness),
            taught=lambda missed, active: Lessons(store, shared.bench()).taught(missed, active),
            strict=policy.strict,
        )
        self.runner = Runner(shared.running, self.catalog.served)
        self.counterexamples = Counterexamples(
            store, self.catalog, self.reviews, self.misses, shared.bench, shared.report
        )
        self.answering = Answering(
            self.runner, store.counters, Sampling(policy.health.share, partial(shared.rechecks.hit, self))
        )

    @property
    def name(self) -> str:
        """Its name."""
        return self.store.tenant

    @property
    def index(self) -> Index:
        """The index of what is served."""
        return self.catalog.index
