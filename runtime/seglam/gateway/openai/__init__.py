"""The OpenAI-compatible API: what procedures answer in a model's place, and the model for everything else."""

from __future__ import annotations

from seglam.gateway.openai.routes import others, routes
from seglam.gateway.openai.upstream import Upstream, UpstreamSettings

__all__ = ["Upstream", "UpstreamSettings", "others", "routes"]
