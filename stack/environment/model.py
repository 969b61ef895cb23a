"""The settings of an application of this stack, as pydantic-settings has them: names, types, defaults, meanings."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, StringConstraints, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from stack.environment import address
from stack.environment.pool import PoolSettings
from stack.environment.secrecy import SECRET_SETTINGS
from stack.environment.url import SCHEMES, DatabaseURL, parse_url
from stack.findings import Code, Failure, Finding
from stack.text import SecretStr


@dataclass(frozen=True, slots=True)
class Expected:
    """What a value of a type must look like, in a person's words; `is_all` unless an error has more to say."""

    words: str
    is_all: bool = True


@dataclass(frozen=True, slots=True)
class PgAdminSettings:
    """Who signs in to pgAdmin, and the port on this machine where it is."""

    email: str
    password: SecretStr | None
    port: int


@dataclass(frozen=True, slots=True)
class Setting:
    """What is known of one variable before it has a value; `type` is what its value must be, in a person's words."""

    name: str
    meaning: str
    type: str
    default: str | None
    secret: bool


@dataclass(frozen=True, slots=True)
class Rejected:
    """A variable whose value cannot be used, and what was expected. It never holds the value."""

    name: str
    expected: str


def _digits(value: str) -> str:
    # int() also takes `5_432` and ` 5432 `, and pydantic `5432.0`; Compose, which reads the same file, does not.
    if not (value.isascii() and value.removeprefix("-").isdigit()):
        raise ValueError("expected digits")
    return value


def _host(value: str) -> str:
    if any(character.isspace() or character in "/@?#[]" for character in value):
        raise ValueError("expected a host")
    return value


def _email(value: str) -> str:
    name, at, domain = value.rpartition("@")
    if not (name and at and domain) or any(character.isspace() for character in value):
        raise ValueError("expected an address")
    return value


def _postgres_url_or_none(value: str) -> DatabaseURL | None:
    # `DATABASE_URL` is everybody's name: an address of SQLite or MySQL is no mistake, and not for us.
    return parse_url(value) if value.strip().partition("://")[0] in SCHEMES else None


Whole = Annotated[int, BeforeValidator(_digits)]
Port = Annotated[Whole, Field(ge=1, le=65535), Expected("a port, a whole number from 1 to 65535")]
Positive = Annotated[Whole, Field(ge=1, le=10_000), Expected("a whole number from 1 to 10000")]
Count = Annotated[Whole, Field(ge=0, le=10_000), Expected("a whole number from 0 to 10000")]
Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False), Expected("seconds, from above 0 to 86400")]
Recycle = Annotated[Whole, Field(ge=-1, le=2**31), Expected("seconds as a whole number, or -1 for never")]
Flag = Annotated[bool, Expected("true or false")]
# Postgres keeps at most 63 bytes of a name (NAMEDATALEN).
Identifier = Annotated[str, StringConstraints(max_length=63), Expected("a name of at most 63 characters")]
Host = Annotated[str, AfterValidator(_host), Expected("a host name or an IP address")]
Email = Annotated[str, AfterValidator(_email), Expected("an e-mail address such as admin@example.com")]
Secret = Annotated[SecretStr, BeforeValidator(SecretStr)]
# A note inside an optional type is lost, so each of these is optional itself.
URL = Annotated[
    DatabaseURL | None,
    BeforeValidator(parse_url),
    Expected("a URL, postgresql://USER:PASSWORD@HOST:PORT/DATABASE", is_all=False),
]
OtherURL = Annotated[DatabaseURL | None, BeforeValidator(_postgres_url_or_none), Expected("a URL", is_all=False)]
Password = Annotated[Secret | None, Expected("a password")]
FilePath = Annotated[str | None, Expected("the path of a file")]


class Settings(BaseSettings):
    """The settings of one project, valid as a whole.

    Made by `stack.environment.settings.load_settings`; an empty value counts as not set. Immutable.
    """

    model_config = SettingsConfigDict(
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        case_sensitive=True,
        validate_default=False,
        arbitrary_types_allowed=True,
    )

    db_user: Identifier = Field(
        address.USER, validation_alias="APP_DB_USER", description="The role that the application signs in as"
    )
    db_password: Password = Field(None, validation_alias="APP_DB_PASSWORD", description="That role's password")
    db_password_file: FilePath = Field(
        None, validation_alias="APP_DB_PASSWORD_FILE", description="A file that holds the password, instead of it"
    )
    db_name: Identifier = Field(address.DATABASE, validation_alias="APP_DB_NAME", description="The database")
    db_host: Host = Field(address.HOST, validation_alias="APP_DB_HOST", description="The machine of the database")
    db_port: Port = Field(
        address.PORT, validation_alias="APP_DB_PORT", description="The port of the database on that machine"
    )
    db_url: URL = Field(
        None, validation_alias="APP_DB_URL", description="The whole address in one; it wins over the pieces above"
    )
    database_url: OtherURL = Field(
        None, validation_alias="DATABASE_URL", description="The address where no APP_DB_ variable says one"
    )
    pool_size: Positive = Field(
        20, validation_alias="APP_DB_POOL_SIZE", description="How many connections the pool keeps open"
    )
    pool_max_overflow: Count = Field(
        40, validation_alias="APP_DB_MAX_OVERFLOW", description="How many more it opens while all of them are in use"
    )
    pool_pre_ping: Flag = Field(
        default=True,
        validation_alias="APP_DB_POOL_PRE_PING",
        description="Whether a connection is tried before it is used",
    )
    pool_recycle: Recycle = Field(
        3600, validation_alias="APP_DB_POOL_RECYCLE", description="After how many seconds a connection is replaced"
    )
    pool_timeout: Seconds = Field(
        30, validation_alias="APP_DB_POOL_TIMEOUT", description="How many seconds to wait for a free connection"
    )
    pgadmin_email: Email = Field(
        "admin@example.com", validation_alias="PGADMIN_EMAIL", description="Who signs in to pgAdmin"
    )
    pgadmin_password: Password = Field(
        None, validation_alias="PGADMIN_PASSWORD", description="The password there; without it, the database's"
    )
    pgadmin_port: Port = Field(5050, validation_alias="PGADMIN_PORT", description="The port of pgAdmin on this machine")

    _password_missing: Finding = PrivateAttr(
        default=Finding(Code.SETTING_MISSING, "APP_DB_PASSWORD is not set", "the database's password has no default")
    )

    def with_password_missing(self, finding: Finding) -> "Settings":
        """Return the same settings, which raise `finding` where the database is asked for and has no password."""
        copy = self.model_copy()
        copy._password_missing = finding  # noqa: SLF001 - of this class
        return copy

    @property
    def names_database(self) -> bool:
        """Whether anything says which database is meant; otherwise all that there is are defaults."""
        return self.db_url is not None or self.database_url is not None or bool(_PIECES & self.model_fields_set)

    @property
    def database(self) -> DatabaseURL:
        """The database: ``APP_DB_URL``, else the pieces, else ``DATABASE_URL`` where no piece is set.

        Raises:
            Failure: there is no URL and no password.
        """
        if self.db_url is not None:
            return self.db_url
        if self.database_url is not None and not _PIECES & self.model_fields_set:
            return self.database_url
        if self.db_password is None:
            raise Failure(self._password_missing)
        return DatabaseURL(self.db_host, self.db_port, self.db_name, self.db_user, self.db_password)

    @property
    def pool(self) -> PoolSettings:
        """How the application pools its connections."""
        return PoolSettings(
            size=self.pool_size,
            max_overflow=self.pool_max_overflow,
            timeout=self.pool_timeout,
            recycle=self.pool_recycle,
            pre_ping=self.pool_pre_ping,
        )

    @property
    def pgadmin(self) -> PgAdminSettings:
        """How to get into pgAdmin."""
        return PgAdminSettings(self.pgadmin_email, self.pgadmin_password or self.db_password, self.pgadmin_port)


class AssignedSource(PydanticBaseSettingsSource):
    """The source of values that were read already, by variable name; empty ones count as not set."""

    def __init__(self, values: Mapping[str, str]) -> None:
        super().__init__(Settings)
        self._values = values

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[str | None, str, bool]:
        """Return the value of `field`, its variable's name, and that it is plain text."""
        name = _variable(field, field_name)
        return self._values.get(name) or None, name, False

    def __call__(self) -> dict[str, str]:
        """Return the values that are set, by variable name."""
        found = (self.get_field_value(field, name) for name, field in Settings.model_fields.items())
        return {name: value for value, name, _ in found if value is not None}


def validate(values: Mapping[str, str]) -> Settings | tuple[Rejected, ...]:
    """Return the settings that `values`, by variable name, amount to, or each variable that cannot be used."""
    try:
        return Settings(_build_sources=((AssignedSource(values),), {}))
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        return tuple(
            Rejected(str(detail["loc"][0]), _expected(str(detail["loc"][0]), detail["msg"])) for detail in details
        )


def _expected(name: str, message: str) -> str:
    expected = _type(_FIELDS[name])
    # The URLs' own errors say more than a type could; they never quote the URL.
    return expected.words if expected.is_all else message.removeprefix("Value error, ").removeprefix("expected ")


def _type(field: FieldInfo) -> Expected:
    return next(note for note in field.metadata if isinstance(note, Expected))


def _variable(field: FieldInfo, field_name: str) -> str:
    return field.validation_alias if isinstance(field.validation_alias, str) else field_name


def _setting(name: str, field: FieldInfo) -> Setting:
    default = field.default
    return Setting(
        name=name,
        meaning=field.description or "",
        type=_type(field).words,
        default=None if default is None else str(default).lower() if isinstance(default, bool) else str(default),
        secret=name in SECRET_SETTINGS,
    )


_PIECES: Final = {"db_user", "db_password", "db_password_file", "db_name", "db_host", "db_port"}
_FIELDS: Final = {_variable(field, name): field for name, field in Settings.model_fields.items()}

SETTINGS: Final[Mapping[str, Setting]] = {name: _setting(name, field) for name, field in _FIELDS.items()}
"""Every setting by its variable's name, in the order of the documentation."""
