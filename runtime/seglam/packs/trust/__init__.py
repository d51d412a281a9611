"""Who says what of a pack, and whether that is enough: statements, signatures, policies and the one gate."""
