"""What the HTTP services share: errors as problem documents, and checking tokens (`seglam.web.keyring`)."""

from __future__ import annotations

from seglam.web.problems import Problem

__all__ = ["Problem"]
