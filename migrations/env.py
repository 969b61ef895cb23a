"""What Alembic runs around every migration of the booking tables.

It works on the connection that a caller puts into ``config.attributes["connection"]``, or else on one of its own to
the database that the settings name. That one is synchronous, as Alembic is, so no event loop is in the way whether
one runs or not.
"""

from logging.config import fileConfig

from alembic import context
from alembic.util import CommandError
from sqlalchemy import Connection, NullPool, create_engine
from sqlalchemy.exc import OperationalError

from stack.booking.models import Base
from stack.database.errors import explain
from stack.database.sessions import sqlalchemy_url
from stack.environment.settings import application_settings
from stack.findings import Failure


def migrate_offline() -> None:
    """Print the SQL instead of running it."""
    context.configure(
        dialect_name="postgresql",
        target_metadata=Base.metadata,
        literal_binds=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def migrate(connection: Connection) -> None:
    """Run the migrations on `connection`, each in a transaction of its own."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        transaction_per_migration=True,
        compare_type=True,
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def migrate_online() -> None:
    """Run the migrations on a connection of our own; what stops it is said in a line, not in a traceback."""
    if context.config.config_file_name is not None:
        fileConfig(context.config.config_file_name, disable_existing_loggers=False)
    try:
        url = application_settings().database
        engine = create_engine(sqlalchemy_url(url), poolclass=NullPool)
        try:
            connection = engine.connect()
        except OperationalError as error:
            raise explain(error, url) from None
    except Failure as failure:
        raise CommandError(f"{failure.finding.title}: {failure.finding.evidence or failure.finding.cause}") from None
    with connection:
        migrate(connection)


if context.is_offline_mode():
    migrate_offline()
elif (given := context.config.attributes.get("connection")) is not None:
    migrate(given)
else:
    migrate_online()
