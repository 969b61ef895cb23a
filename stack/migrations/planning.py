"""Planning on the history that was read here: what is shown before it is asked for, and what runs no step.

An upgrade or a downgrade that is carried out is planned by the worker, which has read the history as well; see
`stack.migrations.runner`.
"""

from collections.abc import Callable
from functools import partial

from alembic.script.revision import ResolutionError, RevisionError

from stack.migrations.history import History, downgrade_steps, pending, stamped, upgrade_steps
from stack.migrations.plan import Plan, Target, planned, unreachable
from stack.migrations.protocol import Command
from stack.migrations.revision import Revision


def plan_upgrade(history: History, current: tuple[str, ...], *, target: str, database: Target) -> Plan:
    """Plan the upgrade of a `database` at `current`, all of it known, to `target`.

    Raises:
        Failure: there is no such target, or it cannot be reached (`Code.MIGRATION_NO_SUCH_REVISION`).
    """
    return _plan_steps(Plan(Command.UPGRADE, target, database, current), partial(upgrade_steps, history))


def plan_downgrade(history: History, current: tuple[str, ...], *, target: str, database: Target) -> Plan:
    """Plan the downgrade to `target`; otherwise like `plan_upgrade`."""
    return _plan_steps(Plan(Command.DOWNGRADE, target, database, current), partial(downgrade_steps, history))


def _plan_steps(plan: Plan, find: Callable[[tuple[str, ...], str], tuple[Revision, ...]]) -> Plan:
    try:
        steps = find(plan.current, plan.target)
    except RevisionError as error:
        raise unreachable(plan.command, plan.target, plan.current, _why(error)) from None
    return planned(plan, steps)


def plan_rehearsal(history: History, current: tuple[str, ...], *, database: Target) -> Plan:
    """Plan to run all that is pending and to roll it back, which destroys nothing."""
    return planned(Plan(Command.REHEARSE, "heads", database, current), pending(history, current))


def plan_stamp(history: History, current: tuple[str, ...], *, target: str, database: Target) -> Plan:
    """Plan to mark the database as being at `target`; `current` may be unknown to the history.

    Raises:
        Failure: there is no such target (`Code.MIGRATION_NO_SUCH_REVISION`).
    """
    try:
        marked = stamped(history, current, target)
    except RevisionError as error:
        raise unreachable(Command.STAMP, target, current, _why(error)) from None
    return Plan(Command.STAMP, target, database, current, marked=marked)


def _why(error: RevisionError) -> str:
    return f"no revision or branch is called {error.argument}" if isinstance(error, ResolutionError) else str(error)
