"""What the benchmarks of serving run: one client for all, and servers that are compared."""

from __future__ import annotations
