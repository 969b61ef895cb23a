"""Alembic migrations: history, status, and the runner that applies them."""
