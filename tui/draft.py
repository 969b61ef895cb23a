"""What stays of the SQL console while it is closed."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stack.tables.console.running import Answer


@dataclass(slots=True)
class Draft:
    """The text that is typed, and what the last statement returned."""

    text: str = ""
    answer: "Answer | None" = None
