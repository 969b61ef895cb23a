"""The deck's styles, of which each source is parsed once for each theme.

Textual parses all sources anew, its widgets' own among them, three times whenever a screen is first gone to: a third of
a second in which no key is answered.
"""

from textual.cache import LRUCache
from textual.css.stylesheet import Stylesheet

_SOURCES = 1024
"""More than there are: of fewer kept, the oldest would go before each is asked for again."""


class ParsedOnce(Stylesheet):
    """A `Stylesheet` that keeps what it parsed for as long as its variables are the same."""

    def __init__(self, variables: dict[str, str]) -> None:
        """Begin with no source."""
        super().__init__(variables=variables)
        self._parse_cache = LRUCache(_SOURCES)

    def set_variables(self, variables: dict[str, str]) -> None:
        """Take the theme's variables, and forget what was parsed with others."""
        if variables != self._variables:
            super().set_variables(variables)

    def reparse(self) -> None:
        """Parse what has not been parsed with these variables."""
        self.parse()
