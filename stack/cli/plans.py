"""``rows --plan``: how the server would read a page."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from stack.cli.output import Console, Outcome
from stack.cli.rows_wanted import PageWanted

if TYPE_CHECKING:
    from stack.tables.explaining import Explained
    from stack.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Plan:
    """Print the plan of a page, with what in it would read far too much."""

    wanted: PageWanted

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:  # noqa: ARG002 - it is a `Command`
        """Ask for the plan; nothing is run."""
        browser = await workspace.tables()
        explained = await browser.explain(await self.wanted.query(browser))
        return Outcome(asdict(explained), "\n".join(_lines(explained)))


def _lines(explained: "Explained") -> Iterator[str]:
    from stack.tables.plans import steps

    for caution in explained.cautions:
        yield f"! {caution.title}"
        yield f"  {caution.cause}"
        yield from (f"  {remedy}" for remedy in caution.remedies)
    if explained.where:
        yield f"WHERE {' AND '.join(explained.where)}"
    for plan in explained.plans:
        for step in steps(plan):
            indent = "   " * step.depth
            yield f"{indent}{step.title}{f' ({step.role})' if step.role else ''}   {step.estimate}"
            yield from (f"{indent}   {purpose}: {condition}" for purpose, condition in step.details)
