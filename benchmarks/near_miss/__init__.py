"""The near-miss battery: pairs of requests of which the second is near the first and means something else, or the same.

A cache that decides by nearness serves the first one's answer for the second. The battery says how often a wrong answer
is served, for each kind of nearness, by SEGLAM and by caches of answers (`python -m benchmarks near_miss`).
"""
