"""Trying a revision of the store."""

from __future__ import annotations

from functools import partial

from seglam.gateway.store import revision_of
from seglam.gateway.tenancy import Tenant
from seglam.gateway.trying import Trial, tried
from seglam.procedures import Request
from seglam.sandbox import Mode
from seglam.web import Problem


def attempt(tenant: Tenant, digest: str, request: Request) -> Trial:
    """Ask a revision alone, and what a tenant serves. Blocks as long as the limits allow.

    Raises:
        Problem: 404 if there is no such revision, 400 for a text that no lookup takes.
    """
    row = tenant.store.revision(digest)
    if row is None:
        raise Problem(
            404, "unknown-revision", f"there is no revision {digest[:100]}; see /v1/procedures and /v1/reviews"
        )
    run = partial(tenant.runner.run, tenant=tenant.name)
    return tried(
        request, revision_of(row), partial(run, mode=Mode.SINGLE_USE), tenant.index, partial(run, mode=Mode.WARM)
    )
