"""The database itself: connections and sessions, whether it answers, and who else is connected."""
