"""Puts the API into an application."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI

from seglam.registry import distribution
from seglam.registry.api import (
    archives,
    decisions,
    health,
    logs,
    looking,
    namespaces,
    packs,
    publications,
    reviewing,
    tokens,
)
from seglam.registry.api.edge import PREFIX, Edge, Metrics
from seglam.registry.api.errors import add_handlers, add_schemas
from seglam.registry.api.parts import Parts
from seglam.registry.limits import RATES, Limits, shared


def install(app: FastAPI, parts: Parts) -> None:
    """Add routes, errors, limits, headers and metrics to an application that has none."""
    app.router.redirect_slashes = False  # an address is one text
    app.state.parts = parts
    app.state.metrics = Metrics()
    add_handlers(app)
    api = APIRouter(prefix=PREFIX)
    for router in (
        health.about,
        packs.router,
        looking.router,
        decisions.router,
        reviewing.router,
        archives.router,
        namespaces.router,
        tokens.router,
        publications.router,
        logs.router,
    ):
        api.include_router(router)
    app.include_router(api)
    app.include_router(distribution.router)
    app.include_router(health.router)
    add_schemas(app)
    settings = parts.settings
    if parts.log_audit is not None:
        app.state.metrics.watch(parts.log_audit)
    limits = Limits(shared(RATES, settings.replicas)) if settings.rate_limits else None
    app.add_middleware(Edge, metrics=app.state.metrics, limits=limits, secure=settings.url.startswith("https://"))
