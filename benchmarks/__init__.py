"""Measurements of lookup, sandbox and whole hits, each beside a floor measured in the same run: `make bench`."""
