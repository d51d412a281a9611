"""Labelled request streams: what the demo, `seglam replay` and the measurements run on.

`python -m examples.streams --help` writes a stream as JSON lines; `python -m examples.streams.defects` counts the
defects of the generators it draws from. Nothing heavy is imported before a family of reasoning-gym is used.
"""
