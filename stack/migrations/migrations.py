"""The migrations of one project on one database."""
