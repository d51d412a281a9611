"""Procedures as tools of a Model Context Protocol server: an agent calls reviewed code instead of reasoning again."""
