"""What there is to look at in a schema, by who can see it."""

from enum import StrEnum
from typing import Final


class Aspect(StrEnum):
    """One kind of thing that may differ, in a phrase for a person."""

    # What Alembic compares between the models and the database
    MODELS = "tables, columns, their types, NULL and defaults, foreign keys, unique constraints and indexes"
    # What our own reading of the catalogue compares between the migrations and the database
    RELATIONS = "tables of every schema, with their columns and the order of these"
    COLUMNS = "columns: types, collations, NULL, defaults, generated expressions, identity, statistics targets"
    CONSTRAINTS = "constraints: primary and foreign keys, unique, CHECK and exclusion constraints, and which are valid"
    INDEXES = "indexes: methods, expressions, predicates, INCLUDE columns, and which are invalid"
    ENUMS = "values of enum types"
    DOMAINS = "domains"
    TRIGGERS = "triggers, and which are disabled"
    VIEWS = "views and materialized views"
    FUNCTIONS = "functions, procedures and aggregates"
    POLICIES = "row-level security and its policies"
    SEQUENCES = "sequences"
    GRANTS = "grants and owners"
    STORAGE = "storage: unlogged tables, fillfactor and other options, partitions, extended statistics"
    COMMENTS = "comments"
    EXTENSIONS = "extensions"
    RULES = "rules"


UNSEEN_BY_AUTOGENERATE: Final = (
    "CHECK constraints and their expressions",
    "exclusion constraints",
    "primary keys of tables that are there already",
    "constraints that are not valid, and their names",
    "an index's method, predicate or INCLUDE columns, and whether it is valid",
    "values of enum types",
    "generated expressions and collations",
    "triggers, functions, views and materialized views",
    "sequences that no column owns",
    "row-level security, grants and owners",
    "unlogged tables, fillfactor and statistics",
    "a renamed table or column, which it drops and adds anew, with the data lost",
)
"""What a migration made from the models lacks, however they differ there (Alembic 1.20, tried by hand)."""
