"""Ask a server over its wire protocol why it refuses a log-in, or whether it answers a query.

libpq drops the SQLSTATE of a failed log-in and keeps only its text, which is in the server's language. This logs in
once more as libpq would, reads the server's ErrorResponse and hangs up. And where all that matters is that the server
answers, this finds it out without the driver, which takes longer to import. Nothing is decided on it but that all is
well: where it cannot do exactly what libpq does, it says nothing rather than something else.

Specification: PostgreSQL's documentation, chapters «Message Flow», «SASL Authentication» and «Message Formats».
"""

import asyncio
import base64
import hashlib
import hmac
import secrets
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from stack.environment.url import DatabaseURL

_PROTOCOL_3: Final = 196608
_TLS_REQUEST: Final = struct.pack("!ii", 8, 80877103)
_LONGEST_MESSAGE: Final = 1 << 16
_MOST_ITERATIONS: Final = 100_000  # of a hash that runs on the event loop; a server asks for 4096
# With any of these, libpq checks certificates, or restricts the log-in, in ways that are not repeated here.
_UNREPEATABLE: Final = {"sslrootcert", "sslcert", "channel_binding", "require_auth", "sslnegotiation", "hostaddr"}
_DEFAULT_MODE: Final = "prefer"
_UNVERIFIED: Final = {"disable", "allow", "prefer", "require"}

_QUERY: Final = b"SELECT 1\0"

_OK, _MD5, _SASL, _SASL_CONTINUE, _SASL_FINAL = 0, 5, 10, 11, 12


@dataclass(frozen=True, slots=True)
class Refusal:
    """The server's own word against a log-in."""

    sqlstate: str
    message: str


class Unclear(Enum):
    """What a log-in may come to instead of a refusal."""

    ADMITTED = auto()
    """The server lets us in; whatever was in the way has passed."""
    UNKNOWN = auto()
    """libpq's log-in cannot be repeated here exactly."""


class NotPostgresError(ConnectionError):
    """What listens there does not speak Postgres's protocol."""


async def ask_why(url: DatabaseURL, address: str) -> Refusal | Unclear:
    """Log in to `url` at `address`, an IP address or a socket's directory, and return what comes of it.

    Raises:
        OSError: no server was reached there, it hung up, or it is no Postgres server (`NotPostgresError`).
        ssl.SSLError: the URL wants TLS and the server has none, or they find no common version.
    """
    if not _repeatable(url):
        return Unclear.UNKNOWN
    async with _connection(url, address) as (reader, writer):
        return await _log_in(reader, writer, url)


async def answers_query(url: DatabaseURL, address: str) -> bool:
    """Return whether the server of `url` at `address` lets us in and answers a query; False where that is not clear.

    Raises:
        OSError: as `ask_why` does.
    """
    if not _repeatable(url):
        return False
    async with _connection(url, address) as (reader, writer):
        if await _log_in(reader, writer, url) is not Unclear.ADMITTED:
            return False
        writer.write(b"Q" + struct.pack("!i", 4 + len(_QUERY)) + _QUERY)
        while (kind := (await _message(reader))[0]) not in {b"D", b"E", b"Z"}:
            pass
        return kind == b"D"


def _repeatable(url: DatabaseURL) -> bool:
    options = dict(url.options)
    return options.get("sslmode", _DEFAULT_MODE) in _UNVERIFIED and not _UNREPEATABLE & options.keys()


@asynccontextmanager
async def _connection(
    url: DatabaseURL, address: str
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    if local := address.startswith("/"):
        reader, writer = await asyncio.open_unix_connection(f"{address}/.s.PGSQL.{url.port}")
    else:
        reader, writer = await asyncio.open_connection(address, url.port)
    try:
        mode = dict(url.options).get("sslmode", _DEFAULT_MODE)
        if mode in {"prefer", "require"} and not local:
            await _encrypt(reader, writer, mode)
        yield reader, writer
    except asyncio.IncompleteReadError:
        raise ConnectionResetError("the server closed the connection without a word") from None
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)  # the socket is closed in the loop's next turn, which may be its last


async def _encrypt(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, mode: str) -> None:
    writer.write(_TLS_REQUEST)
    match await reader.readexactly(1):
        case b"S":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE  # as libpq has it for these modes
            await writer.start_tls(context)
        case b"N" if mode == "require":
            raise ssl.SSLError("the server does not offer TLS")
        case b"N":
            pass
        case _:
            raise NotPostgresError("what answers there is not Postgres")


async def _log_in(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, url: DatabaseURL) -> Refusal | Unclear:
    parameters = b"".join(text.encode() + b"\0" for text in ("user", url.user, "database", url.database)) + b"\0"
    writer.write(struct.pack("!ii", 8 + len(parameters), _PROTOCOL_3) + parameters)
    password = url.password.get_secret_value() if url.password else ""
    scram = _Scram(password)
    while True:
        kind, body = await _message(reader)
        if kind == b"E":
            return _refusal(body)
        if kind == b"Z":
            return Unclear.ADMITTED
        if kind != b"R":
            continue
        request, rest = struct.unpack_from("!i", body)[0], body[4:]
        if request in {_OK, _SASL_FINAL}:
            continue
        # SASLprep (RFC 4013) changes nothing in ASCII and is not repeated here for the rest.
        if not password or not password.isascii():
            return Unclear.UNKNOWN
        if request == _MD5:
            inner = _md5(password.encode() + url.user.encode())
            writer.write(_packet(b"md5" + _md5(inner + rest) + b"\0"))
        elif request == _SASL and b"SCRAM-SHA-256" in rest.split(b"\0"):
            first = scram.first()
            writer.write(_packet(b"SCRAM-SHA-256\0" + struct.pack("!i", len(first)) + first))
        elif request == _SASL_CONTINUE and (final := scram.final(rest)) is not None:
            writer.write(_packet(final))
        else:
            return Unclear.UNKNOWN


async def _message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    kind, length = struct.unpack("!ci", await reader.readexactly(5))
    if not 4 <= length <= _LONGEST_MESSAGE:
        raise NotPostgresError("what answers there is not Postgres")
    return kind, await reader.readexactly(length - 4)


def _packet(body: bytes) -> bytes:
    return b"p" + struct.pack("!i", 4 + len(body)) + body


def _refusal(body: bytes) -> Refusal:
    """Read an ErrorResponse: fields of one letter and a text that ends with a zero byte."""
    fields = {field[:1]: field[1:].decode(errors="replace") for field in body.split(b"\0") if field}
    return Refusal(fields.get(b"C", ""), fields.get(b"M", ""))


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).hexdigest().encode()


class _Scram:
    """The client's half of SCRAM-SHA-256 (RFC 5802, RFC 7677) without channel binding."""

    def __init__(self, password: str) -> None:
        self._password = password.encode()
        # The user's name stays empty: the startup message has it.
        self._bare = b"n=,r=" + base64.b64encode(secrets.token_bytes(18))

    def first(self) -> bytes:
        return b"n,," + self._bare

    def final(self, challenge: bytes) -> bytes | None:
        """Answer the server's challenge, or return None where its terms are not reasonable."""
        terms = dict(part.split(b"=", 1) for part in challenge.split(b",") if b"=" in part)
        rounds = terms.get(b"i", b"")
        if not rounds.isdigit() or not 0 < int(rounds) <= _MOST_ITERATIONS:
            return None
        salted = hashlib.pbkdf2_hmac("sha256", self._password, base64.b64decode(terms.get(b"s", b"")), int(rounds))
        key = hmac.digest(salted, b"Client Key", "sha256")
        unproven = b"c=biws,r=" + terms.get(b"r", b"")
        signature = hmac.digest(hashlib.sha256(key).digest(), b",".join((self._bare, challenge, unproven)), "sha256")
        proof = bytes(a ^ b for a, b in zip(key, signature, strict=True))
        return unproven + b",p=" + base64.b64encode(proof)
