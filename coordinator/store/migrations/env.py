"""How alembic runs here: on the connection `coordinator.store.migrate` gives it."""

from alembic import context

from coordinator.store.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
