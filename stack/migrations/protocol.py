"""What this process and the worker that runs a project's code say to each other: one JSON object a line."""

from enum import StrEnum
from typing import TypedDict


class Command(StrEnum):
    """What the worker is asked to do."""

    UPGRADE = "upgrade"
    DOWNGRADE = "downgrade"
    STAMP = "stamp"
    AUTOGENERATE = "autogenerate"
    BEGIN = "begin"
    COMPARE = "compare"
    READ = "read"
    RENDER = "render"
    REHEARSE = "rehearse"
    REHEARSE_COPY = "rehearse-copy"


class Direction(StrEnum):
    """The two functions of a step."""

    UPGRADE = "upgrade"
    DOWNGRADE = "downgrade"


class NewKind(StrEnum):
    """What a new migration is made from: the models, nothing, or several heads that it joins."""

    AUTOGENERATE = "autogenerate"
    EMPTY = "empty"
    MERGE = "merge"


class Preparation(TypedDict):
    """What the worker reads first on its standard input, and gets ready for before it is told its job.

    `ini` and `toml` are Alembic's configuration. `url` is the database with its password; without one no revision is
    imported but those that the job names.
    """

    ini: str | None
    toml: str | None
    url: str | None


class Question(TypedDict):
    """What the worker may be asked before it is told its job: what `command` does.

    That is the upgrade or the downgrade to `target` of a database at `current`.
    """

    command: str
    target: str
    current: list[str]


class Job(Preparation):
    """What the worker reads last.

    `files` are the revisions' files to read. `revisions` are the steps to run, in order, on a database that is at
    `current`, or what to mark it as, or the steps to render or to rehearse, in the order of an upgrade; `heads` is
    where each direction of a rendering begins, None where each step stands for itself. `lock_timeout` and
    `statement_timeout`, in milliseconds, hold for each step. `message` is that of a new revision after `revisions`,
    or after the head; it is written into the directory `drafts`.
    """

    command: str
    files: list[str]
    revisions: list[str]
    heads: dict[str, list[str]] | None
    current: list[str]
    lock_timeout: int
    statement_timeout: int
    message: str
    drafts: str


class Event(TypedDict, total=False):
    """What the worker tells, by the kind in `event`.

    ``located``: it has read the configuration, and ``env.py`` is at `path`; the revisions are yet to be imported.
    ``running`` and ``applied``: a step (`revision`, `place` of `count`, `text`), when it is done with its `seconds`
    and the `rows` that it touched, None where nobody knows. ``session``: the server's process that works for it
    (`pid`). ``outside``: it has left its transaction, and the statements `kept` stay. ``read``: a file (`path`,
    `revision`, `down_revisions`, `depends_on`, `branch_labels`, `docstring`); of a plan, in its order, whether it
    `is_head` and `is_branch_point` too. ``planned``: that was all of the plan. ``unreachable``: there is no plan, since
    `text`. ``unknown``: there is none, since no file is the `revision`. ``failed``: `reason`, `text`, and
    what is known of `revision`, `path`, `line`, `statement` and `sqlstate`. ``sql``: `text` that is a statement or,
    unless it `ends`, the beginning of one, of a `revision` in one `direction`. ``rendered``: that was all of it,
    but for the line of the version table; where `text` says why not, only some of it, up to `line`. ``draft``: a
    new revision is in the file `text` and belongs to `path`. ``different``: the models and the database differ, in
    the sentence `text`. ``done``: nothing more comes.
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
    is_head: bool
    is_branch_point: bool
    direction: str
    ends: bool
    seconds: float
    rows: int | None
    pid: int
    sqlstate: str | None
    kept: list[str]


class Reason(StrEnum):
    """Where it failed: in the revisions' files, in ``env.py``, in a step, or it cannot be rehearsed."""

    HISTORY = "history"
    ENVIRONMENT = "environment"
    STEP = "step"
    REHEARSAL = "rehearsal"
