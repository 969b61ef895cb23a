"""The bookings of this repository's own stack: models, what can be done with them, and sample data."""
