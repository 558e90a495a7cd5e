"""What alembic runs: the steps, within the transaction of the connection that it is given."""

from alembic import context

from alviz.studies.tables import tables

context.configure(connection=context.config.attributes["connection"], target_metadata=tables())
with context.begin_transaction():
    context.run_migrations()
