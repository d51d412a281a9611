"""From a miss to a proposed revision."""
