"""Decisions: ordered chains of pure functions, each `(Input) -> Verdict | None`; the first verdict stands."""
