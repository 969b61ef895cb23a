"""What runs: the Compose file's containers on an engine, or a Postgres server of the machine's own."""
