"""Caches of answers by similarity, which the benchmarks run beside SEGLAM.

They live in an environment of their own (`make peers`), since nothing of SEGLAM needs what they need; the modules that
they run in import nothing of SEGLAM. `python -m benchmarks.peers` speaks JSON lines.
"""
