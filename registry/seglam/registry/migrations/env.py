"""What Alembic runs: on the connection that it is given, in the transaction that is open there."""

from __future__ import annotations

from alembic import context

from seglam.registry.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
