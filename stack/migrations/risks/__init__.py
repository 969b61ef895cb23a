"""What a step will do to a live table: what it locks, how long, and what is lost by it."""
