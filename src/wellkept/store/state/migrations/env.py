"""Alembic's entry point: migrates over the connection that the state store hands in."""

from alembic import context

from wellkept.store.state.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
context.run_migrations()
