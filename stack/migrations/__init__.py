"""Alembic's migrations: the history in the files, where a database stands in it, and moving it."""
