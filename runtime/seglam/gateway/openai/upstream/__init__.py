"""The model's service behind the gateway: asked for everything that procedures do not answer."""

from __future__ import annotations

from seglam.gateway.openai.upstream.service import Upstream
from seglam.gateway.openai.upstream.settings import UpstreamSettings

__all__ = ["Upstream", "UpstreamSettings"]
