"""The procedure document: model, value types, match patterns, canonical form."""
