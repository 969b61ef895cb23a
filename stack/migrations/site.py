"""Whose migrations run on which database."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from stack.environment.url import DatabaseURL
from stack.migrations.child import Standby
from stack.migrations.plan import Target
from stack.project import Project


@dataclass(frozen=True, slots=True)
class Site:
    """Whose migrations run where; `own` is whether the server is this project's own container or embedded one.

    `standby` is the worker that runs them, where one was started beforehand.
    """

    project: Project
    url: DatabaseURL
    own: bool = True
    standby: Standby = field(default_factory=Standby, compare=False)

    @property
    def database(self) -> Target:
        """The database, as a plan names it."""
        return Target(self.url.database, f"{self.url.host}:{self.url.port}", self.own)


def secrets_of(url: DatabaseURL) -> Sequence[str]:
    """Return the password of `url`, as it is and as a URL has it."""
    if url.password is None:
        return ()
    password = url.password.get_secret_value()
    return (password, quote(password, safe=""))
