"""The page that a reviewer reads: each step, its risks, the locks that it takes, the safer ways."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence

from stack.migrations.protocol import Direction
from stack.migrations.risks.effects import Effect
from stack.migrations.risks.judge import Found, Judged, JudgedStep
from stack.migrations.risks.locks import Lock

_WIDTH = 100


def strongest_locks(statements: Sequence[Judged]) -> tuple[Effect, ...]:
    """Return the strongest lock on each table that `statements` take, the strongest first."""
    taken = sorted(
        (effect for judged in statements for effect in judged.effects), key=lambda effect: effect.lock.strength
    )
    return tuple(reversed({effect.table: effect for effect in taken}.values()))


def page(steps: Sequence[JudgedStep]) -> str:
    """Return what there is to say of `steps`, in plain text."""
    return "\n\n".join("\n".join(_step(step)) for step in steps)


def _step(step: JudgedStep) -> Iterator[str]:
    revision = step.sql.revision
    yield f"{revision.revision}  {revision.message}"
    yield f"  {revision.path}"
    locks = [effect for effect in strongest_locks(step.upgrade) if effect.lock.strength >= Lock.SHARE.strength]
    if locks:
        yield from _wrapped(
            "takes ", ", ".join(f"{effect.lock.value} on {effect.table}" for effect in locks), indent="  "
        )
    for found in step.found(Direction.UPGRADE):
        yield ""
        yield from risk_lines(found, step.reviewed)
    if not step.risks:
        yield "  no risks were found"


def risk_lines(found: Found, reviewed: Mapping[str, str]) -> Iterator[str]:
    """Yield what there is to say of one risk, and what a person has `reviewed` of its rule."""
    risk, statement = found.risk, " ".join((found.statement or "").split())
    yield f"  {risk.severity.value:8}{risk.rule.value}"
    yield from _wrapped("", risk.text)
    if statement:
        yield from _wrapped("in    ", statement if len(statement) <= 2 * _WIDTH else f"{statement[: 2 * _WIDTH]}…")
    if risk.consequence:
        yield from _wrapped("locks ", risk.consequence)
    if risk.advice.text:
        yield from _wrapped("safer ", risk.advice.text)
    yield from (f"                {line}" for line in risk.advice.sql.splitlines())
    if why := reviewed.get(risk.rule.value):
        yield from _wrapped("reviewed: ", why)


def _wrapped(label: str, text: str, indent: str = " " * 10) -> list[str]:
    return textwrap.wrap(
        " ".join(text.split()), _WIDTH, initial_indent=indent + label, subsequent_indent=indent + " " * len(label)
    )
