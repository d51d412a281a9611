"""Who may ask what: keys, tokens, tenants, scopes and limits."""

from __future__ import annotations

from seglam.gateway.access.caller import ALL, Caller, Scope

__all__ = ["ALL", "Caller", "Scope"]
