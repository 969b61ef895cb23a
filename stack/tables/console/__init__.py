"""The SQL console: one statement at a time, read-only, with completion and a history."""
