"""A database's address, out of any of the spellings that Python projects use for it."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from stack.text import MASK, SecretStr

SCHEMES: Final = ("postgresql", "postgres", "postgresql+psycopg", "postgresql+asyncpg", "postgresql+psycopg2")
"""All of them mean psycopg 3 here."""

LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


class InvalidURLError(ValueError):
    """A text that is no Postgres URL. The message says what was expected and never quotes the text."""


@dataclass(frozen=True, slots=True)
class DatabaseURL:
    """Where a database is and who asks; `options` are libpq's connection parameters, such as ``sslmode``."""

    host: str
    port: int
    database: str
    user: str
    password: SecretStr | None = None
    options: tuple[tuple[str, str], ...] = ()

    @property
    def is_local(self) -> bool:
        """Whether the host is this machine's loopback interface."""
        return self.host in LOOPBACK

    @property
    def masked(self) -> str:
        """The URL to show, with its password hidden."""
        return self._text(MASK if self.password else None)

    def reveal(self) -> str:
        """Return the URL with its password, percent-encoded where it must be, under the scheme ``postgresql``."""
        return self._text(quote(self.password.get_secret_value(), safe="") if self.password else None)

    def _text(self, password: str | None) -> str:
        secret = f":{password}" if password is not None else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        query = f"?{urlencode(self.options)}" if self.options else ""
        user, database = quote(self.user, safe=""), quote(self.database, safe="")
        return f"postgresql://{user}{secret}@{host}:{self.port}/{database}{query}"


def parse_url(text: str) -> DatabaseURL:
    """Read a Postgres URL; the port defaults to 5432, the database to the user's name, as libpq has it.

    Raises:
        InvalidURLError: it has another scheme, no host or no user, or a port that is no port.
    """
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError:
        raise InvalidURLError(
            "expected postgresql://USER:PASSWORD@HOST:PORT/DATABASE with a port from 1 to 65535"
        ) from None
    if parts.scheme not in SCHEMES:
        # Text that is no URL at all may be a password with a colon in it.
        shown = f"{parts.scheme}://" if "://" in text else "no scheme"
        raise InvalidURLError(f"expected a URL that begins with postgresql://, got {shown}")
    if not parts.hostname:
        raise InvalidURLError("expected a host after the @, as in postgresql://USER:PASSWORD@HOST:PORT/DATABASE")
    if not parts.username:
        raise InvalidURLError("expected a user before the @, as in postgresql://USER:PASSWORD@HOST:PORT/DATABASE")
    if port == 0:
        raise InvalidURLError("expected a port from 1 to 65535, got 0")
    user = unquote(parts.username)
    return DatabaseURL(
        host=parts.hostname,
        port=port or 5432,
        database=unquote(parts.path.removeprefix("/")) or user,
        user=user,
        password=SecretStr(unquote(parts.password)) if parts.password else None,
        options=tuple(_libpq_option(name, value) for name, value in parse_qsl(parts.query)),
    )


def _libpq_option(name: str, value: str) -> tuple[str, str]:
    # asyncpg calls it `ssl` and takes libpq's words, or a truth value.
    if name != "ssl":
        return name, value
    return "sslmode", {"true": "require", "1": "require", "false": "disable", "0": "disable"}.get(value.lower(), value)
