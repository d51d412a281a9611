"""The index of a registry as TUF metadata: what is listed, and that the list is neither old nor frozen."""
