"""An empty copy of a database: what its applied migrations make of a scratch database on the same server."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from sqlalchemy.exc import SQLAlchemyError

from stack.background import in_thread
from stack.database.errors import explain
from stack.findings import Failure, Gauge, Progress
from stack.migrations import runner
from stack.migrations.approval import approve_said
from stack.migrations.reach import beyond_the_database
from stack.migrations.revision import Revision
from stack.migrations.scratch import NoScratch, scratch_database
from stack.migrations.site import Site


@asynccontextmanager
async def empty_copy(
    site: Site, current: Sequence[str], run: Sequence[Revision], progress: Progress
) -> AsyncIterator[Site]:
    """Make a copy of the database at `site`, which is at `current`, without its rows; it is dropped when left.

    `run` is all that will be run in it, from the first revision on. `progress` is told how far it is with that.

    Raises:
        NoScratch: there can be none, or some of `run` reaches beyond its database, so that it must not be run.
    """
    if why := await in_thread(lambda: beyond_the_database(run)):
        raise NoScratch(why)

    def tell(line: str, gauges: Sequence[Gauge] = ()) -> None:
        progress(f"In an empty copy: {line}", gauges)

    async with AsyncExitStack() as made:
        try:
            copy = Site(site.project, await made.enter_async_context(scratch_database(site.url)))
            for revision in current:
                await runner.upgrade(copy, revision, tell, approve=approve_said(agreed=True, name=None))
        except Failure as failure:
            raise NoScratch(f"the migrations do not run in an empty database: {failure.finding.cause}") from None
        except (SQLAlchemyError, OSError) as error:
            words = explain(error, site.url).finding.cause
            raise NoScratch(f"no scratch database could be made: {words}") from None
        yield copy
