"""The checklist from an engine to data: every check, what each one needs, and what mends it."""
