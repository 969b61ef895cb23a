"""`.env` files and the settings they hold: both grammars, provenance, the template, edits."""
