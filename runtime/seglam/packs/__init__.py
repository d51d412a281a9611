"""Packs: signed, versioned sets of procedures that travel between organisations."""
