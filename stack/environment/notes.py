"""What a template says about its variables, in the comments that stand above them. Pure."""

import re
from collections.abc import Mapping
from typing import Final

from stack.environment import python_grammar

_LONGEST: Final = 200
_RULE: Final = re.compile(r"[-=#*_~ ]{4,}$")


def notes_of(template: str) -> Mapping[str, str]:
    """Return what the comment lines right above each variable of `template` say, on one line, by its name.

    A comment stands for all of the lines beneath it, up to a blank line, as people write them.
    """
    notes: dict[str, str] = {}
    comment: list[str] = []
    in_comment = False
    for statement in python_grammar.statements(template):
        body = statement.text.strip()
        if _leading_blank_line(statement.text):
            comment = []
        if body.startswith("#"):
            comment = [*comment, _words(body)] if in_comment else [_words(body)]
            in_comment = True
            continue
        in_comment = False
        if statement.name is not None and (note := " ".join(filter(None, comment))):
            notes.setdefault(statement.name, note if len(note) <= _LONGEST else f"{note[:_LONGEST]}…")
    return notes


def _words(comment: str) -> str:
    return _RULE.sub("", comment.lstrip("#").strip()).strip()


def _leading_blank_line(text: str) -> bool:
    return "\n" in text[: len(text) - len(text.lstrip())]
