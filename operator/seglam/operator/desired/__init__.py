"""Pure builders: what an object is to look like. No input or output."""
