"""The OpenAI API as a part of a gateway's application."""

from __future__ import annotations

from fastapi import FastAPI

from seglam.gateway.asking import Answers
from seglam.gateway.openai.routes import others, routes
from seglam.gateway.openai.upstream import Upstream, UpstreamSettings
from seglam.gateway.serving import Identify


def add_openai(
    app: FastAPI, answers: Answers, identify: Identify, settings: UpstreamSettings, *, one_tenant: bool
) -> None:
    """Add the API to an application whose state has `hot`, the hot routes, and `ending`, what is called at the end.

    Args:
        one_tenant: whether all callers are one tenant's, and may reach what the upstream keeps under their one key.
    """
    upstream = Upstream(settings)
    app.state.hot = {**app.state.hot, **routes(answers, identify, upstream)}
    app.state.ending.append(upstream.close)
    app.router.routes.extend(others(identify, upstream, one_tenant=one_tenant))
