"""The booking tables, made by this repository's own migrations."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import NullPool, create_engine

from stack.database.sessions import sqlalchemy_url
from stack.environment.url import DatabaseURL

ALEMBIC_INI = Path(__file__).parents[2] / "alembic.ini"


def upgrade(url: DatabaseURL) -> None:
    """Bring a database to the newest revision."""
    engine = create_engine(sqlalchemy_url(url), poolclass=NullPool)
    with engine.connect() as connection:
        command.upgrade(Config(ALEMBIC_INI, attributes={"connection": connection}), "head")
