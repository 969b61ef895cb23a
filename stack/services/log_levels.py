"""How serious a line of a log is, as far as the line itself says it.

Servers write it in many ways: Postgres as ``ERROR:`` and two spaces, in the language of its messages; gunicorn, and
with it pgAdmin, as ``[INFO]``; nginx as ``[error]``; others as JSON, or as logfmt's ``level=warn``.
"""

import re
from collections.abc import Mapping
from enum import IntEnum
from typing import Final


class Level(IntEnum):
    """How serious a line is, in ascending order; `UNKNOWN` where it does not say."""

    UNKNOWN = 0
    DEBUG = 1
    INFO = 2
    WARNING = 3
    ERROR = 4
    FATAL = 5


_READ: Final = 240
"""Characters of a line that are looked at: whoever says how serious a line is says it early."""

# The words of the severities as PostgreSQL's own catalogues translate them (src/backend/po), where they differ from
# the English ones.
_POSTGRES: Final[Mapping[str, Level]] = {
    **dict.fromkeys(("DEBUG", "DEBUG1", "DEBUG2", "DEBUG3", "DEBUG4", "DEBUG5", "ОТЛАДКА", "调试"), Level.DEBUG),
    **dict.fromkeys(("LOG", "INFO", "NOTICE", "HINWEIS", "NOTIFICA", "LOGG", "NOTIS"), Level.INFO),
    **dict.fromkeys(("СООБЩЕНИЕ", "ИНФОРМАЦИЯ", "ЗАМЕЧАНИЕ", "日志", "信息", "注意"), Level.INFO),
    **dict.fromkeys(("WARNING", "WARNUNG", "ATTENTION", "ATTENZIONE", "VARNING"), Level.WARNING),
    **dict.fromkeys(("ПРЕДУПРЕЖДЕНИЕ", "ПОПЕРЕДЖЕННЯ", "경고", "警告"), Level.WARNING),
    **dict.fromkeys(("ERROR", "FEHLER", "ERREUR", "ERRORE", "FEL", "ОШИБКА", "ПОМИЛКА", "오류", "错误"), Level.ERROR),
    **dict.fromkeys(("FATAL", "PANIC", "PANIK", "FATALE", "PANICO", "FATALT"), Level.FATAL),
    **dict.fromkeys(("ВАЖНО", "ПАНИКА", "ФАТАЛЬНО", "ПАНІКА", "치명적오류", "致命错误"), Level.FATAL),
}

_WORDS: Final[Mapping[str, Level]] = {
    **dict.fromkeys(("trace", "debug", "verbose", "finest", "fine"), Level.DEBUG),
    **dict.fromkeys(("info", "information", "notice", "log"), Level.INFO),
    **dict.fromkeys(("warn", "warning"), Level.WARNING),
    **dict.fromkeys(("err", "error", "severe"), Level.ERROR),
    **dict.fromkeys(("crit", "critical", "alert", "emerg", "emergency", "fatal", "panic", "dpanic"), Level.FATAL),
}

# A message ends its head with a colon and two spaces, and so does each of its parts: ``DETAIL:  ``, ``STATEMENT:  ``.
_POSTGRES_HEAD: Final = re.compile(r"(?:^|[\s\]])(\w{1,20}) ?:  (?! )")

_WORD: Final = "|".join(sorted(_WORDS, key=len, reverse=True))
_ANNOUNCED: Final = re.compile(
    # JSON and logfmt name the field; pino and bunyan write numbers.
    rf"""\b(?:level|lvl|severity|levelname|loglevel)["']?\s*[=:]\s*["']?(?:({_WORD})\b|(\d0)\b)"""
    # [error], <warn>, (info)
    rf"|[\[<(]({_WORD})[\]>)]"
    # error: at the start of the line, or after a program's name or a time
    rf"|(?:^|(?<=[\s\]]))({_WORD}):(?=\s|\w)"
)
_CAPITALS: Final = re.compile(rf"(?:^|[\s|\]])({_WORD.upper()})(?=[\s|:\[]|$)")

_NUMBERS: Final[Mapping[str, Level]] = {
    "10": Level.DEBUG,
    "20": Level.DEBUG,
    "30": Level.INFO,
    "40": Level.WARNING,
    "50": Level.ERROR,
    "60": Level.FATAL,
}


def level_of(text: str) -> Level | None:
    """Return what the line `text` says of itself; None where it goes on with the message before it.

    A tab at the start goes on, as does a part of a Postgres message that comes after its head: ``DETAIL``, ``HINT``,
    ``CONTEXT``, ``STATEMENT``, by whatever name a translation calls it.
    """
    if text.startswith(("\t", "    ")):
        return None
    head = text[:_READ]
    if postgres := _POSTGRES_HEAD.search(head):
        # A word that is none of the severities names a part of a message.
        return _POSTGRES.get(postgres[1]) if postgres[1].isupper() or not postgres[1].isascii() else _said(head)
    return _said(head)


def _said(head: str) -> Level:
    # In small letters throughout: an expression that ignores case takes ten times as long.
    if found := _ANNOUNCED.search(head.lower()):
        word = found[1] or found[3] or found[4]
        return _WORDS[word] if word else _NUMBERS.get(found[2], Level.UNKNOWN)
    if found := _CAPITALS.search(head):
        return _WORDS[found[1].lower()]
    return Level.UNKNOWN


class Levels:
    """The levels of one log's lines, one after the other: what belongs to a message has the level of its head."""

    def __init__(self) -> None:
        """Begin before the first line."""
        self._latest = Level.UNKNOWN

    def next(self, text: str) -> Level:
        """Return the level of the next line."""
        level = level_of(text)
        if level is not None:
            self._latest = level
        return self._latest
