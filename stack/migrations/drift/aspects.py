"""What there is to look at in a schema, by who can see it."""

from enum import StrEnum
from typing import Final


class Aspect(StrEnum):
    """One kind of thing that may differ, in a phrase for a person."""

    # What Alembic compares between the models and the database
    MODELS = "the models: tables, columns, types, NULL, defaults, foreign keys, unique constraints and indexes"
    # What our own reading of the catalogue compares between the migrations and the database
    RELATIONS = "schemas, tables, and the order of their columns"
    COLUMNS = "columns: types, collations, NULL, defaults, generated expressions, identity, statistics targets"
    CONSTRAINTS = "constraints: primary and foreign keys, unique, CHECK and exclusion, and whether they are valid"
    INDEXES = "indexes: methods, expressions, predicates, INCLUDE columns, and whether they are valid"
    TYPES = "enum types and their values, domains, composite types"
    TRIGGERS = "triggers, and whether they are disabled"
    VIEWS = "views, materialized views and rules"
    FUNCTIONS = "functions, procedures and aggregates"
    POLICIES = "row-level security and its policies"
    SEQUENCES = "sequences"
    GRANTS = "owners and grants of schemas, tables, columns, sequences and functions"
    STORAGE = "unlogged tables, fillfactor and other options, partitions, inheritance, extended statistics"
    COMMENTS = "comments of tables and columns"
    EXTENSIONS = "extensions"


OF_THE_CATALOGUE: Final = tuple(aspect for aspect in Aspect if aspect is not Aspect.MODELS)

NEVER_LOOKED_AT: Final = (
    "the rows",
    "roles, and settings of the database and of roles",
    "default privileges, and grants of types",
    "event triggers, publications and subscriptions",
    "foreign servers, casts, operators and text search configurations",
)
"""What nobody here compares."""

UNSEEN_BY_AUTOGENERATE: Final = (
    "CHECK constraints and their expressions",
    "exclusion constraints",
    "primary keys of tables that are there already",
    "constraints that are not valid, and their names",
    "an index's method, predicate or INCLUDE columns, and whether it is valid",
    "values of enum types",
    "the enum type of a column that it adds: create it first, and drop it in the downgrade",
    "generated expressions and collations",
    "triggers, functions, views and materialized views",
    "sequences that no column owns",
    "row-level security, grants and owners",
    "unlogged tables, fillfactor and statistics",
    "a renamed table or column, which it drops and adds anew, with the data lost",
)
"""What a migration made from the models lacks, however they differ there (Alembic 1.20, tried by hand)."""
