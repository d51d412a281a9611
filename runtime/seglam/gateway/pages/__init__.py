"""The console: what waits for a review and deciding on it; how requests are answered and what that saves.

It shows what the API shows and decides through what the API decides through; see `seglam.web.pages` for how. What it
shows comes through `Desk` and `Board`, who looks through `People`: `embedded` and `people` are those of an embedded
service, a cluster's are in `seglam.gateway.cluster.console`.
"""

from __future__ import annotations

from seglam.gateway.pages.board import Board
from seglam.gateway.pages.desk import Desk
from seglam.gateway.pages.routes import Console

__all__ = ["Board", "Console", "Desk"]
