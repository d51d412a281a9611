"""Life after admission: what people and checks find out about revisions that are served, and what follows from it."""
