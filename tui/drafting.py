"""A new migration from the deck: asked for, drafted as a long job, shown, and written where a person says so."""

import shlex
from typing import TYPE_CHECKING

from stack.findings import Progress
from stack.migrations.protocol import NewKind
from stack.text import clean_line
from tui.widgets.new_migration import DraftPreview, NewMigration, Wish

if TYPE_CHECKING:
    from tui.app import Deck


def ask_new(deck: "Deck", heads: int) -> None:
    """Ask for a new migration of a history with that many `heads`, and draft it."""

    def answered(wish: Wish | None) -> None:
        if wish is not None:
            _start(deck, wish)

    deck.push_screen(NewMigration(NewKind.MERGE if heads > 1 else NewKind.AUTOGENERATE), answered)


def _start(deck: "Deck", wish: Wish) -> None:
    async def work(progress: Progress) -> None:
        from stack.migrations.drift.aspects import UNSEEN_BY_AUTOGENERATE

        workspace = deck.workspace
        if workspace is None:
            return
        migrations = await workspace.migrations()
        drafts = await migrations.draft(wish.kind, wish.message)
        if not drafts:
            progress("Nothing is written: Alembic sees no difference between models and database")
            return
        unseen = UNSEEN_BY_AUTOGENERATE if wish.kind is NewKind.AUTOGENERATE else ()
        if not await deck.push_screen_wait(DraftPreview(drafts, unseen, workspace.project.root)):
            progress("Nothing is written")
            return
        await migrations.write(drafts)
        for draft in drafts:
            progress(clean_line(f"Wrote {draft.path}"))

    option = {NewKind.EMPTY: " --empty", NewKind.MERGE: " --merge"}.get(wish.kind, "")
    command = f"stackdeck migrate new{option} -m {shlex.quote(wish.message)}"
    deck.start_job("Draft a migration", work, lambda _none: None, command=command)
