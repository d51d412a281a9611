"""The registry: organisations publish, find, mirror and audit packs here."""
