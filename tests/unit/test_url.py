"""Every spelling of a Postgres URL means the same database."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.environment.url import SCHEMES, DatabaseURL, InvalidURLError, parse_url
from stack.text import SecretStr

NAME = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=20)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_driver_spelling_is_read(scheme):
    url = parse_url(f"{scheme}://app:s%40crt@db.example.com:6543/bookings?sslmode=require")
    assert url == DatabaseURL("db.example.com", 6543, "bookings", "app", SecretStr("s@crt"), (("sslmode", "require"),))


@given(user=NAME, password=NAME, database=NAME)
def test_what_is_written_is_read_back(user, password, database):
    url = DatabaseURL("db", 5432, database, user, SecretStr(password))
    assert parse_url(url.reveal()) == url


def test_asyncpg_spelling_of_tls():
    assert parse_url("postgresql+asyncpg://a:b@h/d?ssl=true").options == (("sslmode", "require"),)


@pytest.mark.parametrize(
    "text",
    [
        "mysql://a:hunter2@h/d",
        "a:hunter2@h/d",
        "postgresql://a:hunter2@h:99999/d",
        "postgresql://a:hunter2@/d",
        "postgresql://h/hunter2",
    ],
)
def test_errors_do_not_quote_the_url(text):
    with pytest.raises(InvalidURLError) as caught:
        parse_url(text)
    assert "expected" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_the_masked_url_hides_the_password():
    url = parse_url("postgres://app:hunter2@h/d")
    assert "hunter2" not in url.masked + repr(url) + str(url)
