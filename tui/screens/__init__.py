"""The six screens, and what they have in common."""
