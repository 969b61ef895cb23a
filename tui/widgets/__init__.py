"""The deck's own widgets, one a file."""
