"""What this process and the worker that runs a project's code say to each other: one JSON object a line."""

from enum import StrEnum
from typing import TypedDict


class Command(StrEnum):
    """What the worker is asked to do."""

    UPGRADE = "upgrade"
    DOWNGRADE = "downgrade"
    READ = "read"
    RENDER = "render"
    REHEARSE = "rehearse"


class Direction(StrEnum):
    """The two functions of a step."""

    UPGRADE = "upgrade"
    DOWNGRADE = "downgrade"


class Job(TypedDict):
    """What the worker reads, once, on its standard input.

    `ini` and `toml` are Alembic's configuration, `url` the database with its password, `target` a revision as Alembic
    understands it, and `files` the revisions' files to read. `revisions` are the steps to render or to rehearse, in the
    order of an upgrade; `heads` is where each direction of them begins, None where each step stands for itself.
    """

    command: str
    ini: str | None
    toml: str | None
    url: str | None
    target: str
    files: list[str]
    revisions: list[str]
    heads: dict[str, list[str]] | None


class Event(TypedDict, total=False):
    """What the worker tells, by the kind in `event`.

    ``running`` and ``applied``: a step (`revision`, `place` of `count`, `text`). ``read``: a file (`path`, `revision`,
    `down_revisions`, `depends_on`, `branch_labels`, `docstring`). ``failed``: `reason`, `text`, and what is known of
    `revision`, `path`, `line` and `statement`. ``sql``: `text` that is a statement or, unless it `ends`, the beginning
    of one, of a `revision` in one `direction`. ``rendered``: that was all of it, but for the line of the version table;
    where `text` says why not, only some of it, up to `line`. ``done``: nothing more comes.
    """

    event: str
    revision: str | None
    place: int
    count: int
    text: str
    path: str | None
    line: int | None
    statement: str | None
    reason: str
    down_revisions: list[str]
    depends_on: list[str]
    branch_labels: list[str]
    docstring: str
    direction: str
    ends: bool


class Reason(StrEnum):
    """Where it failed: in the revisions' files, at the target, in ``env.py``, in a step, or it cannot be rehearsed."""

    HISTORY = "history"
    TARGET = "target"
    ENVIRONMENT = "environment"
    STEP = "step"
    REHEARSAL = "rehearsal"
