"""Edits as they are planned and shown: secrets stay hidden, other lines stay, and no text makes any of it fail."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.environment import python_grammar
from stack.environment.compose_grammar import EnvSyntaxError, parse
from stack.environment.diff import LineChange, line_changes
from stack.environment.edit import carry_out, plan_removal, plan_value
from stack.environment.rearrange import InseparableError, renamed, without, without_earlier
from stack.environment.report import check_environment
from stack.environment.rewrite import with_value
from stack.environment.secrecy import is_weak
from stack.findings import Code, Failure, silent
from stack.text import MASK
from tests.support.projects import make_project

CANARY = "canary-hunter2"
LINES = st.lists(
    st.sampled_from(
        ["A=1", "A='x y'", "B=${A}", "export A=2", "# c", "", "  ", "A", "A = 3 # c", 'B="x\ny"', "B C=1", "A: 4", "='",
         "\ufeff", "A=$x", "é=1", "A=\x00"]
    ),
    max_size=8,
)  # fmt: skip
TEXTS = st.tuples(LINES, st.sampled_from(["\n", "\r\n", "\r"])).map(lambda it: it[1].join(it[0])) | st.text(max_size=60)


def read(text, name):
    entry = python_grammar.parse(text, lambda _name: None).effective.get(name)
    try:
        compose = parse(text, lambda _name: None).values.get(name)
    except EnvSyntaxError:
        return None
    return (entry and entry.value, compose)


def test_a_change_is_shown_with_its_line():
    before = "# c\nA=1\nB=2\n"
    assert line_changes(before, with_value(before, "B", "3")) == (LineChange(3, "B=2", "B=3"),)
    assert line_changes(before, with_value(before, "C", "3")) == (LineChange(4, None, "C=3"),)
    assert line_changes(before, without(before, "A")) == (LineChange(2, "A=1", None),)
    assert line_changes(before, before) == ()


@pytest.mark.parametrize(
    "text",
    [
        f"APP_DB_PASSWORD={CANARY}\n",
        f"# was {CANARY}\nAPP_DB_PASSWORD='{CANARY}' # not {CANARY}\n",
        f"APP_DB_PASSWORD: {CANARY}\n",
        f"REDIS=redis://:{CANARY}@host/0\n",
        f"APP_DB_PASSWORD='{CANARY}' {CANARY}\n",
        f"APP_DB_PASSWORD='{CANARY}\n",
    ],
)
def test_no_change_shows_a_secret(text):
    for changes in (line_changes(text, ""), line_changes("", text), line_changes(text, f"X=1\n{text.upper()}")):
        assert CANARY not in repr(changes)
    assert any(MASK in (change.before or "") for change in line_changes(text, ""))


def test_a_removed_variable_takes_nothing_else_along():
    text = "# mine\nA=1\n\n# theirs\nexport A='2' # c\r\nB=A\n"
    assert without(text, "A") == "# mine\n\n# theirs\nB=A\n"
    assert without_earlier(text, "A") == "# mine\n\n# theirs\nexport A='2' # c\r\nB=A\n"
    assert renamed(text, "A", "AB") == "# mine\nAB=1\n\n# theirs\nexport AB='2' # c\r\nB=A\n"


def others(text):
    """What Python reads of every variable but A."""
    return [
        (it.name, it.text.strip())
        for it in python_grammar.parse(text, lambda _name: None).entries
        if it.name not in {"A", "NEW"}
    ]


@given(TEXTS)
def test_what_is_left_of_any_text_is_as_it_was(text):
    for change, left in ((without, None), (without_earlier, "as it was"), (partial(renamed, other="NEW"), None)):
        try:
            result = change(text, name="A")
        except InseparableError:
            continue
        assert others(result) == others(text)
        if left is None:
            assert read(result, "A") in {(None, None), None}
        else:
            assert read(result, "A") == read(text, "A")
            assert change(result, name="A") == result
        line_changes(text, result)


async def test_lines_that_cannot_be_told_apart_are_left_alone(tmp_path):
    text = "A=2\n='\nA=1\n='"
    project = make_project(tmp_path, text)
    found = check_environment(project, {}).findings
    (finding,) = [finding for finding in found if finding.code is Code.ENV_VARIABLE_DUPLICATE]
    with pytest.raises(Failure) as caught:
        await finding.automatic_fix.apply(silent)
    assert caught.value.finding.code is Code.ENV_GRAMMARS_DIFFER
    assert project.env_file.read_text() == text


@given(st.binary(max_size=60) | TEXTS.map(str.encode))
def test_no_bytes_make_a_check_or_a_plan_fail(tmp_path_factory, content):
    directory = tmp_path_factory.mktemp("p")
    project = make_project(directory, "")
    project.env_file.write_bytes(content)
    check_environment(project, {})
    for plan in (lambda: plan_value(project, "A", "1"), lambda: plan_removal(project, "A")):
        try:
            edit = plan()
        except Failure:
            assert project.env_file.read_bytes() == content
        else:
            assert edit.was is not None
            assert edit.was.encode() == content


def test_two_programs_at_once_lose_nothing(tmp_path):
    """Processes, not threads: each has its own idea of what the file said."""
    project = make_project(tmp_path, "A=0\n")
    root = Path(__file__).parents[2]
    program = (
        "import sys; from pathlib import Path; from stack.project import Options, open_project;"
        "from stack.environment.edit import set_value\n"
        "for step in range(20): set_value(open_project(Options(Path(sys.argv[1]))), sys.argv[2], str(step))"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", program, tmp_path, name], cwd=root, env={**os.environ})
        for name in ("X", "Y")
    ]
    assert [process.wait() for process in running] == [0, 0]
    assert sorted(project.env_file.read_text().splitlines()) == ["A=0", "X=19", "Y=19"]


def test_a_file_that_was_made_meanwhile_is_kept(tmp_path):
    project = make_project(tmp_path)
    edit = plan_value(project, "A", "1")
    project.env_file.write_text("theirs=1\n")
    with pytest.raises(Failure) as caught:
        carry_out(edit)
    assert caught.value.finding.code is Code.ENV_CHANGED_OUTSIDE
    assert project.env_file.read_text() == "theirs=1\n"


def test_a_file_that_went_away_meanwhile_stays_away(tmp_path):
    project = make_project(tmp_path, "A=1\n")
    edit = plan_value(project, "A", "2")
    project.env_file.unlink()
    with pytest.raises(Failure) as caught:
        carry_out(edit)
    assert caught.value.finding.code is Code.ENV_CHANGED_OUTSIDE
    assert not project.env_file.exists()


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        ("APP_DB_PASSWORD=abcdefgh\n\nAPP_DB_PORTS=6000 # p\n", "APP_DB_PASSWORD=abcdefgh\n\nAPP_DB_PORT=6000 # p\n"),
        ("X=1 # first\nAPP_DB_PASSWORD=abcdefgh\nX=2\nX=3\n", "APP_DB_PASSWORD=abcdefgh\nX=3\n"),
    ],
)
async def test_misspellings_and_duplicates_are_mended_in_place(tmp_path, text, mended):
    project = make_project(tmp_path, text)
    (finding,) = check_environment(project, {}).findings
    assert finding.automatic_fix.command == f"stackdeck doctor --fix {finding.code.value}"
    await finding.automatic_fix.apply(silent)
    assert project.env_file.read_text() == mended
    assert check_environment(project, {}).findings == ()


@pytest.mark.parametrize(
    "password", ["postgres", "Password1", "qwerty12", "12345678", "short", "change-me", "admin2024!"]
)
def test_weak_passwords(password):
    assert is_weak(password)


@pytest.mark.parametrize("password", ["k3XpQ9vT", "postgres-of-our-own", "a sentence that nobody says"])
def test_passwords_that_are_not_weak(password):
    assert not is_weak(password)


def test_an_edit_has_no_secret_in_its_repr(tmp_path):
    project = make_project(tmp_path, f"APP_DB_PASSWORD={CANARY}\n")
    assert CANARY not in repr(plan_value(project, "APP_DB_PASSWORD", f"{CANARY}2"))
