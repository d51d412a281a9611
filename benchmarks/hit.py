"""A whole hit, from a request's text to the answer: in process and over HTTP, beside a FastAPI no-op."""

from __future__ import annotations

from benchmarks.report import Report


def run(quick: bool) -> Report:
    """Everything; `quick` takes fewer rounds and calls."""
    return Report("hit")
