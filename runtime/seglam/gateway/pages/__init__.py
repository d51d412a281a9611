"""The review console: what waits, what speaks for and against it, trying it, and deciding.

It shows what the API shows and decides through what the API decides through; see `seglam.web.pages` for how.
"""

from __future__ import annotations

from seglam.gateway.pages.desk import Desk, EmbeddedDesk
from seglam.gateway.pages.routes import Console

__all__ = ["Console", "Desk", "EmbeddedDesk"]
