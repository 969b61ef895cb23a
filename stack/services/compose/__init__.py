"""Compose files, read as Compose reads them: load, interpolate, merge, model, config hash."""
