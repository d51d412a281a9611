"""Packs in an embedded service: what was imported, on which terms, and whether it may still be served."""
