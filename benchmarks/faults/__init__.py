"""Faults put into correct procedures and their patterns, to see which gate stops them: `python -m benchmarks.faults`."""
