"""One file a kind: gather, decide, build, apply, and one status at the end."""
