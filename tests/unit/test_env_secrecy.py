"""What is a secret is hidden, and what is none is not."""

import pytest

from stack.environment.secrecy import is_own_secret, is_secret

SECRET_NAMES = """
    APP_DB_PASSWORD APP_DB_URL DATABASE_URL APP_DB_PASWORD APP_DB_PSSWORD db_passwd PGPASSWORD SECRET_KEY
    SECRET_KEY_BASE JWT_SECRET GITHUB_TOKEN STRIPE_API_KEY AWS_SECRET_ACCESS_KEY SENTRY_DSN DB_PWD
"""


@pytest.mark.parametrize("name", SECRET_NAMES.split())
def test_secret_by_name(name):
    assert is_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        "APP_DB_PASSWORD_FILE",
        "APP_DB_USER",
        "KEYBOARD",
        "MONKEY",
        "SSH_KEY_PATH",
        "HOST",
        "PGADMIN_EMAIL",
        "TOKENS_DIR",
    ],
)
def test_no_secret_by_name(name):
    assert not is_secret(name, "value")


@pytest.mark.parametrize(
    "value", ["redis://:pw@h", "amqp://u:p@h/v", "host=h password=pw", "jdbc:postgresql://u:p@h/d"]
)
def test_secret_by_value(value):
    assert is_secret("X", value)


@pytest.mark.parametrize("value", ["http://localhost:5050/a", "https://example.com", "me@example.com", "a:b"])
def test_no_secret_by_value(value):
    assert not is_secret("X", value)


def test_only_a_projects_own_secrets_are_generated():
    assert is_own_secret("POSTGRES_PASSWORD")
    assert is_own_secret("DB_PASS")
    assert is_own_secret("SECRET_KEY")
    assert not is_own_secret("COMPASS")
    assert not is_own_secret("GITHUB_TOKEN")
    assert not is_own_secret("STRIPE_API_KEY")
    assert not is_own_secret("APP_DB_PASSWORD_FILE")
