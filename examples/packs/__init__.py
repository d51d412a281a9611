"""A pack, examples of trust, and the demonstration behind `make demo-packs`."""
