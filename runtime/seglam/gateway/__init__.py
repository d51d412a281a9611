"""The request API, what happens on a miss, and what is kept."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seglam.gateway.answering import Declined
    from seglam.gateway.embedded import build_service
    from seglam.gateway.ledger.prices import Prices
    from seglam.gateway.misses import Flight, Settled
    from seglam.gateway.outcomes import Answer, Outcome, Reason, Stage, Timings
    from seglam.gateway.service import Pending, Service
    from seglam.gateway.settings import Settings, SettingsInvalid
    from seglam.gateway.source import Source
    from seglam.gateway.store import Decision, ReviewRefused, State, Store, StoreError, StoreFault
    from seglam.gateway.tenancy import Policy

__all__ = [
    "Answer",
    "Decision",
    "Declined",
    "Flight",
    "Outcome",
    "Pending",
    "Policy",
    "Prices",
    "Reason",
    "ReviewRefused",
    "Service",
    "Settings",
    "SettingsInvalid",
    "Settled",
    "Source",
    "Stage",
    "State",
    "Store",
    "StoreError",
    "StoreFault",
    "Timings",
    "build_service",
]

_HOMES = {
    "answering": ("Declined",),
    "embedded": ("build_service",),
    "misses": ("Flight", "Settled"),
    "outcomes": ("Answer", "Outcome", "Reason", "Stage", "Timings"),
    "ledger.prices": ("Prices",),
    "service": ("Pending", "Service"),
    "settings": ("Settings", "SettingsInvalid"),
    "source": ("Source",),
    "tenancy": ("Policy",),
    "store": ("Decision", "ReviewRefused", "State", "Store", "StoreError", "StoreFault"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Names are imported when they are asked for: the cluster's gateway has no use for a database's library."""
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
