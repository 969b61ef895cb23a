"""The stages of the way from an engine to data, as someone new meets them."""

from typing import Final

from stack.doctor.examination import Stage

RUNTIME: Final = Stage(
    "runtime",
    "Docker",
    "Docker runs Postgres in a container, apart from the rest of this machine. Without it an embedded server does.",
    headline="runtime",
)
ENVIRONMENT: Final = Stage(
    "environment",
    "Settings",
    "The file .env holds this machine's passwords and ports. It is made from .env.example and never shared.",
    headline="environment",
)
SERVICES: Final = Stage(
    "services",
    "Database server",
    "The Compose file says which servers this project needs. Starting one creates its container if there is none.",
    headline="services",
)
DATABASE: Final = Stage(
    "database",
    "Connection",
    "A query is sent with the user and the password of .env, as the application would.",
    headline="database",
)
MIGRATIONS: Final = Stage(
    "migrations",
    "Migrations",
    "Migrations are the steps that build the tables. Alembic applies those that this database has not seen.",
    headline="migrations",
)
DATA: Final = Stage(
    "data",
    "Data",
    "The rows themselves. Sample bookings make an empty database worth looking at.",
    headline="data",
)
