"""Revisions are read without being run, and our heads, order and pending steps are Alembic's."""

import ast
import asyncio
import os
import random
import subprocess
import sys
import warnings
from datetime import datetime
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from hypothesis import given, settings
from hypothesis import strategies as st

from stack.findings import Code, Failure, Severity
from stack.migrations.configuration import locate
from stack.migrations.history import (
    between,
    build_history,
    downgrade_steps,
    find_revisions,
    read_history,
    stamped,
    survey_history,
    upgrade_steps,
)
from stack.migrations.origins import Origin, read_origins
from stack.migrations.script import Script, read_script
from stack.migrations.status import migration_status
from stack.project import Options, open_project
from tests.support.alembic import Step, chain, make_project, write_step


def history_of(project):
    return asyncio.run(read_history(project))


def refused(action):
    with pytest.raises(Failure) as caught:
        action()
    return caught.value.finding


@st.composite
def histories(draw):
    """Revisions that branch, merge and depend on each other, with names whose order says nothing."""
    names = draw(st.permutations([f"{letter}001" for letter in "abcdefghij"][: draw(st.integers(1, 10))]))
    steps = []
    for place, name in enumerate(names):
        earlier = list(names[:place])
        down = draw(st.lists(st.sampled_from(earlier), max_size=2, unique=True)) if earlier else []
        others = [each for each in earlier if each not in down]
        depends = draw(st.lists(st.sampled_from(others), max_size=1)) if others else []
        labels = (f"label_{name}",) if draw(st.booleans()) and not down else ()
        depends_on = tuple(
            f"label_{each}" if any(each == step.revision and step.labels for step in steps) else each
            for each in depends
        )
        steps.append(Step(name, tuple(down), labels=labels, depends_on=depends_on))
    return steps, draw(st.lists(st.sampled_from(names), max_size=3))


@settings(max_examples=60, deadline=None)
@given(case=histories())
def test_heads_order_and_pending_are_alembics(tmp_path_factory, case):
    steps, applied = case
    root = tmp_path_factory.mktemp("history")
    history = history_of(make_project(root, steps))
    config = Config()
    config.set_main_option("script_location", str(root / "migrations"))
    theirs = ScriptDirectory.from_config(config)
    assert history.heads == tuple(theirs.get_heads())
    assert [each.revision for each in history.revisions] == [
        step.revision.revision for step in theirs._upgrade_revs("heads", ())
    ]
    assert [each.revision for each in reversed(history.revisions)] == [
        each.revision for each in theirs.walk_revisions()
    ]
    for each in history.revisions:
        script = theirs.get_revision(each.revision)
        assert each.is_head == script.is_head
        assert each.is_merge == script.is_merge_point
        assert each.is_branch_point == script.is_branch_point
        assert each.message == script.doc
        assert each.path == Path(script.path)
    # A database may be at any revisions of which none comes before another.
    current = tuple(
        sorted(
            name
            for name in set(applied)
            if not any(name in ancestors(theirs, other) for other in set(applied) - {name})
        )
    )
    assert [each.revision for each in migration_status(history, current).pending] == [
        step.revision.revision for step in theirs._upgrade_revs("heads", current)
    ]


def ancestors(script, revision):
    return {each.revision for each in script.revision_map._get_ancestor_nodes([script.get_revision(revision)])}


def test_a_long_history_is_alembics_too(tmp_path):
    draw = random.Random(6)  # noqa: S311 - the same history each time
    names = [f"{draw.getrandbits(48):012x}" for _ in range(1000)]
    steps, heads = [Step(names[0])], [names[0]]
    for name in names[1:]:
        # Three branches at most, which part and meet again and again.
        down = draw.sample(heads, 2) if len(heads) > 2 else [draw.choice(heads)]
        other = [draw.choice(steps).revision] if draw.random() < 0.1 else []
        steps.append(Step(name, tuple(down), depends_on=tuple(each for each in other if each not in down)))
        heads = [each for each in heads if each not in down or draw.random() < 0.1][:2]
        heads.append(name)
    history = history_of(make_project(tmp_path, steps))
    config = Config()
    config.set_main_option("script_location", str(tmp_path / "migrations"))
    theirs = ScriptDirectory.from_config(config)
    assert history.heads == tuple(theirs.get_heads())
    assert [each.revision for each in history.revisions] == [
        step.revision.revision for step in theirs._upgrade_revs("heads", ())
    ]
    current = (names[500],)
    assert [each.revision for each in migration_status(history, current).pending] == [
        step.revision.revision for step in theirs._upgrade_revs("heads", current)
    ]


def test_nothing_of_the_projects_runs(tmp_path, capfd):
    project = make_project(tmp_path, chain(1))
    path = project.root / "migrations" / "versions" / "r0001_step.py"
    path.write_text(path.read_text() + "\nprint('\\d', 'ran')\nraise SystemExit\n")
    before = list(sys.path)
    assert history_of(project).heads == ("r0001",)
    assert capfd.readouterr() == ("", "")
    assert sys.path == before


def test_a_file_that_computes_its_name_is_imported_elsewhere(tmp_path, capfd):
    project = make_project(tmp_path, chain(2))
    (tmp_path / "names.py").write_text("FIRST = 'r0001'\n")
    path = project.root / "migrations" / "versions" / "r0002_step.py"
    path.write_text(
        '"""Second\n\nmore"""\nimport names\nprint("heard")\nrevision = names.FIRST[:3] + "2x"\n'
        "down_revision = names.FIRST\nbranch_labels = {'b'}\n"
    )
    history = history_of(project)
    assert history.heads == ("r002x",)
    assert (history.revisions[1].message, history.revisions[1].branch_labels) == ("Second", ("b",))
    assert capfd.readouterr() == ("", "")
    assert "names" not in sys.modules


BROKEN = {
    "syntax": ("def (\n", 1, "invalid syntax"),
    "nothing": ("import os\n", None, "does not say its revision"),
    "absent parent": ("revision = 'x001'\n\ndown_revision = 'gone'\n", 3, "x001 comes after gone"),
    "absent dependency": ("revision = 'x001'\ndown_revision = None\ndepends_on = ('gone',)\n", 2, "depends on gone"),
    "twice": ("revision = 'r0001'\ndown_revision = None\n", 2, "is revision r0001 too"),
    "itself": ("revision = 'x001'\ndown_revision = 'x001'\n", 2, "Self-loop is detected in revisions (x001)"),
    "import": ("revision = 'x' + nonesuch\ndown_revision = None\n", 1, "nonesuch"),
    "exit": ("import os\nos._exit(0)\n", None, "status 0"),
    "bytes": ("revision = 'x001'\0\ndown_revision = None\n", None, "null bytes"),
    "characters": ("revision = 'x@001'\ndown_revision = None\n", 2, "x@001"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_named_with_its_line(tmp_path, name):
    text, line, words = BROKEN[name]
    project = make_project(tmp_path, chain(1))
    path = project.root / "migrations" / "versions" / "zz_broken.py"
    path.write_text(text)
    finding = refused(lambda: history_of(project))
    assert finding.code is Code.MIGRATIONS_BROKEN
    assert finding.cause.startswith(f"{path}:{line}: " if line else f"{path}")
    assert words in finding.cause
    # What can be read is shown all the same.
    survey = asyncio.run(survey_history(project))
    assert [problem.cause for problem in survey.problems] == [finding.cause]
    assert "r0001" in [revision.revision for revision in survey.revisions]


def test_a_cycle_is_shown(tmp_path):
    steps = [Step("a001", ("c001",)), Step("b001", ("a001",)), Step("c001", ("b001",)), Step("base1")]
    project = make_project(tmp_path, steps)
    finding = refused(lambda: history_of(project))
    assert finding.code is Code.MIGRATIONS_BROKEN
    assert "a001_step.py" in finding.cause
    assert "a001, b001, c001" in finding.cause
    survey = asyncio.run(survey_history(project))
    assert survey.problems == (finding,)
    assert {revision.revision for revision in survey.revisions} == {"a001", "b001", "c001", "base1"}


def test_several_things_are_wrong_at_once(tmp_path):
    project = make_project(tmp_path, [*chain(2), Step("x001", ("gone", "r0002")), Step("d001", ("d001",))])
    versions = project.root / "migrations" / "versions"
    (versions / "zz.py").write_text("def (")
    (versions / "zy.py").write_text("revision = f'{1}'\ndown_revision = nonesuch\n")
    survey = asyncio.run(survey_history(project))
    assert [problem.cause.partition(":")[0].rpartition("/")[2] for problem in survey.problems] == [
        "zz.py",
        "zy.py",
        "x001_step.py",
        "d001_step.py",
    ]
    assert {each.revision: each.down_revisions for each in survey.revisions} == {
        "r0001": (),
        "r0002": ("r0001",),
        "x001": ("r0002",),
        "d001": (),
    }


GIT = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_AUTHOR_DATE": "2026-03-04T05:06:07+01:00", "PATH": os.environ["PATH"]}


def test_git_says_who_wrote_what_with_one_question_a_directory(tmp_path, monkeypatch):
    project = make_project(tmp_path, chain(2))
    first, second = sorted((tmp_path / "migrations" / "versions").glob("*.py"))
    assert read_origins(locate(project)) == {}

    def git(author, *arguments):
        identity = ["-c", f"user.name={author}", "-c", "user.email=a@example.org"]
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, env=GIT, check=True, capture_output=True)

    git("Anna", "init", "-q")
    git("Anna\x1b[1m", "add", str(first))
    git("Anna", "commit", "-qm", "one")
    first.write_text(first.read_text() + "\n")
    git("Bert", "commit", "-qam", "changed")
    (origin,) = read_origins(locate(project)).items()
    assert origin == (first, Origin("Anna", datetime.fromisoformat(GIT["GIT_AUTHOR_DATE"])))
    # Not committed yet, and known as such.
    assert second not in read_origins(locate(project))
    monkeypatch.setenv("PATH", "")
    assert read_origins(locate(project)) == {}


def test_no_revisions_yet(tmp_path):
    history = history_of(make_project(tmp_path, []))
    assert (history.revisions, history.heads) == ((), ())
    assert migration_status(history, ()).pending == ()


def test_no_configuration(tmp_path):
    assert refused(lambda: locate(open_project(Options(tmp_path)))).code is Code.MIGRATIONS_MISSING


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no section", "no section headers"),
        ("[alembic]\n", "no script_location"),
        ("[alembic]\nscript_location = gone\n", "no directory"),
        ("[alembic]\nscript_location = %(gone)s/x\n", "gone"),
        ("[alembic]\nscript_location = .\nsourceless = true\n", "sourceless"),
        ("[alembic]\nscript_location = .\nversion_locations = a:b\npath_separator = often\n", "often"),
    ],
)
def test_a_configuration_that_cannot_be_used(tmp_path, text, words):
    (tmp_path / "alembic.ini").write_text(text)
    finding = refused(lambda: locate(open_project(Options(tmp_path))))
    assert finding.code is Code.MIGRATIONS_BROKEN
    assert finding.cause.startswith(f"{tmp_path}/alembic.ini: ")
    assert words in finding.cause


def test_pyproject_and_packages(tmp_path):
    make_project(tmp_path / "src" / "app", [Step("a001")])
    (tmp_path / "src" / "app" / "__init__.py").write_text("raise RuntimeError('imported')")
    more = tmp_path / "more" / "deep"
    more.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text(
        "[tool.alembic]\nscript_location = 'app:migrations'\nprepend_sys_path = ['%(here)s/src']\n"
        "version_locations = ['app:migrations/versions', '%(here)s/more']\nrecursive_version_locations = true\n"
    )
    (more / "b001.py").write_text("revision = 'b001'\ndown_revision = 'a001'\n")
    history = history_of(open_project(Options(tmp_path)))
    assert [each.revision for each in history.revisions] == ["a001", "b001"]


ANNOTATED = '''
"""Message
on two lines

Create Date: now
"""
from typing import Union
revision: str = "a"
down_revision: Union[str, None, list] = ["b", "c"]
branch_labels: Union[str, None]
'''


def test_annotations_and_lists_are_literals_too(tmp_path):
    path = tmp_path / "a.py"
    path.write_text(ANNOTATED.strip())
    assert read_script(path) == Script(path, "a", ("b", "c"), (), (), "Message on two lines", 8)


def test_what_a_person_should_know(tmp_path):
    history = history_of(make_project(tmp_path, chain(2)))
    assert migration_status(history, ["r0002"]).findings == ()
    (waiting,) = migration_status(history, ["r0001"]).findings
    assert (waiting.code, waiting.severity) == (Code.MIGRATIONS_PENDING, Severity.WARNING)
    unknown = migration_status(history, ["zzz"])
    assert (unknown.pending, unknown.unknown) == ((), ("zzz",))
    (strange,) = unknown.findings
    assert (strange.code, strange.severity) == (Code.MIGRATION_UNKNOWN_REVISION, Severity.ERROR)
    assert "zzz" in strange.title


def test_a_target_that_leads_nowhere_is_told_as_such():
    # Each made Alembic assert, or warn on the terminal and take one branch of several.
    history = build_history(
        [
            Script(Path("a.py"), "aaaa1", (), (), (), "", 1),
            Script(Path("b.py"), "bbbb1", (), (), ("side",), "", 1),
        ]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for current, target in ((("aaaa1",), "side@-1"), (("aaaa1", "bbbb1"), "-1"), ((), "")):
            with pytest.raises(RevisionError):
                downgrade_steps(history, current, target)
        for target in ("", "aaaa1-1"):
            with pytest.raises(RevisionError):
                upgrade_steps(history, (), target)
        with pytest.raises(RevisionError):
            stamped(history, (), "")
        assert [each.revision for each in downgrade_steps(history, ("aaaa1", "bbbb1"), "side@-1")] == ["bbbb1"]
    assert refused(lambda: between(history, ":aaaa1-2")).code is Code.MIGRATION_NO_SUCH_REVISION
    assert refused(lambda: find_revisions(history, [""])).code is Code.MIGRATION_NO_SUCH_REVISION


def test_labels_that_two_files_claim():
    scripts = [Script(Path(f"{name}.py"), name, (), (), ("same",), "", 1) for name in ("a001", "b001")]
    finding = refused(lambda: build_history(scripts))
    assert finding.code is Code.MIGRATIONS_BROKEN
    assert "same" in finding.cause


def revisions(parsed):
    """The revisions' files among what was parsed, which env.py is too."""
    return [path for path in (Path(options["filename"]) for options in parsed) if path.name != "env.py"]


def test_a_file_is_parsed_once_until_it_changes(tmp_path, monkeypatch):
    project = make_project(tmp_path, chain(3))
    history_of(project)
    parsed = []
    parse = ast.parse
    monkeypatch.setattr(ast, "parse", lambda *given, **options: parsed.append(options) or parse(*given, **options))
    history_of(project)
    path = tmp_path / "migrations" / "versions" / "r0003_step.py"
    assert revisions(parsed) == []
    path.write_text(path.read_text().replace("Step r0003", "Another message"))
    assert history_of(project).revisions[-1].message == "Another message"
    assert revisions(parsed) == [path]


def test_what_has_not_changed_is_put_in_order_once(tmp_path):
    project = make_project(tmp_path, chain(3))
    before = history_of(project)
    assert history_of(project) is before
    write_step(project.root / "migrations", Step("r0004", ("r0003",)))
    assert history_of(project).heads == ("r0004",)


def test_a_file_that_two_links_lead_to_is_one_revision(tmp_path):
    project = make_project(tmp_path, chain(2))
    versions = tmp_path / "migrations" / "versions"
    elsewhere = write_step(project.root / "migrations", Step("r0003", ("r0002",))).rename(tmp_path / "third.py")
    (versions / "third.py").symlink_to(elsewhere)
    (versions / "deeper").mkdir()
    (versions / "deeper" / "again.py").symlink_to(elsewhere)
    (versions / "deeper" / "round").symlink_to(versions)
    with (tmp_path / "alembic.ini").open("a") as file:
        file.write("recursive_version_locations = true\n")
    assert [script.path for script in history_of(project).scripts] == [
        versions / "r0001_step.py",
        versions / "r0002_step.py",
        elsewhere,
    ]


def test_files_are_read_in_alembics_order(tmp_path):
    project = make_project(tmp_path, [Step("b001"), Step("a001")])
    for name in ("__init__.py", ".#a.py", "notes.txt", "a.pyc"):
        (project.root / "migrations" / "versions" / name).write_text("not a revision")
    write_step(project.root / "migrations", Step("c001", ("a001",)))
    assert [script.revision for script in history_of(project).scripts] == ["a001", "b001", "c001"]
