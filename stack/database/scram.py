"""A password's verifier: what Postgres keeps of it, so that the password itself need not be told to the server.

SCRAM-SHA-256 by RFC 5802 and RFC 7677, in the form in which ``pg_authid`` has it (PostgreSQL's manual, «pg_authid»).
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import stringprep
import unicodedata
from typing import Final

from stack.text import SecretStr

_ITERATIONS: Final = 4096
_SALT_BYTES: Final = 16
_FORM: Final = re.compile(r"SCRAM-SHA-256\$([0-9]+):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)")


def make_verifier(password: SecretStr) -> SecretStr:
    """Return a verifier of `password`, which ``ALTER ROLE … PASSWORD`` takes in its place."""
    return SecretStr(_verifier(password, secrets.token_bytes(_SALT_BYTES), _ITERATIONS))


def is_of(verifier: SecretStr, password: SecretStr) -> bool:
    """Return whether `verifier` is one of `password`; one that is no SCRAM verifier is of none."""
    found = _FORM.fullmatch(verifier.get_secret_value())
    if found is None:
        return False
    try:
        salt = base64.b64decode(found[2], validate=True)
    except binascii.Error:
        return False
    return hmac.compare_digest(_verifier(password, salt, int(found[1])), verifier.get_secret_value())


def _verifier(password: SecretStr, salt: bytes, iterations: int) -> str:
    salted = hashlib.pbkdf2_hmac("sha256", _prepared(password.get_secret_value()), salt, iterations)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    encoded = [base64.b64encode(part).decode("ascii") for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${iterations}:{encoded[0]}${encoded[1]}:{encoded[2]}"


def _prepared(password: str) -> bytes:
    """Return `password` as SASLprep has it (RFC 4013); what that forbids stays as it is, as Postgres has it too."""
    if password.isascii():
        return password.encode()
    mapped = "".join(
        " " if stringprep.in_table_c12(character) else character
        for character in password
        if not stringprep.in_table_b1(character)
    )
    prepared = unicodedata.ucd_3_2_0.normalize("NFKC", mapped)
    return (password if not prepared or any(map(_is_forbidden, prepared)) or _is_mixed(prepared) else prepared).encode()


def _is_forbidden(character: str) -> bool:
    forbidden = (
        stringprep.in_table_c12,
        stringprep.in_table_c21_c22,
        stringprep.in_table_c3,
        stringprep.in_table_c4,
        stringprep.in_table_c5,
        stringprep.in_table_c6,
        stringprep.in_table_c7,
        stringprep.in_table_c8,
        stringprep.in_table_c9,
        stringprep.in_table_a1,
    )
    return any(table(character) for table in forbidden)


def _is_mixed(text: str) -> bool:
    """Return whether `text` runs in both directions in a way that RFC 3454, section 6, forbids."""
    if not any(map(stringprep.in_table_d1, text)):
        return False
    ends = stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])
    return not ends or any(map(stringprep.in_table_d2, text))
