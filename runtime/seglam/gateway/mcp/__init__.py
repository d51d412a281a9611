"""Procedures as tools of a Model Context Protocol server: an agent calls reviewed code instead of reasoning again."""

from __future__ import annotations

from seglam.gateway.mcp.server import Tools

__all__ = ["Tools"]
