"""Who may do what: identity tokens in, short tokens for one namespace out, and the namespaces' members."""

from __future__ import annotations

from seglam.registry.access.identities import Identity, Principal, Scope

__all__ = ["Identity", "Principal", "Scope"]
