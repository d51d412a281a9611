"""How a tenant's revisions do since they were admitted, as it is sent and shown."""

from __future__ import annotations

from collections import Counter
from typing import Any

from seglam.gateway.health.bounds import upper_bound
from seglam.gateway.health.rechecks import budget_spent
from seglam.gateway.store import Records, RevisionRow, Standing, State

SHOWN = frozenset({State.ACTIVE, State.PROPOSED, State.QUARANTINED})


def health(store: Records, allowed: float) -> list[dict[str, Any]]:
    """Every revision that is served, waits or is quarantined, by name. Blocks for the store."""
    rows = [row for row in store.revisions() if row.state in SHOWN]
    return [of_revision(store, row, allowed) for row in sorted(rows, key=lambda row: (row.name, row.created))]


def of_revision(store: Records, row: RevisionRow, allowed: float) -> dict[str, Any]:
    """One revision.

    `bound` is the exact upper bound of the share of wrong answers with 95 % confidence, None where nothing was checked.
    Counterexamples that people state are no sample, and so no part of it.
    """
    found = counts(store, row.digest)
    wrong = found["checks"]["wrong"]
    checked = found["checks"]["agreed"] + wrong
    return {
        "procedure": row.name,
        "revision": row.digest,
        "state": row.state,
        **found,
        "budget": {
            "allowed": allowed,
            "bound": upper_bound(wrong, checked),
            "spent": budget_spent(wrong, checked, allowed),
        },
    }


def counts(store: Records, digest: str) -> dict[str, dict[str, int]]:
    """What was counted of one revision: checks, counterexamples by where they stand, runs in shadow."""
    row = store.health(digest)
    stated = Counter(str(each.standing) for each in store.counterexamples(digest=digest))
    return {
        "checks": {
            "agreed": row.agreed,
            "wrong": row.wrong,
            "undecided": row.undecided,
            "unverifiable": row.unverifiable,
        },
        "counterexamples": {str(standing): stated.get(standing, 0) for standing in Standing},
        "shadow": {
            "agreed": row.shadow_agreed,
            "differed": row.shadow_differed,
            "alone": row.shadow_alone,
            "failed": row.shadow_failed,
        },
    }
