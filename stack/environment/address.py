"""Which database the settings name, and its pool, read without building the settings where every value is plain.

`stack.environment.model.Settings` is pydantic's, whose import takes as long as all the rest of an `up` with nothing to
do. A value that is plainly what it should be needs no pydantic to be judged; wherever one is not, the settings are
built, and they judge it. What is plain is told narrowly: both ways lead to the same database.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from stack.environment.assignments import assign
from stack.environment.files import read_env
from stack.environment.pool import PoolSettings
from stack.environment.python_grammar import parse
from stack.environment.url import SCHEMES, DatabaseURL, InvalidURLError, parse_url
from stack.project import Project
from stack.text import SecretStr

USER: Final = "app"
DATABASE: Final = "app"
HOST: Final = "localhost"
PORT: Final = 5432

_PIECES: Final = ("APP_DB_USER", "APP_DB_PASSWORD", "APP_DB_NAME", "APP_DB_HOST", "APP_DB_PORT")


@dataclass(frozen=True, slots=True)
class Written:
    """What the settings say in so many words: the `database`, or None where they leave it to their defaults.

    The `pool` is whole: what is not said of it is as its defaults are.
    """

    database: DatabaseURL | None
    pool: PoolSettings


def written_address(project: Project, environ: Mapping[str, str]) -> Written:
    """Return which database the project's `.env` and `environ`, which wins, name, and how it is pooled.

    Raises:
        Failure: the settings cannot be used, any of them; or they name a database and no password.
    """
    written = _plainly(project, environ)
    if written is not None:
        return written
    # Imported here: it is what is done without above.
    from stack.environment.settings import load_settings

    settings = load_settings(project, environ)
    return Written(settings.database if settings.names_database else None, settings.pool)


def _plainly(project: Project, environ: Mapping[str, str]) -> Written | None:
    text = read_env(project.env_file)
    if text is None and project.env_file_given:
        return None
    env = parse(text or "", environ.get)
    found = {name: assignment.value for name in PLAIN if (assignment := assign(env, environ, name))}
    values = {name: value for name, value in found.items() if value}
    if env.unreadable or not all(PLAIN[name](value) for name, value in values.items()):
        return None
    return _named(values)


def _named(values: Mapping[str, str]) -> Written | None:
    """Return what plain `values` name; None where they name a database without a password."""
    pool = _pool(values)
    if url := values.get("APP_DB_URL"):
        return Written(parse_url(url), pool)
    if not any(name in values for name in _PIECES):
        url = values.get("DATABASE_URL", "")
        return Written(parse_url(url) if _is_postgres(url) else None, pool)
    if "APP_DB_PASSWORD" not in values:
        return None
    return Written(
        DatabaseURL(
            host=values.get("APP_DB_HOST", HOST),
            port=int(values.get("APP_DB_PORT", PORT)),
            database=values.get("APP_DB_NAME", DATABASE),
            user=values.get("APP_DB_USER", USER),
            password=SecretStr(values["APP_DB_PASSWORD"]),
        ),
        pool,
    )


def _pool(values: Mapping[str, str]) -> PoolSettings:
    default = PoolSettings()
    return PoolSettings(
        size=int(values.get("APP_DB_POOL_SIZE", default.size)),
        max_overflow=int(values.get("APP_DB_MAX_OVERFLOW", default.max_overflow)),
        timeout=float(values.get("APP_DB_POOL_TIMEOUT", default.timeout)),
        recycle=int(values.get("APP_DB_POOL_RECYCLE", default.recycle)),
        pre_ping=values.get("APP_DB_POOL_PRE_PING", "true") == "true",
    )


def _whole(least: int, most: int) -> Callable[[str], bool]:
    def is_plain(value: str) -> bool:
        return re.fullmatch("0|[1-9][0-9]{0,8}", value) is not None and least <= int(value) <= most

    return is_plain


def _matches(pattern: str) -> Callable[[str], bool]:
    return lambda value: re.fullmatch(pattern, value) is not None


def _is_url(value: str) -> bool:
    try:
        parse_url(value)
    except InvalidURLError:
        return False
    return True


def _is_postgres(value: str) -> bool:
    return value.strip().partition("://")[0] in SCHEMES


_PORT: Final = _whole(1, 65535)
_NAME: Final = _matches(r".{1,63}")

PLAIN: Final[Mapping[str, Callable[[str], bool]]] = {
    "APP_DB_USER": _NAME,
    "APP_DB_PASSWORD": bool,
    # Where it is set, a file has to be read, and can be missing.
    "APP_DB_PASSWORD_FILE": lambda _: False,
    "APP_DB_NAME": _NAME,
    "APP_DB_HOST": _matches(r"[A-Za-z0-9._:-]+"),
    "APP_DB_PORT": _PORT,
    "APP_DB_URL": _is_url,
    "DATABASE_URL": lambda value: _is_url(value) or not _is_postgres(value),
    "APP_DB_POOL_SIZE": _whole(1, 10_000),
    "APP_DB_MAX_OVERFLOW": _whole(0, 10_000),
    "APP_DB_POOL_PRE_PING": _matches("true|false"),
    "APP_DB_POOL_RECYCLE": _whole(0, 10**9),
    "APP_DB_POOL_TIMEOUT": _whole(1, 86_400),
    "PGADMIN_EMAIL": _matches(r"[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+"),
    "PGADMIN_PORT": _PORT,
    "PGADMIN_PASSWORD": bool,
}
"""Every setting with what tells a plain value of it."""
