"""Everything that can be done to a project's Postgres stack, without a terminal in sight.

Imports run downwards only, in the order that ``[tool.importlinter]`` in ``pyproject.toml`` lists.
"""
