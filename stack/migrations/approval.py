"""Whether a plan may be carried out: who agrees to what, and how it is asked."""

import shlex
from typing import Protocol

from stack.findings import Code, Failure, Finding, Fix
from stack.migrations.plan import Plan
from stack.migrations.protocol import Command


class Judge(Protocol):
    """Finds out what a plan risks on the real tables, as far as its steps do not show that it loses nothing."""

    async def __call__(self, plan: Plan) -> Plan:
        """Return `plan` with what was found."""
        ...


class Approval(Protocol):
    """Asked before anything is touched, with the whole plan, while no other runner can change it."""

    async def __call__(self, plan: Plan, judge: Judge) -> None:
        """Return where `plan` may be carried out; `judge` tells what it risks, which takes a process.

        Raises:
            Failure: it may not (`Code.CONFIRMATION_NEEDED`).
        """
        ...


async def approve_harmless(plan: Plan, judge: Judge) -> None:
    """Be an `Approval` of every plan that loses nothing, on a server of the project's own.

    Raises:
        Failure: this one is none.
    """
    plan = await judge(plan)
    if plan.needs_consent:
        raise Failure(unconfirmed(plan))


def approve_said(*, agreed: bool, name: str | None) -> Approval:
    """Return an `Approval` of what a person said beforehand: that they agree, or the `name` of the database.

    On a server that is not the project's own only the name will do.
    """

    async def approve(plan: Plan, judge: Judge) -> None:
        if name is not None and name != plan.database.name:
            reason = f"--confirm names {name}, and this database is {plan.database.name}."
            raise Failure(unconfirmed(await judge(plan), reason))
        if name is None and not (agreed and plan.database.own):
            await approve_harmless(plan, judge)

    return approve


def approve_shown(shown: Plan) -> Approval:
    """Return an `Approval` of what a person was `shown` and agreed to: its steps on its database, and no other."""
    agreed = {(step.revision.revision, step.digest) for step in shown.steps}

    async def approve(plan: Plan, judge: Judge) -> None:
        same = plan.database == shown.database and (plan.command, plan.marked) == (shown.command, shown.marked)
        if not same or any((step.revision.revision, step.digest) not in agreed for step in plan.steps):
            raise Failure(unconfirmed(await judge(plan), "It has changed since it was shown."))

    return approve


def unconfirmed(plan: Plan, reason: str = "") -> Finding:
    """Return the finding of a `plan` that nobody has agreed to, with the plan and the commands that agree to it."""
    database = plan.database
    if not database.own:
        title = f"{database.name} at {database.server} is not a server of this project's own"
    elif plan.command is Command.STAMP:
        title = "The database would be marked otherwise"
    elif plan.loses or not plan.may_lose:
        title = "Data would be lost" if plan.loses else f"{database.name} was not named"
    else:
        title = "Nobody can say beforehand whether data would be lost"
    return Finding(
        Code.CONFIRMATION_NEEDED,
        title,
        "\n".join(filter(None, (reason, *plan.lines, "Nothing has been touched."))),
        fixes=_ways(plan),
    )


def _ways(plan: Plan) -> tuple[Fix, ...]:
    consent = "--yes" if plan.database.own else f"--confirm {shlex.quote(plan.database.name)}"
    command = command_of(plan)
    destroys = plan.loses
    go_on = Fix("Go on without a dump" if plan.may_lose else "Go on", f"{command} {consent}", destructive=destroys)
    if not plan.may_lose:
        return (go_on,)
    dumping = f"{command} --dump FILE {consent}"
    return (Fix("Write a dump of the database first, then go on", dumping, destructive=destroys), go_on)


def command_of(plan: Plan) -> str:
    """Return the command that plans the same."""
    if plan.command is Command.REHEARSE:
        return "stackdeck migrate sql --rehearse"
    verb = {Command.UPGRADE: "up", Command.DOWNGRADE: "down"}.get(plan.command, "stamp")
    target = "" if (plan.command, plan.target) == (Command.UPGRADE, "heads") else f" {shlex.quote(plan.target)}"
    return f"stackdeck migrate {verb}{target}"
