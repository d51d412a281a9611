"""Faults put into correct code and patterns, to see which gate stops them: `python -m benchmarks.faults`."""
