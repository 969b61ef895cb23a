"""A Postgres server of the machine's own, for where no container engine is: found, made, started, found again."""
