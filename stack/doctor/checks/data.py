"""Is there anything to look at?"""

from typing import Final

from stack.doctor.examination import Check, Passed
from stack.doctor.facts import Facts
from stack.doctor.stages import DATA
from stack.findings import Code, Finding, Fix, Progress, Severity
from stack.project import RuntimeName
from stack.tables.query import PageQuery

SAMPLE_BOOKINGS: Final = 1000
RANDOM_SEED: Final = 1


async def _data(facts: Facts) -> Passed:
    browser = await facts.stack.tables()
    tables = await browser.list()
    bookings = next((table for table in tables if table.name == "bookings" and table.visible), None)
    if bookings is None:
        return Passed(f"{len(tables)} table{'s' * (len(tables) != 1)} to look at")
    if (await browser.page(PageQuery(bookings, limit=1))).rows:
        return Passed("There are bookings to look at")

    async def seed(progress: Progress) -> None:
        await facts.stack.seed(SAMPLE_BOOKINGS, RANDOM_SEED, progress)

    runtime = await facts.runtime()
    fix = Fix(f"Make {SAMPLE_BOOKINGS} sample bookings", f"stackdeck seed --bookings {SAMPLE_BOOKINGS}", apply=seed)
    empty = Finding(
        Code.BOOKINGS_EMPTY,
        "There are no bookings yet",
        "The booking tables are there, and empty.",
        Severity.INFO,
        # Sample data has no place on a server that others use.
        fixes=() if runtime.name is RuntimeName.EXTERNAL else (fix,),
    )
    return Passed(empty.title, empty)


CHECKS: Final[tuple[Check[Facts], ...]] = (Check("data", DATA, "Data", ("migrations",), _data),)
