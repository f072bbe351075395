"""Alembic's entry: revisions run on the connection, and in the transaction, that `upgrade` opened."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
context.run_migrations()
