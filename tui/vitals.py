"""What the head of every screen says: project, runtime, database, revision."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from stack.background import in_thread
from stack.crash import keep_out
from stack.findings import Failure
from stack.project import RuntimeName

if TYPE_CHECKING:
    from stack.migrations.status import MigrationStatus
    from stack.services.equivalent import ComposeCall
    from stack.services.runtime import RuntimeInUse
    from stack.workspace import Workspace


class Tone(StrEnum):
    """How a fact is coloured; the values are the theme's."""

    GOOD = "$success"
    NOTICE = "$warning"
    BAD = "$error"
    UNKNOWN = "$muted"


@dataclass(frozen=True, slots=True)
class Sign:
    """A fact in a few words, with its tone. The text may come from outside."""

    text: str
    tone: Tone


WAITING: Final = Sign("…", Tone.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Vitals:
    """What is known at this moment."""

    project: str = "Stackdeck"
    runtime: "RuntimeInUse | None" = None
    database: Sign = WAITING
    revision: Sign = WAITING
    compose: "ComposeCall | None" = None
    """How `docker compose` is called for the project; None where nothing runs in containers."""

    @property
    def managed(self) -> bool:
        """Whether the services are this project's own, to start and to stop."""
        return self.runtime is not None and self.runtime.name is not RuntimeName.EXTERNAL


async def look_at(workspace: "Workspace") -> Vitals:
    """Look at `workspace` once. What cannot be seen is said in its place, so this never fails for what a person did."""
    project = await in_thread(lambda: workspace.name)
    try:
        runtime = await workspace.runtime()
    except Failure as failure:
        return Vitals(project, None, Sign(failure.finding.title, Tone.BAD), Sign("unknown", Tone.UNKNOWN))
    database = await _database(workspace)
    revision = await _revision(workspace) if database.tone is Tone.GOOD else Sign("unknown", Tone.UNKNOWN)
    return Vitals(project, runtime, database, revision, await _compose_call(workspace))


async def _compose_call(workspace: "Workspace") -> "ComposeCall | None":
    try:
        return await workspace.compose_call()
    except Failure:
        return None  # what is wrong with the file is said by those who need it


async def _database(workspace: "Workspace") -> Sign:
    try:
        database = await workspace.database()
    except Failure as failure:
        return Sign(failure.finding.title, Tone.BAD)
    if database.url.password is not None:
        keep_out({database.url.password.get_secret_value()})
    address = f"{database.url.host}:{database.url.port}/{database.url.database}"
    try:
        await database.answer()
    except Failure:
        return Sign(address, Tone.BAD)
    return Sign(address, Tone.GOOD)


async def _revision(workspace: "Workspace") -> Sign:
    try:
        return revision_sign(await (await workspace.migrations()).status())
    except Failure as failure:
        return Sign(failure.finding.title, Tone.NOTICE)


def revision_sign(status: "MigrationStatus") -> Sign:
    """Say which revision the database is at, and how many are pending."""
    if status.unknown:
        return Sign(f"{', '.join(status.unknown)}?", Tone.BAD)
    current = ", ".join(status.current) or "base"
    if status.pending:
        return Sign(f"{current} +{len(status.pending)}", Tone.NOTICE)
    return Sign(current, Tone.GOOD)
