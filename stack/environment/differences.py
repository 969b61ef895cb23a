"""Why Compose and Python read a line of `.env` differently, without a word of what the line says. Pure."""

import re
from typing import Final

_REASONS: Final = (
    (re.compile(r"^[^\n=]*(?<!')\s*:"), "Compose takes NAME: for a name too, and Python does not"),
    (re.compile(r"='[^\n]*\$\{"), "within single quotes Python looks for a variable after ${, and Compose does not"),
    (re.compile(r'="[^\n]*\\\$'), "Compose reads a backslash with a $ as the $ alone, and Python as both"),
    (re.compile(r"\$\$"), "Compose reads $$ as one $, and Python as two"),
    (re.compile(r"\$"), "Compose takes a name after $ for a variable, and Python only one within ${ and }"),
    (re.compile(r"\\"), "Compose and Python read a backslash differently"),
    (re.compile(r"#"), "Compose takes a # for a comment only behind a space, and Python behind any blank"),
    (re.compile(r"['\"]"), "Compose and Python do not agree on where the quotes end"),
)


def reason(written: str) -> str:
    """Return why the two read `written`, an assignment as it stands in the file, differently, as far as one can see."""
    return next((words for mark, words in _REASONS if mark.search(written)), "Compose and Python read it differently")
