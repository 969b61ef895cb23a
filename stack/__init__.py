"""Everything that can be done to a project's Postgres stack, without a terminal in sight.

Imports run downwards only, in the order that ``[tool.importlinter]`` in ``pyproject.toml`` lists.
"""

from typing import Final

VERSION: Final = "0.1.0"
"""The distribution's own version, which a test holds to its metadata: reading those takes longer than all else."""
