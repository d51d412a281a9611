"""How a tenant's revisions do since they were admitted, as it is sent and shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seglam.gateway.health.bounds import upper_bound
from seglam.gateway.health.rechecks import budget_spent
from seglam.gateway.store import HealthRow, Records, Standing, State

SHOWN = frozenset({State.ACTIVE, State.PROPOSED, State.QUARANTINED})
Health = dict[str, Any]


def health(store: Records, allowed: float) -> list[Health]:
    """Every revision that is served, waits or is quarantined, by name. Blocks for the store."""
    rows = sorted(
        (row for row in store.revisions() if row.state in SHOWN), key=lambda row: (row.name, row.created, row.digest)
    )
    known, stated = {each.digest: each for each in store.healths()}, store.standings()
    return [
        _shown(row.name, row.state, known.get(row.digest) or HealthRow(digest=row.digest, changed=""), stated, allowed)
        for row in rows
    ]


def worst(store: Records, allowed: float, limit: int) -> list[Health]:
    """The revisions of which most speaks against them, as `health` has them; of those that were checked or run in
    shadow. Blocks for the store."""
    stated = store.standings()
    return [_shown(name, state, row, stated, allowed) for name, state, row in store.checked(limit) if state in SHOWN]


def counts(store: Records, digest: str) -> dict[str, dict[str, int]]:
    """What was counted of one revision: checks, counterexamples by where they stand, runs in shadow."""
    return _counts(store.health(digest), store.standings(digest))


def _shown(
    name: str, state: str, row: HealthRow, stated: Mapping[tuple[str, str], int], allowed: float
) -> dict[str, Any]:
    """One revision.

    `bound` is the exact upper bound of the share of wrong answers with 95 % confidence, None where nothing was checked.
    Counterexamples that people state are no sample, and so no part of it.
    """
    checked = row.agreed + row.wrong
    return {
        "procedure": name,
        "revision": row.digest,
        "state": state,
        **_counts(row, stated),
        "budget": {
            "allowed": allowed,
            "bound": upper_bound(row.wrong, checked),
            "spent": budget_spent(row.wrong, checked, allowed),
        },
    }


def _counts(row: HealthRow, stated: Mapping[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    return {
        "checks": {
            "agreed": row.agreed,
            "wrong": row.wrong,
            "undecided": row.undecided,
            "unverifiable": row.unverifiable,
        },
        "counterexamples": {str(standing): stated.get((row.digest, standing), 0) for standing in Standing},
        "shadow": {
            "agreed": row.shadow_agreed,
            "differed": row.shadow_differed,
            "alone": row.shadow_alone,
            "failed": row.shadow_failed,
        },
    }
