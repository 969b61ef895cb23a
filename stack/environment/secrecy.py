"""Which variables hold secrets, and which values are only a template's placeholders."""

import re
from typing import Final

SECRET_SETTINGS: Final = frozenset({"APP_DB_PASSWORD", "PGADMIN_PASSWORD", "APP_DB_URL", "DATABASE_URL"})

# Rather one too many: a misspelled password is one all the same. A name in _FILE holds a path.
_SECRET_NAME: Final = re.compile(
    r"(?:PASS|PA?S{1,2}W(?:OR)?D|PWD|SECRET|TOKEN|CREDENTIAL|API_?KEY|(?:^|_)(?:KEY|DSN)(?:_BASE)?$)"
    r"(?!\w*_(?:FILE|PATH|DIR)$)",
    re.IGNORECASE,
)
_OWN_SECRET_NAME: Final = re.compile(r"(?:PASSWORD|PASSWD|(?:^|_)PASS|SECRET|SECRET_KEY)$", re.IGNORECASE)
# A URL with a password, or libpq's `host=… password=…`. Of the scheme one character will do: values may be long.
_WITH_PASSWORD: Final = re.compile(r"[a-z0-9+.-]://[^/\s@]*:[^@]+@|\bpassword\s*=", re.IGNORECASE)
_PLACEHOLDER: Final = re.compile(
    r"(?:(?:change|replace)[-_ ]?(?:me|this|it)|to-?do)(?:[^a-z].*)?|your[-_ ].*|<.*>|x{3,}|\.{3}|…|placeholder",
    re.IGNORECASE,
)
# What people and templates write first, and whoever tries passwords too; shorter ones are weak for their length.
_COMMON: Final = re.compile(r"(?:postgres|password|qwerty|admin|0?123456)[a-z]{0,3}[0-9]{0,4}!?", re.IGNORECASE)
_SHORTEST: Final = 8


def is_secret(name: str, value: str | None = None) -> bool:
    """Return whether the variable `name`, with this `value` where it is known, must not be shown."""
    return name in SECRET_SETTINGS or bool(_SECRET_NAME.search(name)) or bool(value and _WITH_PASSWORD.search(value))


def is_own_secret(name: str) -> bool:
    """Return whether `name` is a secret that a project chooses for itself, so that a generated one will do.

    A password of the project's own database is one; a token that somebody else's service issued is not.
    """
    return bool(_OWN_SECRET_NAME.search(name))


def is_placeholder(value: str) -> bool:
    """Return whether `value` only stands where a person's own belongs, as ``change-me`` does."""
    return _PLACEHOLDER.fullmatch(value.strip()) is not None


def is_weak(password: str) -> bool:
    """Return whether somebody who may try often would find `password`: a placeholder, a common one, or a short one."""
    return is_placeholder(password) or bool(_COMMON.fullmatch(password)) or len(password) < _SHORTEST
