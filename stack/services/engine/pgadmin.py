"""What pgAdmin keeps in its volume: who may sign in, and the servers that it was told of."""

import base64
import hashlib
import hmac
import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final, TypedDict, cast

from stack.text import SecretStr

DATABASE: Final = "/var/lib/pgadmin/pgadmin4.db"
LONGEST_DATABASE: Final = 16 * 1024 * 1024
"""Bytes; a new one has about 200 000."""

_WRITE_AHEAD: Final = slice(18, 20)
"""Where SQLite's header says that there is a log beside the file (SQLite, «Database File Format», 1.3.3)."""

_SCHEME: Final = "pbkdf2-sha512"


@dataclass(frozen=True, slots=True)
class Accounts:
    """Who may sign in to a pgAdmin: the hashes of their passwords by address, and the salt that is theirs together."""

    hashes: Mapping[str, str] = field(repr=False)
    salt: str = field(repr=False)

    def has(self, email: str) -> bool:
        """Return whether somebody signs in with `email`; pgAdmin does not care about its case."""
        return email.casefold() in self.hashes

    def accepts(self, email: str, password: SecretStr) -> bool | None:
        """Return whether `password` is the one of `email`; None where pgAdmin keeps it in a way not known here.

        It is PBKDF2 by Passlib's scheme over Flask-Security's keyed digest of the password.
        """
        parts = self.hashes.get(email.casefold(), "").split("$")
        if len(parts) != 5 or parts[1] != _SCHEME or not self.salt:
            return None
        keyed = hmac.digest(self.salt.encode(), password.get_secret_value().encode(), "sha512")
        derived = hashlib.pbkdf2_hmac("sha512", base64.b64encode(keyed), _decoded(parts[3]), int(parts[2]))
        return hmac.compare_digest(derived, _decoded(parts[4]))


def read_accounts(database: bytes) -> Accounts | None:
    """Return what pgAdmin's own database says; None where it cannot be read."""
    whole = bytearray(database)
    whole[_WRITE_AHEAD] = b"\x01\x01"
    try:
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.deserialize(bytes(whole))
            users = connection.execute("SELECT email, password FROM user WHERE email IS NOT NULL").fetchall()
            salts = connection.execute("SELECT value FROM keys WHERE name = 'SECURITY_PASSWORD_SALT'").fetchall()
    except sqlite3.Error:
        return None
    return Accounts({email.casefold(): password or "" for email, password in users}, salts[0][0] if salts else "")


class _Listed(TypedDict, total=False):
    Name: str
    Host: str


def server_hosts(servers: bytes) -> Mapping[str, str]:
    """Return the hosts in a ``servers.json`` by their servers' names; nothing where it cannot be read."""
    try:
        listed = cast("dict[str, dict[str, _Listed]]", json.loads(servers))["Servers"].values()
        return {server.get("Name", ""): server.get("Host", "") for server in listed}
    except (ValueError, KeyError, AttributeError, TypeError):
        return {}


def _decoded(text: str) -> bytes:
    """Decode Passlib's own base 64: without padding, and with a dot for the plus sign."""
    return base64.b64decode(text.replace(".", "+") + "=" * (-len(text) % 4))
