"""A step's risks follow from its statements, the size of its tables and its file, and from nothing else."""

from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.findings import Severity
from stack.migrations.configuration import VersionTable
from stack.migrations.preview import Side, StepSQL, Unknown
from stack.migrations.protocol import Direction
from stack.migrations.revision import Revision
from stack.migrations.risks.conversions import Conversion, convert
from stack.migrations.risks.facts import Catalogue, Column, Table
from stack.migrations.risks.judge import judge
from stack.migrations.risks.locks import Lock
from stack.migrations.risks.operations import Name, Transaction, Type, Unreadable
from stack.migrations.risks.page import page, strongest_locks
from stack.migrations.risks.review import Body, Review, read_review
from stack.migrations.risks.risk import Rule
from stack.migrations.risks.statements import read_statements

BOOKINGS = Name(None, "bookings")
COLUMNS = {
    "id": Column(Type("int8"), never_null=True),
    "note": Column(Type("varchar", (50,)), never_null=False),
    "price": Column(Type("numeric", (10, 2)), never_null=False),
    "checked": Column(Type("text"), never_null=True),
}
LARGE = Table(BOOKINGS, 5_000_000, 1_200_000_000, columns=COLUMNS)
MIDDLE = Table(BOOKINGS, 50_000, 20_000_000, columns=COLUMNS)
SMALL = Table(BOOKINGS, 100, 65_536, columns=COLUMNS)
EMPTY = Table(BOOKINGS, 0, 8192, is_empty=True, columns=COLUMNS)


def judged(*upgrades, table=LARGE, downgrade=(), review=None, unknown=None, refusal=None, **options):
    """Judge steps, each of some upgrade's statements, against one table."""
    steps = []
    for number, upgrade in enumerate(upgrades):
        texts = (upgrade,) if isinstance(upgrade, str) else tuple(upgrade)
        revision = Revision(f"r{number}", (), (), (), "what it does", Path(f"r{number}.py"), False, False)
        steps.append(
            StepSQL(revision, Side(("BEGIN;", *texts, "COMMIT;"), unknown), Side(tuple(downgrade), refusal=refusal))
        )
    statements = {
        (step.revision.revision, side): read_statements(step.side(side).statements)
        for step in steps
        for side in Direction
    }
    catalogue = Catalogue({BOOKINGS: table} if table else {})
    reviews = dict.fromkeys((step.revision.revision for step in steps), review or Review())
    return judge(steps, statements, reviews, catalogue, **options)


def rules(*upgrades, **options):
    return [(risk.rule, risk.severity) for step in judged(*upgrades, **options) for risk in step.risks]


E, W, I = Severity.ERROR, Severity.WARNING, Severity.INFO  # noqa: E741
CASES = {
    "ALTER TABLE bookings ADD COLUMN c text": [],
    "ALTER TABLE bookings ADD COLUMN c text DEFAULT 'x' NOT NULL": [],
    "ALTER TABLE bookings ADD COLUMN c text NOT NULL": [(Rule.ADD_COLUMN_NOT_NULL, E)],
    "ALTER TABLE bookings ADD COLUMN c uuid DEFAULT gen_random_uuid()": [(Rule.ADD_COLUMN_COMPUTED, E)],
    "ALTER TABLE bookings ADD COLUMN c bigserial": [(Rule.ADD_COLUMN_COMPUTED, E)],
    "ALTER TABLE bookings ADD COLUMN c int8 GENERATED ALWAYS AS (id) STORED": [(Rule.ADD_COLUMN_COMPUTED, E)],
    "ALTER TABLE bookings ADD COLUMN c int8 GENERATED ALWAYS AS (id) VIRTUAL": [],
    "ALTER TABLE bookings ADD COLUMN c int CHECK (c > 0)": [(Rule.ADD_CONSTRAINT, E)],
    "ALTER TABLE bookings DROP COLUMN note": [(Rule.DROP_COLUMN, E)],
    "ALTER TABLE bookings ALTER note TYPE text": [],
    "ALTER TABLE bookings ALTER note TYPE varchar(20)": [(Rule.NARROW_TYPE, E)],
    "ALTER TABLE bookings ALTER id TYPE numeric": [(Rule.CHANGE_TYPE, E)],
    "ALTER TABLE bookings ALTER note SET NOT NULL": [(Rule.SET_NOT_NULL, E)],
    "ALTER TABLE bookings ALTER checked SET NOT NULL": [],
    "ALTER TABLE bookings ADD CHECK (id > 0)": [(Rule.ADD_CONSTRAINT, E)],
    "ALTER TABLE bookings ADD CHECK (id > 0) NOT VALID": [],
    "ALTER TABLE bookings ADD FOREIGN KEY (id) REFERENCES people": [(Rule.ADD_FOREIGN_KEY, E)],
    "ALTER TABLE bookings ADD UNIQUE (note)": [(Rule.ADD_UNIQUE, E)],
    "ALTER TABLE bookings ADD UNIQUE USING INDEX i": [],
    "ALTER TABLE bookings ADD EXCLUDE (note WITH =)": [(Rule.ADD_UNIQUE, E)],
    "CREATE INDEX i ON bookings (note)": [(Rule.CREATE_INDEX, E)],
    "CREATE INDEX CONCURRENTLY i ON bookings (note)": [(Rule.CONCURRENTLY_IN_TRANSACTION, E)],
    "DROP INDEX i": [(Rule.DROP_INDEX, I)],
    "DROP INDEX CONCURRENTLY i": [(Rule.CONCURRENTLY_IN_TRANSACTION, E)],
    "DROP TABLE bookings": [(Rule.DROP_TABLE, E)],
    "DROP SCHEMA s CASCADE": [(Rule.DROP_TABLE, E)],
    "TRUNCATE bookings": [(Rule.DELETE_ROWS, E)],
    "DELETE FROM bookings": [(Rule.DELETE_ROWS, E)],
    "DELETE FROM bookings WHERE id < 9": [(Rule.DELETE_ROWS, W)],
    "UPDATE bookings SET note = 'x'": [(Rule.UPDATE_ROWS, W)],
    "ALTER TABLE bookings RENAME note TO notes": [(Rule.RENAME, W)],
    "ALTER TABLE bookings RENAME TO booked": [(Rule.RENAME, W)],
    "ALTER TABLE bookings SET UNLOGGED": [(Rule.REWRITE_TABLE, E)],
    "ALTER TYPE mood ADD VALUE 'bad'": [(Rule.ENUM_VALUE, W)],
    "DO $$ BEGIN END $$": [(Rule.HIDDEN_CODE, I)],
    "ALTER TABEL bookings": [(Rule.UNREADABLE, W)],
    "UPDATE alembic_version SET version_num = 'x'": [],
    "COMMENT ON TABLE bookings IS 'x'": [],
}


@pytest.mark.parametrize("statement", CASES)
def test_what_is_a_risk(statement):
    assert rules(statement) == CASES[statement]


@pytest.mark.parametrize(("table", "severity"), [(LARGE, E), (MIDDLE, W), (SMALL, I), (None, W)])
def test_blocking_weighs_as_much_as_the_table_is_large(table, severity):
    assert rules("CREATE INDEX i ON bookings (note)", table=table) == [(Rule.CREATE_INDEX, severity)]
    # What is lost is lost, however little it is.
    assert rules("ALTER TABLE bookings DROP COLUMN note", table=table) == [(Rule.DROP_COLUMN, E)]


def test_an_empty_table_has_nothing_to_lose():
    assert rules("DROP TABLE bookings", table=EMPTY) == [(Rule.DROP_TABLE, W)]
    assert rules("ALTER TABLE bookings ADD c int NOT NULL", table=EMPTY) == [(Rule.ADD_COLUMN_NOT_NULL, I)]


def test_a_table_of_this_upgrade_is_nobodys_yet():
    making = "CREATE TABLE seats (id int)"
    later = ["CREATE INDEX ON seats (id)", "ALTER TABLE seats ALTER id SET NOT NULL", "DROP TABLE seats"]
    assert rules([making, *later], table=None) == []
    assert rules(making, later, table=None) == []
    assert len(rules(later, table=None)) == 3


def test_the_safer_way_has_no_risk_where_each_part_is_a_step():
    proof = [
        "ALTER TABLE bookings ADD CONSTRAINT p CHECK (note IS NOT NULL) NOT VALID",
        "ALTER TABLE bookings VALIDATE CONSTRAINT p",
        "ALTER TABLE bookings ALTER note SET NOT NULL",
    ]
    assert rules(*proof) == []
    # In one transaction the first lock is held while the second statement reads every row.
    assert rules(proof) == [(Rule.HELD_LOCK, E)]
    assert rules(*proof[1:]) == [(Rule.SET_NOT_NULL, E)]


def test_outside_a_transaction_an_index_may_be_built_concurrently():
    block = ["COMMIT;", "CREATE INDEX CONCURRENTLY i ON bookings (note)", "BEGIN;"]
    assert rules(block) == []
    # Nor is a lock held that was let go by the commit.
    assert rules(["ALTER TABLE bookings ALTER note SET DEFAULT 'x'", *block]) == []


def test_drop_and_add_may_be_a_rename():
    (step,) = judged(["ALTER TABLE bookings DROP COLUMN note", "ALTER TABLE bookings ADD COLUMN notes text"])
    assert [risk.rule for risk in step.risks] == [Rule.DROP_COLUMN, Rule.DROP_AND_ADD]
    assert step.risks[1].advice.sql == "ALTER TABLE bookings RENAME COLUMN note TO notes"
    (step,) = judged(["DROP TABLE bookings", "CREATE TABLE booked (id int)"])
    assert Rule.DROP_AND_ADD in {risk.rule for risk in step.risks}


@pytest.mark.parametrize(
    ("review", "downgrade", "expected"),
    [
        (Review(downgrade=Body.ABSENT), (), [(Rule.MISSING_DOWNGRADE, W)]),
        (Review(downgrade=Body.EMPTY), (), [(Rule.EMPTY_DOWNGRADE, W)]),
        (Review(upgrade=Body.EMPTY, downgrade=Body.EMPTY), (), []),
        (Review(), ("ALTER TABLE bookings DROP COLUMN c",), [(Rule.LOSSY_DOWNGRADE, I)]),
        (Review(), ("ALTER TABLE bookings DROP COLUMN note",), [(Rule.LOSSY_DOWNGRADE, W)]),
        (Review(), ("ALTER TABLE bookings ALTER note TYPE varchar(5)",), [(Rule.LOSSY_DOWNGRADE, W)]),
        (Review(), ("DELETE FROM bookings WHERE id = 1",), [(Rule.LOSSY_DOWNGRADE, W)]),
    ],
)
def test_what_a_downgrade_does_and_does_not(review, downgrade, expected):
    assert rules("ALTER TABLE bookings ADD COLUMN c text", downgrade=downgrade, review=review) == expected


def test_a_downgrade_that_raises_is_no_unknown_one():
    # It is what the advice on an empty downgrade asks for.
    (step,) = judged("ALTER TABLE bookings ADD COLUMN c text", review=Review(downgrade=Body.RAISES), refusal="no way")
    assert [(risk.rule, risk.severity, risk.text) for risk in step.risks] == [
        (Rule.MISSING_DOWNGRADE, I, "It cannot be taken back: no way")
    ]
    assert step.warnings(Direction.UPGRADE) == ()
    assert [found.risk.text for found in step.warnings(Direction.DOWNGRADE)] == ["It cannot be taken back: no way"]
    assert not step.may_lose(Direction.DOWNGRADE)


def test_what_is_not_known_is_not_said_to_be_safe():
    assert rules("SELECT 1", unknown=Unknown("it reads", 4)) == [(Rule.UNKNOWN_SQL, W)]


def test_a_reviewed_risk_is_shown_and_no_error():
    review = Review({"drop-column": "unused since\nrelease 41"})
    (step,) = judged("ALTER TABLE bookings DROP COLUMN note", review=review)
    assert (len(step.risks), step.unreviewed) == (1, ())
    text = " ".join(page([step]).split())
    assert "reviewed: unused since release 41" in text
    assert "ACCESS EXCLUSIVE on bookings (about 5,000,000 rows, 1.2 GB): blocks all reads and writes" in text
    (step,) = judged("CREATE INDEX i ON bookings (note)", review=review)
    assert len(step.unreviewed) == 1


def test_the_strongest_lock_of_each_table_is_spoken_of():
    (step,) = judged(["UPDATE bookings SET note = 'x'", "CREATE INDEX i ON bookings (note)", "SELECT 1"])
    (effect,) = strongest_locks(step.upgrade)
    assert (effect.table, effect.lock) == (BOOKINGS, Lock.SHARE)


FILE = '''
"""Message"""
reviewed: dict[str, str] = {"drop-column": "unused", "rename": "", 3: "x", **{}}
def upgrade() -> None:
    """Only words."""
def downgrade() -> None:
    pass
'''


def test_what_a_file_says_is_read_without_running_it(tmp_path):
    path = tmp_path / "a.py"
    path.write_text(FILE)
    assert read_review(path) == Review({"drop-column": "unused"}, Body.EMPTY, Body.EMPTY)
    path.write_text("reviewed = made_up()\ndef upgrade():\n    op.x()\nraise SystemExit\n")
    assert read_review(path) == Review({}, Body.FULL, Body.ABSENT)
    path.write_text('def upgrade():\n    op.x()\ndef downgrade():\n    """Never."""\n    raise NotImplementedError\n')
    assert read_review(path) == Review({}, Body.FULL, Body.RAISES)
    path.write_text("def (")
    assert read_review(path) == Review()


def test_conflicts_go_both_ways():
    for one, other in product(Lock, Lock):
        assert one.conflicts_with(other) == other.conflicts_with(one)
    assert [lock.mode for lock in Lock][-1] == "AccessExclusiveLock"
    assert [lock for lock in Lock if lock.blocks_reads] == [Lock.ACCESS_EXCLUSIVE]


@given(st.lists(st.sampled_from(["SELECT 'é; x'", "DROP TABLE a", "COMMENT ON TABLE a IS $$;$$", "SELECT /* ; */ 2"])))
def test_a_script_is_its_statements(texts):
    together = read_statements([";\n".join(texts)]) if texts else ()
    assert together == read_statements(texts)
    assert [statement.text for statement in together] == texts


def test_what_no_grammar_has_is_one_unreadable_statement():
    (statement,) = read_statements(["SELECT 1; FOO"])
    assert isinstance(statement.operations[0], Unreadable)
    assert [s.operations for s in read_statements(["BEGIN; COMMIT"])] == [(Transaction.BEGIN,), (Transaction.END,)]


TYPES = st.builds(
    Type,
    st.sampled_from(["int2", "int4", "int8", "numeric", "text", "varchar", "bpchar", "timestamptz", "jsonb"]),
    st.sampled_from([(), (5,), (10,), (10, 2), (12, 2)]),
)


@given(TYPES, TYPES)
def test_a_change_of_type_and_back_cannot_both_be_wider(old, new):
    assert convert(old, old) is Conversion.SAME
    if convert(old, new) is convert(new, old) is Conversion.SAME:
        assert old == new or {old, new} == {Type("text"), Type("varchar")}


def test_alembics_own_table_is_left_out_by_the_name_that_it_has_here():
    statement = "DELETE FROM ops.marks"
    assert rules(statement, version_table=VersionTable("marks", "ops")) == []
    assert [rule for rule, _ in rules(statement)] == [Rule.DELETE_ROWS]
    dropped = {"downgrade": ["DROP TABLE marks"], "version_table": VersionTable("marks")}
    assert Rule.LOSSY_DOWNGRADE not in {rule for rule, _ in rules("SELECT 1", **dropped)}


def test_a_name_that_an_old_table_takes_over_is_that_of_an_old_table():
    swap = "CREATE TABLE other (id int); ALTER TABLE other RENAME TO fresh; ALTER TABLE bookings RENAME TO other; "
    assert (Rule.DROP_TABLE, Severity.ERROR) in rules(swap + "DROP TABLE other")
    assert Rule.DROP_TABLE not in {rule for rule, _ in rules(swap + "DROP TABLE fresh")}
