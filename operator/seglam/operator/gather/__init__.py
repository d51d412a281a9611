"""Reads: what a reconcile needs to know, brought together before anything is decided."""
