"""The server of a sandboxed pod: runs admitted revisions and programs, behind mutual TLS, for one tenant."""

from __future__ import annotations

from seglam.sandbox.runner.server import serve
from seglam.sandbox.runner.settings import Settings, SettingsError

__all__ = ["Settings", "SettingsError", "serve"]
