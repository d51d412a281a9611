"""Where tools come from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from seglam.gateway.access import Caller
from seglam.procedures import Revision

Revisions = Callable[[Caller], Awaitable[Sequence[Revision]]]
"""Gives the revisions that are active for a caller."""
