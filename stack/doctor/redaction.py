"""Secrets taken out of a text that strangers will read, however they are spelled in it."""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote

from stack.crash import redact as redact_known
from stack.doctor.facts import Examined
from stack.environment.secrecy import is_secret
from stack.findings import Failure
from stack.text import MASK, SecretStr, clean_line

if TYPE_CHECKING:
    from stack.environment.report import EnvironmentReport
    from stack.services.compose.model import ComposeProject
    from stack.services.control import LogLine

_SHORT: Final = 4
"""Characters below which a secret is taken out only where it stands alone: it would tear up every other word."""

_WORD: Final = 6
_WORDS: Final = frozenset({"postgres", "postgresql", "pgadmin", "password", "database"})
"""What is in every log, and too weak to be a secret; the doctor says so elsewhere."""

_SWITCHES: Final = frozenset({"0", "1", "true", "false", "yes", "no", "on", "off"})
_DIRECTORIES: Final = frozenset({"PWD", "OLDPWD"})
"""POSIX's names of the working directory, which look like passwords."""

_URL_PASSWORD: Final = re.compile(r"://[^\s/:@]*:([^\s@]+)@")
_DSN_PASSWORD: Final = re.compile(r"\bpassword\s*=\s*(?:'([^']*)'|(\S+))", re.IGNORECASE)


def secrets_of(
    environment: "EnvironmentReport", compose: "ComposeProject | None", environ: Mapping[str, str]
) -> frozenset[str]:
    """Return what must not be told of a project: the secrets of its `.env`, of its services and of the shell."""
    values = [
        value.get_secret_value()
        for variable in environment.variables
        for value in (variable.value, variable.template_value, variable.as_compose, variable.as_python)
        if isinstance(value, SecretStr)
    ]
    pairs = [*environ.items()]
    if compose is not None:
        pairs += [
            (name, value)
            for service in compose.services.values()
            for name, value in service.environment.items()
            if value
        ]
    values += [value for name, value in pairs if name not in _DIRECTORIES and is_secret(name, value)]
    return frozenset(part for value in values for part in _parts(value) if part.lower() not in _SWITCHES)


def known_secrets(stack: Examined, environ: Mapping[str, str]) -> frozenset[str]:
    """Return every secret of `stack` that its files and the shell `environ` hold; what cannot be read has none."""
    try:
        compose = stack.compose()
    except Failure:
        compose = None
    try:
        password = stack.address().password
    except Failure:
        password = None
    # The password may be in a file of its own.
    in_use = {password.get_secret_value()} if password else frozenset[str]()
    return secrets_of(stack.environment(), compose, environ) | in_use


def veil(secrets: Iterable[str]) -> Callable[[str], str]:
    """Return what hides `secrets` in lines that come by the thousand: as they are, and percent-encoded.

    Those that are no more than a word, as a server's own name often is, stay: it would stand behind a mask everywhere.
    """
    hidden = [secret for secret in secrets if len(secret) >= _WORD and secret not in _WORDS]
    spelled = {spelling for secret in hidden for spelling in (secret, quote(secret, safe=""), quote(secret))}
    longest_first = sorted(spelled, key=len, reverse=True)

    def cover(text: str) -> str:
        for secret in longest_first:
            if secret in text:
                text = text.replace(secret, MASK)
        return text

    return cover


async def veiled(lines: "AsyncIterator[LogLine]", cover: Callable[[str], str]) -> "AsyncGenerator[LogLine, None]":
    """Yield `lines` of a log with what `cover` hides hidden in each."""
    async for line in lines:
        text = cover(line.text)
        yield line if text is line.text else replace(line, text=text)


def _parts(value: str) -> Iterator[str]:
    """Yield `value`, its lines, and the password in it where it is an address."""
    yield from (value, *value.splitlines())
    for matched in (*_URL_PASSWORD.finditer(value), *_DSN_PASSWORD.finditer(value)):
        found = next(group for group in matched.groups() if group is not None)
        yield from (found, unquote(found))


def redactor(secrets: Iterable[str]) -> Callable[[str], str]:
    """Return what replaces each of `secrets` in a text, and whatever else is plainly a password, by the mask.

    A secret is found as it is, percent-encoded wholly or in part, with backslashes before what is no letter, as JSON
    and shells have it, and with its control characters made visible.
    """
    longest_first = sorted(filter(str.strip, secrets), key=len, reverse=True)
    pattern = re.compile("|".join(map(_spellings, longest_first)) or r"(?!)")

    def redact(text: str) -> str:
        return redact_known(pattern.sub(MASK, text))

    return redact


def _spellings(secret: str) -> str:
    found = "".join(map(_spelling, secret))
    return rf"(?<![^\W_]){found}(?![^\W_])" if len(secret) < _SHORT else found


def _spelling(character: str) -> str:
    encoded = "".join(f"%{byte:02x}" for byte in character.encode(errors="surrogateescape"))
    ways = [re.escape(character), f"(?i:{encoded})", re.escape(clean_line(character))]
    if character == " ":
        ways.append(r"\+")
    escape = "" if character.isalnum() else r"\\*"
    return f"{escape}(?:{'|'.join(dict.fromkeys(ways))})"
