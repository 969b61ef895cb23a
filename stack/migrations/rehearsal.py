"""Steps run for real before they are applied: in a transaction that is rolled back, or else in an empty copy."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import psycopg
from sqlalchemy.exc import SQLAlchemyError

from stack.background import in_thread
from stack.database.errors import explain
from stack.findings import Code, Failure, Finding, Fix, Progress, silent
from stack.migrations.child import Ended, make_job, run_worker
from stack.migrations.configuration import Configuration, locate
from stack.migrations.empty_copy import empty_copy
from stack.migrations.failure import explain_wreck
from stack.migrations.history import History
from stack.migrations.limits import Limits
from stack.migrations.lock import only_runner
from stack.migrations.plan import Plan
from stack.migrations.preview import Heard, StepSQL, wreck_of
from stack.migrations.protocol import Command, Reason
from stack.migrations.revision import Revision
from stack.migrations.scratch import NoScratch
from stack.migrations.site import Site, secrets_of
from stack.text import clean_line, hide

_LIMITS: Final = Limits(lock_timeout=2, statement_timeout=300)
"""It stands in nobody's way for long: whoever queues behind a lock that it waits for waits too."""


async def rehearse(site: Site, history: History, plan: Plan, progress: Progress = silent) -> tuple[StepSQL, ...]:
    """Run the steps of `plan`, which are what comes next in `history`, and then each of them back.

    That is in one transaction of the real database, which is rolled back: it takes the locks that the migrations take,
    waits at most two seconds for each, and keeps them until the end; what no transaction covers stays, such as numbers
    that a sequence gave out. Where a step commits, or works outside a transaction, all of them are run in an empty copy
    instead, which is dropped afterwards; each step then says so.

    Raises:
        Failure: a step failed (`Code.REHEARSAL_FAILED`), or can be rehearsed neither way (`Code.REHEARSAL_IMPOSSIBLE`);
            the database cannot be reached; the files are no history, or ``env.py`` fails (`Code.MIGRATIONS_BROKEN`).
    """
    if plan.empty:
        return ()
    configuration = await in_thread(lambda: locate(site.project))
    revisions = [step.revision for step in plan.steps]
    try:
        async with only_runner(site.url, progress):
            progress("Rehearsing: every step is run, and rolled back at the end")
            run = await _run(Command.REHEARSE, site, configuration, revisions)
        if run.reason is not Reason.REHEARSAL:
            return await in_thread(lambda: run.steps(revisions, "All of it was rolled back."))
        applied = [revision for revision in history.revisions if revision not in revisions]
        progress(clean_line(f"Running all of it in an empty copy of the database, for {run.where}: {run.text}"))
        try:
            copied = empty_copy(site, plan.current, [*applied, *revisions], progress)
            async with copied as copy, only_runner(copy.url, progress):
                tried = await _run(Command.REHEARSE_COPY, copy, configuration, revisions)
        except NoScratch as none:
            raise _impossible(run, none.why) from None
    except (psycopg.Error, SQLAlchemyError, OSError) as error:
        raise explain(error, site.url) from None
    left = "It was run in an empty copy of the database, which has been dropped."
    steps = await in_thread(lambda: tried.steps(revisions, left))
    return tuple(replace(step, copied=f"{run.where}: {run.text}") for step in steps)


@dataclass(frozen=True, slots=True)
class _Run:
    """A rehearsal that is over, one way or the other."""

    site: Site
    configuration: Configuration
    command: Command
    heard: Heard
    ended: Ended

    @property
    def reason(self) -> Reason | None:
        """Why it did not go on to its end; None where it did, or where nobody said."""
        return Reason(self.heard.failed["reason"]) if self.heard.failed else None

    @property
    def text(self) -> str:
        """What was said of that."""
        return hide(self.heard.failed["text"], secrets_of(self.site.url)) if self.heard.failed else ""

    @property
    def where(self) -> str:
        """The file and, where it is known, the line."""
        failed = self.heard.failed or {}
        path, line = failed.get("path"), failed.get("line")
        return f"{path}:{line}" if line else str(path)

    def steps(self, revisions: Sequence[Revision], left: str) -> tuple[StepSQL, ...]:
        """Return what was sent; `left` says, where a step failed, what is left of it.

        Raises:
            Failure: it did not go on to its end.
        """
        if self.heard.done:
            return self.heard.steps(revisions)
        if self.heard.failed is None or self.reason is not Reason.STEP:
            raise explain_wreck(wreck_of(self.site, self.configuration, self.command, self.heard, self.ended))
        statement = hide(self.heard.failed.get("statement") or "", secrets_of(self.site.url))
        raise Failure(
            Finding(
                Code.REHEARSAL_FAILED,
                f"Rehearsing {self.heard.failed.get('revision')} failed",
                f"{self.where}: {self.text.splitlines()[0]}. {left}",
                evidence="\n".join(filter(None, (self.text, statement))),
                fixes=(Fix("Correct the migration", "stackdeck migrate sql --rehearse"),),
            )
        )


async def _run(command: Command, site: Site, configuration: Configuration, revisions: Sequence[Revision]) -> _Run:
    heard = Heard(secrets_of(site.url))
    names = [revision.revision for revision in revisions]
    job = make_job(configuration.files, command, url=site.url.reveal(), revisions=names, limits=_LIMITS)
    ended = await run_worker(job, configuration.directory, heard.hear)
    return _Run(site, configuration, command, heard, ended)


def _impossible(run: _Run, why: str) -> Failure:
    return Failure(
        Finding(
            Code.REHEARSAL_IMPOSSIBLE,
            "It cannot be rehearsed",
            f"{run.where}: {run.text}, so that it could not be rolled back; everything before it was. "
            f"And it was not run in an empty copy of the database: {why.rstrip('.')}.",
            fixes=(Fix("Apply it to a copy of the database, and look at that"),),
        )
    )
