"""Judging steps: each statement with what it locks and risks, on the tables as they will be then."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from stack.findings import Severity
from stack.migrations.configuration import VersionTable
from stack.migrations.preview import StepSQL
from stack.migrations.protocol import Direction
from stack.migrations.risks.effects import Effect, Known, Work, effects
from stack.migrations.risks.facts import Catalogue
from stack.migrations.risks.operations import (
    AddColumn,
    AddConstraint,
    ChangeRows,
    ChangeType,
    CreateTable,
    DropColumn,
    DropTable,
    Name,
    Operation,
    Rename,
    SetNotNull,
    Transaction,
    Truncate,
    ValidateConstraint,
)
from stack.migrations.risks.review import Body, Review
from stack.migrations.risks.risk import Advice, Loss, Risk, Rule, weigh
from stack.migrations.risks.rules import Case, risks
from stack.migrations.risks.statements import Statement


@dataclass(frozen=True, slots=True)
class Judged:
    """One statement with the tables that it locks and the risks of that."""

    statement: Statement
    effects: tuple[Effect, ...]
    risks: tuple[Risk, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A risk, and the statement that it is of; without one it is of the whole step."""

    risk: Risk
    statement: str | None = None


@dataclass(frozen=True, slots=True)
class JudgedStep:
    """One step with the risks of each statement, and those of the whole; `reviewed` gives a reason by a rule's name."""

    sql: StepSQL
    upgrade: tuple[Judged, ...]
    downgrade: tuple[Judged, ...]
    whole: tuple[Risk, ...]
    reviewed: Mapping[str, str]

    def found(self, direction: Direction) -> tuple[Found, ...]:
        """Return the risks of one direction in the order of its statements, and then those of the whole.

        Not being able to take a step back is a risk of applying it.
        """
        back = (*_unknown(self.sql, direction, Loss.UNKNOWN), *_refused(self.sql, Severity.WARNING))
        whole = self.whole if direction is Direction.UPGRADE else back
        of_statements = (Found(risk, each.statement.text) for each in self.side(direction) for risk in each.risks)
        return (*of_statements, *(Found(risk) for risk in whole))

    def side(self, direction: Direction) -> tuple[Judged, ...]:
        """Return the statements of one direction."""
        return self.upgrade if direction is Direction.UPGRADE else self.downgrade

    def warnings(self, direction: Direction) -> tuple[Found, ...]:
        """Return the risks of one direction that are more than remarks and that nobody has reviewed, and all losses."""
        return tuple(
            found
            for found in self.found(direction)
            if found.risk.loss is Loss.DATA
            or (
                (found.risk.severity is not Severity.INFO or found.risk.loss is Loss.UNKNOWN)
                and found.risk.rule.value not in self.reviewed
            )
        )

    def loses(self, direction: Direction) -> bool:
        """Whether data is lost in one direction."""
        return any(found.risk.loss is Loss.DATA for found in self.warnings(direction))

    def may_lose(self, direction: Direction) -> bool:
        """Whether data is lost in one direction, or nobody can say and nobody has reviewed that."""
        return any(found.risk.loss is not Loss.NONE for found in self.warnings(direction))

    @property
    def risks(self) -> tuple[Risk, ...]:
        """The risks of applying it."""
        return tuple(found.risk for found in self.found(Direction.UPGRADE))

    @property
    def unreviewed(self) -> tuple[Risk, ...]:
        """The errors among its risks that nobody has reviewed."""
        return tuple(
            risk for risk in self.risks if risk.severity is Severity.ERROR and risk.rule.value not in self.reviewed
        )


@dataclass(slots=True)
class _Course:
    """What the statements before have done."""

    catalogue: Catalogue
    mark: Name
    new: set[Name] = field(default_factory=set)
    proving: dict[tuple[Name, str], str] = field(default_factory=dict)
    proved: set[tuple[Name, str]] = field(default_factory=set)
    held: dict[Name, Effect] = field(default_factory=dict)
    in_transaction: bool = False

    @property
    def known(self) -> Known:
        return Known(self.catalogue, frozenset(self.proved))


def judge(
    steps: Sequence[StepSQL],
    statements: Mapping[tuple[str, Direction], Sequence[Statement]],
    reviews: Mapping[str, Review],
    catalogue: Catalogue,
    version_table: VersionTable = VersionTable(),  # noqa: B008 - it cannot change
) -> tuple[JudgedStep, ...]:
    """Judge `steps`, which follow each other from where the `catalogue` is.

    `statements` are those of each side, `reviews` what the files say. What a step makes, no later one can hurt, and the
    `version_table` is nobody's but Alembic's.
    """
    mark = Name(version_table.schema, version_table.name)
    forwards, judged = _Course(catalogue, mark), []
    for step in steps:
        name = step.revision.revision
        made = set(forwards.new)
        upgrade = tuple(_judge(statements[name, Direction.UPGRADE], forwards))
        made = forwards.new - made
        downgrade = tuple(_judge(statements[name, Direction.DOWNGRADE], _Course(catalogue, mark)))
        review = reviews[name]
        whole = tuple(_whole(step, upgrade, downgrade, review, made))
        judged.append(JudgedStep(step, _joined(upgrade), downgrade, whole, review.reviewed))
    return tuple(judged)


def _judge(statements: Sequence[Statement], course: _Course) -> Iterator[Judged]:
    for statement in statements:
        locked: list[Effect] = []
        found: list[Risk] = []
        for operation in statement.operations:
            if isinstance(operation, Transaction):
                course.in_transaction = operation is Transaction.BEGIN
                course.held.clear()
                continue
            known = course.known
            table = getattr(operation, "table", None)
            touched = [each for each in effects(operation, known) if each.table != course.mark]
            live = [each for each in touched if each.table not in course.new]
            locked += touched
            if table not in course.new and table != course.mark:
                found += risks(operation, Case(known, course.in_transaction))
                found += _held(live, course)
            _follow(operation, course)
            if course.in_transaction:
                for each in live:
                    before = course.held.get(each.table)
                    if before is None or before.lock.strength < each.lock.strength:
                        course.held[each.table] = each
        yield Judged(statement, tuple(locked), tuple(found))


def _held(live: Sequence[Effect], course: _Course) -> Iterator[Risk]:
    """Yield a risk where the work of this statement keeps the blocking lock of an earlier one for longer."""
    for effect in live:
        blocking = [each for each in course.held.values() if each.lock.blocks_writes]
        if effect.work is Work.NONE or not blocking:
            continue
        worst = max(blocking, key=lambda each: each.lock.strength)
        table = course.catalogue.tables.get(effect.table)
        if worst.table == effect.table and effect.lock.strength >= worst.lock.strength:
            continue
        severity = weigh(table)
        yield Risk(
            Rule.HELD_LOCK,
            severity,
            f"An earlier statement of this transaction holds {worst.lock.value} on {worst.table}, and keeps it while "
            f"on {effect.table} {effect.work.value}",
            Advice("Put this into a migration of its own: each is a transaction, and the lock is let go between them"),
            replace(effect, table=worst.table, lock=worst.lock),
            course.catalogue.tables.get(worst.table),
        )


def _follow(operation: Operation, course: _Course) -> None:
    """Note what `operation` changes for those after it."""
    match operation:
        case CreateTable(table=table, unless_there=unless_there):
            if not (unless_there and table in course.catalogue.tables):
                course.new.add(table)
        case Rename(table=table, column=None, to=to):
            name = Name(table.schema, to)
            (course.new.add if table in course.new else course.new.discard)(name)
            course.new.discard(table)
        case AddConstraint(table=table, name=str(name), proves=str(column), validated=validated):
            course.proving[table, name] = column
            if validated:
                course.proved.add((table, column))
        case ValidateConstraint(table=table, name=name) if (table, name) in course.proving:
            course.proved.add((table, course.proving[table, name]))
        case SetNotNull(table=table, column=column):
            course.proved.add((table, column))
        case _:
            pass


def _joined(upgrade: tuple[Judged, ...]) -> tuple[Judged, ...]:
    """Say of what is dropped where the like is added that it may have been meant for a rename."""
    added: dict[Name | None, list[str]] = {}
    for judged in upgrade:
        for operation in judged.statement.operations:
            match operation:
                case AddColumn(table=table, column=column):
                    added.setdefault(table, []).append(column)
                case CreateTable(table=table):
                    added.setdefault(None, []).append(str(table))
                case _:
                    pass
    return tuple(replace(judged, risks=(*judged.risks, *_renames(judged, added))) for judged in upgrade)


def _renames(judged: Judged, added: Mapping[Name | None, Sequence[str]]) -> Iterator[Risk]:
    if not any(risk.rule in {Rule.DROP_COLUMN, Rule.DROP_TABLE} for risk in judged.risks):
        return
    for operation in judged.statement.operations:
        match operation:
            case DropColumn(table=table, column=column) if table in added:
                new = ", ".join(added[table])
                sql = f"ALTER TABLE {table} RENAME COLUMN {column} TO {added[table][0]}"
                text = f"{column} of {table} is dropped and {new} added: if that is a rename, all its values are lost"
            case DropTable(table=dropped) if None in added:
                new = ", ".join(added[None])
                sql = f"ALTER TABLE {dropped} RENAME TO {added[None][0]}"
                text = f"{dropped} is dropped and {new} created: if that is a rename, all its rows are lost"
            case _:
                continue
        yield Risk(Rule.DROP_AND_ADD, Severity.ERROR, text, Advice("Rename it, which autogenerate never does", sql))


def _whole(
    step: StepSQL, upgrade: Sequence[Judged], downgrade: Sequence[Judged], review: Review, made: set[Name]
) -> Iterator[Risk]:
    """Yield what there is to say of a step as a whole."""
    yield from _unknown(step, Direction.UPGRADE, Loss.UNKNOWN)
    yield from _unknown(step, Direction.DOWNGRADE, Loss.NONE)
    if review.downgrade is Body.ABSENT:
        text, advice = (
            "It has no downgrade()",
            Advice("Write one, or one that raises with the reason why there is none"),
        )
        yield Risk(Rule.MISSING_DOWNGRADE, Severity.WARNING, text, advice)
    else:
        yield from _refused(step, Severity.INFO)
    if review.downgrade is Body.EMPTY and review.upgrade is Body.FULL:
        text = "Its downgrade() does nothing: the database then says it is at the revision before, and is not"
        advice = Advice("Write it, or have it raise with the reason why there is none")
        yield Risk(Rule.EMPTY_DOWNGRADE, Severity.WARNING, text, advice)
    made_here: set[Name | tuple[Name, str]] = made | {
        (operation.table, operation.column)
        for judged in upgrade
        for operation in judged.statement.operations
        if isinstance(operation, AddColumn)
    }
    lost = [text for judged in downgrade for text in _losses(judged, made_here)]
    if lost:
        old = any(not new for _, new in lost)
        yield Risk(
            Rule.LOSSY_DOWNGRADE,
            Severity.WARNING if old else Severity.INFO,
            f"Its downgrade loses data: {', '.join(text for text, _ in lost)}",
            Advice("Dump the database before a downgrade"),
        )


def _unknown(step: StepSQL, direction: Direction, loss: Loss) -> Iterator[Risk]:
    """Yield the risk of running SQL that nobody has seen; its `loss` is none where that direction is not run."""
    if unknown := step.side(direction).unknown:
        yield Risk(
            Rule.UNKNOWN_SQL,
            Severity.WARNING,
            f"Not all SQL of its {direction} is known, so not all of it is judged: {unknown.why}",
            Advice("Rehearse it", "stackdeck migrate sql --rehearse"),
            loss=loss,
        )


def _refused(step: StepSQL, severity: Severity) -> Iterator[Risk]:
    """Yield that there is no way back, which somebody who applies it may know, and who takes it back does not."""
    if refusal := step.downgrade.refusal:
        advice = Advice("Dump the database before it is applied")
        yield Risk(Rule.MISSING_DOWNGRADE, severity, f"It cannot be taken back: {refusal}", advice)


def _losses(judged: Judged, made: set[Name | tuple[Name, str]]) -> Iterator[tuple[str, bool]]:
    """Yield what a statement of a downgrade loses, and whether the upgrade had made it."""
    for operation in judged.statement.operations:
        match operation:
            case DropTable(table=table) if any(risk.rule is Rule.DROP_TABLE for risk in judged.risks):
                yield f"table {table}", table in made
            case DropColumn(table=table, column=column):
                yield f"column {column} of {table}", (table, column) in made
            case Truncate(table=table):
                yield f"all rows of {table}", False
            case ChangeRows(table=table) if any(risk.rule is Rule.DELETE_ROWS for risk in judged.risks):
                yield f"rows of {table}", False
            case ChangeType(table=table, column=column) if any(risk.rule is Rule.NARROW_TYPE for risk in judged.risks):
                yield f"what does not fit {operation.type} in {column} of {table}", False
            case _:
                pass
