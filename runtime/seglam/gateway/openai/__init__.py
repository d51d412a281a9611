"""The OpenAI-compatible API: what procedures answer in a model's place, and the model for everything else."""

from __future__ import annotations

from seglam.gateway.openai.mounting import add_openai
from seglam.gateway.openai.upstream import UpstreamSettings

__all__ = ["UpstreamSettings", "add_openai"]
