"""The console: what waits for a review and deciding on it; how requests are answered and what that saves.

It shows what the API shows and decides through what the API decides through; see `seglam.web.pages` for how.
"""

from __future__ import annotations

from seglam.gateway.pages.board import Board, EmbeddedBoard
from seglam.gateway.pages.desk import Desk, EmbeddedDesk
from seglam.gateway.pages.people import Members, Neighbours
from seglam.gateway.pages.routes import Console

__all__ = ["Board", "Console", "Desk", "EmbeddedBoard", "EmbeddedDesk", "Members", "Neighbours"]
