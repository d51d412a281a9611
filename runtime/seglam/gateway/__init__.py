"""The request API, what happens on a miss, and what is kept."""

from __future__ import annotations

from seglam.gateway.embedded import build_service
from seglam.gateway.misses import Declined, Flight, Settled
from seglam.gateway.outcomes import Answer, Outcome, Reason, Stage, Timings
from seglam.gateway.savings import Prices
from seglam.gateway.service import Pending, Policy, Service
from seglam.gateway.settings import Settings, SettingsInvalid
from seglam.gateway.source import Source
from seglam.gateway.store import Decision, ReviewRefused, State, Store, StoreError, StoreFault

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
