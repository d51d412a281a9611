"""Packs of other origins: fetched when they are asked for, followed as they change, kept under their own names."""
