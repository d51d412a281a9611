"""What SEGLAM keeps on one machine: revisions, evidence, reviews, compilations, negative entries."""

from __future__ import annotations

from seglam.gateway.faults import StoreError, StoreFault
from seglam.gateway.store.imports import Admitted, Approval
from seglam.gateway.store.revisions import Change, Decision, ReviewRefused, authors_of, document_of, revision_of
from seglam.gateway.store.store import Records, Store
from seglam.gateway.store.tables import (
    DEFAULT_TENANT,
    CallRow,
    CompilationRow,
    CounterexampleRow,
    EvidenceRow,
    HealthRow,
    ImportRow,
    Progress,
    ReviewRow,
    RevisionRow,
    Standing,
    State,
    WaitingRow,
)

__all__ = [
    "DEFAULT_TENANT",
    "Admitted",
    "Approval",
    "CallRow",
    "Change",
    "CompilationRow",
    "CounterexampleRow",
    "Decision",
    "EvidenceRow",
    "HealthRow",
    "ImportRow",
    "Progress",
    "Records",
    "ReviewRefused",
    "ReviewRow",
    "RevisionRow",
    "Standing",
    "State",
    "Store",
    "StoreError",
    "StoreFault",
    "WaitingRow",
    "authors_of",
    "document_of",
    "revision_of",
]
