"""What is wrong, why, and what mends it: one object for the doctor, the commands' errors, the screens and ``--json``.

Whatever can happen to a person is a `Finding` of a `Code`; where it stops what was asked for, it travels as a
`Failure`. Each code has its paragraph in ``docs/findings.md``.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class Severity(StrEnum):
    """How bad a finding is. Only `ERROR` makes a command exit with status 1."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Code(StrEnum):
    """The stable names of all findings, by subject."""

    # The project and its files
    PROJECT_SETTINGS_INVALID = "project-settings-invalid"
    COMPOSE_FILE_MISSING = "compose-file-missing"
    COMPOSE_FILE_INVALID = "compose-file-invalid"
    COMPOSE_KEY_UNSUPPORTED = "compose-key-unsupported"
    COMPOSE_NO_POSTGRES = "compose-no-postgres"
    SERVICE_UNKNOWN = "service-unknown"
    # .env and the settings
    ENV_MISSING = "env-missing"
    ENV_EXISTS = "env-exists"
    ENV_UNREADABLE = "env-unreadable"
    ENV_SYNTAX = "env-syntax"
    ENV_GRAMMARS_DIFFER = "env-grammars-differ"
    ENV_TEMPLATE_MISSING = "env-template-missing"
    ENV_VARIABLE_MISSING = "env-variable-missing"
    ENV_VARIABLE_PLACEHOLDER = "env-variable-placeholder"
    ENV_VARIABLE_MISSPELLED = "env-variable-misspelled"
    ENV_VARIABLE_DUPLICATE = "env-variable-duplicate"
    ENV_VARIABLE_HIDDEN = "env-variable-hidden"
    ENV_URL_CONTRADICTED = "env-url-contradicted"
    ENV_VARIABLE_STALE = "env-variable-stale"
    ENV_FILES_DIFFER = "env-files-differ"
    ENV_READABLE_BY_OTHERS = "env-readable-by-others"
    ENV_TRACKED = "env-tracked"
    ENV_NOT_IGNORED = "env-not-ignored"
    ENV_PASSWORD_EXPOSED = "env-password-exposed"  # noqa: S105 - the name of a finding
    ENV_LINE_ENDS = "env-line-ends"
    ENV_BYTE_ORDER_MARK = "env-byte-order-mark"
    ENV_WRITE_FAILED = "env-write-failed"
    ENV_CHANGED_OUTSIDE = "env-changed-outside"
    SETTING_INVALID = "setting-invalid"
    SETTING_MISSING = "setting-missing"
    # The engine and its containers
    ENGINE_UNREACHABLE = "engine-unreachable"
    ENGINE_PERMISSION = "engine-permission"
    ENGINE_TOO_OLD = "engine-too-old"
    ENGINE_ADDRESS_UNUSABLE = "engine-address-unusable"
    ENGINE_CONTEXT_MISSING = "engine-context-missing"
    ENGINE_ERROR = "engine-error"
    IMAGE_MISSING = "image-missing"
    IMAGE_PULL_FAILED = "image-pull-failed"
    IMAGE_ARCHITECTURE = "image-architecture"
    PORT_TAKEN = "port-taken"
    CONTAINER_NAME_TAKEN = "container-name-taken"
    VOLUME_FOREIGN = "volume-foreign"
    VOLUME_MISSING = "volume-missing"
    NETWORK_FOREIGN = "network-foreign"
    NETWORK_MISSING = "network-missing"
    NETWORK_IN_USE = "network-in-use"
    VOLUME_IN_USE = "volume-in-use"
    VOLUME_OUTDATED = "volume-outdated"
    VOLUME_VERSION = "volume-version"
    VOLUME_MISPLACED = "volume-misplaced"
    UPGRADE_FAILED = "upgrade-failed"
    ENGINE_DISK_FULL = "engine-disk-full"
    ENGINE_CLOCK = "engine-clock"
    CONTAINERS_ORPHANED = "containers-orphaned"
    RECREATE_INTERRUPTED = "recreate-interrupted"
    SERVICE_OUT_OF_MEMORY = "service-out-of-memory"
    SUPERUSER_PASSWORD_EMPTY = "superuser-password-empty"  # noqa: S105 - the name of a finding
    INIT_SCRIPT_FAILED = "init-script-failed"
    HEALTH_CHECK_EARLY = "health-check-early"
    SHARED_MEMORY_SMALL = "shared-memory-small"
    SERVICE_NOT_RUNNING = "service-not-running"
    SERVICE_EXITED = "service-exited"
    SERVICE_UNHEALTHY = "service-unhealthy"
    SERVICE_TIMEOUT = "service-timeout"
    RUNTIME_UNSUPPORTED = "runtime-unsupported"
    EMBEDDED_UNAVAILABLE = "embedded-unavailable"
    EMBEDDED_START_FAILED = "embedded-start-failed"
    EMBEDDED_VERSION_MISMATCH = "embedded-version-mismatch"
    EMBEDDED_NO_SPACE = "embedded-no-space"
    PSQL_MISSING = "psql-missing"
    CONFIRMATION_NEEDED = "confirmation-needed"
    DATA_LEFT_BEHIND = "data-left-behind"
    DUMP_FAILED = "dump-failed"
    DUMP_FILE_EXISTS = "dump-file-exists"
    DUMP_UNAVAILABLE = "dump-unavailable"
    # The database
    DATABASE_UNREACHABLE = "database-unreachable"
    DATABASE_STARTING = "database-starting"
    DATABASE_PASSWORD = "database-password"  # noqa: S105 - the name of a finding
    DATABASE_ROLE_MISSING = "database-role-missing"
    DATABASE_MISSING = "database-missing"
    DATABASE_OTHER_SERVER = "database-other-server"
    DATABASE_TOO_MANY_CONNECTIONS = "database-too-many-connections"
    DATABASE_REFUSED_LOGIN = "database-refused-login"
    DATABASE_TLS = "database-tls"
    DATABASE_LOST = "database-lost"
    DATABASE_PERMISSION = "database-permission"
    DATABASE_DISK_FULL = "database-disk-full"
    DATABASE_TIMEOUT = "database-timeout"
    DATABASE_ERROR = "database-error"
    POOL_EXHAUSTED = "pool-exhausted"
    # pgAdmin
    PGADMIN_ACCOUNT = "pgadmin-account"
    PGADMIN_PERMISSION = "pgadmin-permission"
    PGADMIN_PORT = "pgadmin-port"
    PGADMIN_SERVERS = "pgadmin-servers"
    # Migrations
    MIGRATIONS_MISSING = "migrations-missing"
    MIGRATIONS_BROKEN = "migrations-broken"
    MIGRATIONS_PENDING = "migrations-pending"
    MIGRATION_UNKNOWN_REVISION = "migration-unknown-revision"
    MIGRATION_NO_SUCH_REVISION = "migration-no-such-revision"
    MIGRATION_FAILED = "migration-failed"
    MIGRATION_STOPPED = "migration-stopped"
    MIGRATION_SQL_UNKNOWN = "migration-sql-unknown"
    MIGRATION_RISKY = "migration-risky"
    MIGRATIONS_BRANCHED = "migrations-branched"
    REHEARSAL_FAILED = "rehearsal-failed"
    REHEARSAL_IMPOSSIBLE = "rehearsal-impossible"
    REHEARSED_ON_COPY = "rehearsed-on-copy"
    MIGRATION_LOCKED = "migration-locked"
    MIGRATIONS_UNSUPPORTED = "migrations-unsupported"
    MIGRATIONS_NOT_BRANCHED = "migrations-not-branched"
    MIGRATIONS_DRIFTED = "migrations-drifted"
    MIGRATION_FILE_EXISTS = "migration-file-exists"
    MIGRATION_NOT_WRITTEN = "migration-not-written"
    # Tables
    TABLE_MISSING = "table-missing"
    COLUMN_MISSING = "column-missing"
    FILTER_INVALID = "filter-invalid"
    SORT_INVALID = "sort-invalid"
    CURSOR_INVALID = "cursor-invalid"
    KEY_INVALID = "key-invalid"
    ROW_GONE = "row-gone"
    STATEMENT_INVALID = "statement-invalid"
    STATEMENT_SEVERAL = "statement-several"
    STATEMENT_NOT_READING = "statement-not-reading"
    SEED_REFUSED = "seed-refused"
    BOOKINGS_EMPTY = "bookings-empty"
    # Files that the deck writes
    LOG_FILE_EXISTS = "log-file-exists"
    LOG_NOT_SAVED = "log-not-saved"
    EXPORT_FILE_EXISTS = "export-file-exists"
    EXPORT_NOT_WRITTEN = "export-not-written"
    REPORT_FILE_EXISTS = "report-file-exists"
    REPORT_NOT_SAVED = "report-not-saved"
    # The program itself
    INTERRUPTED = "interrupted"
    CHECK_TIMEOUT = "check-timeout"
    INTERNAL = "internal"


class Unit(StrEnum):
    """What a gauge counts."""

    BYTES = "bytes"
    ROWS = "rows"
    STEPS = "steps"


@dataclass(frozen=True, slots=True)
class Gauge:
    """How far one part of a long action is: `done` of `total`, which is None where nobody knows; `rate` is a second."""

    name: str
    done: int
    total: int | None = None
    unit: Unit = Unit.BYTES
    rate: float | None = None


class Progress(Protocol):
    """Told what a long action does now. Called on the caller's event loop."""

    def __call__(self, line: str, gauges: Sequence[Gauge] = ()) -> None:
        """Take one plain line, already clean, and the parts that can be measured now, the whole of it first."""
        ...


def silent(line: str, gauges: Sequence[Gauge] = ()) -> None:
    """Be a `Progress` that nobody watches."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Data that a step deletes, or leaves where nothing uses it any more: `what` in a phrase, `size` in bytes."""

    what: str
    size: int | None


@dataclass(frozen=True, slots=True)
class Fix:
    """One way out of a finding.

    `command` does the same from a shell, where a command can. Where it is `destructive`, `losses` say what goes and how
    much of it. `apply` is absent where only a person can do it; it raises `Failure` where it did not succeed.
    """

    title: str
    command: str | None = None
    destructive: bool = False
    losses: tuple[Loss, ...] = ()
    apply: Callable[[Progress], Awaitable[None]] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    `title` is what is wrong in a sentence, `cause` why and where (file and line where there is one), `evidence` what
    was seen: the words of the server, the engine or a log. All are plain text without secrets; whoever shows them
    still cleans them.
    """

    code: Code
    title: str
    cause: str
    severity: Severity = Severity.ERROR
    evidence: str | None = None
    fixes: tuple[Fix, ...] = ()

    @property
    def ways(self) -> tuple[Fix, ...]:
        """The fixes that can be carried out here, in their order; people count them from 1."""
        return tuple(fix for fix in self.fixes if fix.apply)

    @property
    def automatic_fix(self) -> Fix | None:
        """The first fix that can be carried out here, if there is one."""
        return next(iter(self.ways), None)


class Failure(Exception):  # noqa: N818 - it is a finding on its way, not an error class of its own
    """An action that could not be done, with the findings that say why; the first one is the reason."""

    def __init__(self, finding: Finding, *others: Finding) -> None:
        """Take the reason, then whatever else was found."""
        super().__init__(finding.title)
        self.finding = finding
        self.findings = (finding, *others)
