"""A command in one text into its words, as Compose splits them.

It is not a shell's rule: outside of single quotes a backslash takes the next character as it is, an operator without
quotes ends the command with all that follows, and substitutions are kept as they are written.
"""

from typing import Final

_OPERATORS: Final = ";&|<>"
_BLANKS: Final = " \t\r\n"


class CommandSyntaxError(ValueError):
    """A text that cannot be split into words."""


def split(command: str) -> tuple[str, ...]:  # noqa: C901 - one state machine over characters is clearest in one piece
    """Return the words of `command`.

    Raises:
        CommandSyntaxError: a quote or a substitution is not closed, or a parenthesis is bare.
    """
    words: list[str] = []
    word = ""
    is_word = is_escaped = False
    inside = ""  # the character that closes what we are in: a quote, a backquote, or the parenthesis of a $(
    for character in command:
        if is_escaped:
            word += character
            is_escaped, is_word = False, True
        elif character == "\\" and inside != "'":
            is_escaped = True
        elif character == inside:
            word += character if inside in "`)" else ""
            inside = ""
        elif inside:
            word += character
        elif character in "'\"`":
            word += character if character == "`" else ""
            inside, is_word = character, True
        elif character == "(" and word.endswith("$"):
            word += character
            inside = ")"
        elif character in "()":
            raise CommandSyntaxError("expected no bare parenthesis; put the command in a list, one word an item")
        elif character in _OPERATORS:
            is_word = is_word and not (character == ">" and "0" <= word[:1] <= "9")
            break
        elif character not in _BLANKS:
            word += character
            is_word = True
        elif is_word:
            words.append(word)
            word, is_word = "", False
    if inside or is_escaped:
        raise CommandSyntaxError("expected quotes and $( to be closed, and something behind a backslash")
    return (*words, word) if is_word else tuple(words)
