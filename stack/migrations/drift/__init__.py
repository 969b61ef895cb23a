"""Drift: what differs between the models, the migrations and the real database, and what was not looked at."""
