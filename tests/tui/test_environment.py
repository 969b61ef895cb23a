"""The Environment screen over real files: what is shown, edited and mended; a secret is seen only when asked for."""

import pytest

from stack.environment.report import check_environment
from stack.findings import Code
from stack.services.in_use import StaleUse
from stack.text import MASK
from tests.support.fake_workspace import FakeWorkspace
from tests.support.projects import make_project
from tests.tui.support import deck_over, until
from tui.app import Deck
from tui.screens import environment
from tui.widgets.confirm import Confirm
from tui.widgets.variable_editor import VariableEditor

SECRET = "canary-Pa55-behind-the-bullets"
ENV = f"# mine\nAPP_DB_PASSWORD={SECRET}\nAPP_DB_PORT=5432  # the port\nNAME='x'\n"
TEMPLATE = "APP_DB_PASSWORD=change-me\nAPP_DB_PORT=5432\n# What it is called.\nNAME=x\n"
WIDE = (140, 40)


class FileWorkspace(FakeWorkspace):
    """A workspace whose environment is a real project's."""

    def __init__(self, project):
        super().__init__()
        self.project = project
        self.environ = {}

    def environment(self):
        return check_environment(self.project, self.environ)


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path, ENV, TEMPLATE)


def shown(deck: Deck) -> str:
    return "\n".join(strip.text.rstrip() for strip in deck.screen._compositor.render_strips())


def detail(deck: Deck) -> str:
    return deck.front.detail.render().plain


async def on_variable(pilot, deck, name):
    """Go to the screen, and to the row of `name`."""
    await pilot.press("3")
    await until(pilot, lambda: deck.front.grid.row_count > 0)
    for _ in range(deck.front.grid.row_count):
        if deck.front.grid.selected_key == name:
            return
        await pilot.press("down")
    raise AssertionError(name)


async def editing(pilot, deck, name):
    await on_variable(pilot, deck, name)
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(deck.screen, VariableEditor) and deck.screen.is_mounted)


async def test_the_file_is_made_where_there_is_none_yet(project):
    project.env_file.unlink()
    workspace = FileWorkspace(project)
    deck = deck_over(workspace)
    async with deck.run_test(size=WIDE) as pilot:
        await on_variable(pilot, deck, "APP_DB_PORT")
        await until(pilot, lambda: "Init .env" in shown(deck))
        await pilot.press("i")
        await until(pilot, lambda: ("init",) in workspace.fake_services.asked)
        # As the real one leaves it; nothing offers then what would be refused.
        project.env_file.write_text(ENV)
        await until(pilot, lambda: "Init .env" not in shown(deck))


async def test_how_a_variable_stands_to_the_template_is_seen_beside_a_long_problem(project):
    project.env_file.write_text(ENV.replace("5432", "54321234567") + "EXTRA=1\n")
    deck = deck_over(FileWorkspace(project))
    async with deck.run_test(size=(80, 24)) as pilot:
        await on_variable(pilot, deck, "EXTRA")
        await until(pilot, lambda: any("EXTRA" in line and " extra" in line for line in shown(deck).splitlines()))


async def test_the_selected_variable_is_explained(project):
    deck = deck_over(FileWorkspace(project))
    async with deck.run_test(size=WIDE) as pilot:
        await on_variable(pilot, deck, "APP_DB_PORT")
        await until(pilot, lambda: "a port, a whole number from 1 to 65535" in detail(deck))
        await on_variable(pilot, deck, "NAME")
        await until(pilot, lambda: "What it is called." in detail(deck))


async def test_an_edit_is_judged_and_shown_before_it_is_written(project):
    deck = deck_over(FileWorkspace(project))
    async with deck.run_test(size=(80, 24)) as pilot:
        await editing(pilot, deck, "APP_DB_PORT")
        await pilot.press(*"99999")
        await until(pilot, lambda: "expected a port" in shown(deck))
        await pilot.press("enter")
        assert isinstance(deck.screen, VariableEditor)
        await pilot.press("backspace")
        await until(pilot, lambda: "+ APP_DB_PORT=9999  # the port" in shown(deck))
        assert "- APP_DB_PORT=5432  # the port" in shown(deck)
        assert project.env_file.read_text() == ENV
        await pilot.press("enter")
        await until(pilot, lambda: project.env_file.read_text() == ENV.replace("5432", "9999"))
        await until(pilot, lambda: "9999" in shown(deck) and not deck.busy)


async def test_enter_and_escape_without_a_change_write_nothing(project):
    deck = deck_over(FileWorkspace(project))
    before = project.env_file.stat().st_ino
    async with deck.run_test(size=(80, 24)) as pilot:
        for key in ("enter", "escape"):
            await editing(pilot, deck, "NAME")
            await pilot.press(key)
            await until(pilot, lambda: not isinstance(deck.screen, VariableEditor))
    assert (project.env_file.read_text(), project.env_file.stat().st_ino) == (ENV, before)


async def test_a_password_is_generated_and_never_drawn(project):
    deck = deck_over(FileWorkspace(project))
    async with deck.run_test(size=(80, 24)) as pilot:
        await editing(pilot, deck, "APP_DB_PASSWORD")
        await pilot.press("ctrl+g")
        await until(pilot, lambda: f"+ APP_DB_PASSWORD={MASK}" in shown(deck))
        generated = deck.screen._input.value
        assert generated not in shown(deck)
        assert SECRET not in shown(deck)
        await pilot.press("enter")
        await until(pilot, lambda: f"APP_DB_PASSWORD={generated}\n" in project.env_file.read_text())


async def test_a_free_port_is_found(project, monkeypatch):
    monkeypatch.setattr("stack.environment.template.is_port_free", lambda port: port >= 5440)
    deck = deck_over(FileWorkspace(project))
    async with deck.run_test(size=(80, 24)) as pilot:
        await editing(pilot, deck, "APP_DB_PORT")
        await pilot.press("ctrl+g")  # no key here
        await pilot.press("ctrl+n")
        await until(pilot, lambda: "+ APP_DB_PORT=5440" in shown(deck))


async def test_an_edit_outside_meanwhile_is_kept(project):
    deck = deck_over(FileWorkspace(project))
    async with deck.run_test(size=(80, 24)) as pilot:
        await editing(pilot, deck, "APP_DB_PORT")
        await pilot.press(*"6000")
        await until(pilot, lambda: "+ APP_DB_PORT=6000" in shown(deck))
        project.env_file.write_text("APP_DB_PASSWORD=theirs\n")
        await pilot.press("enter")
        await until(pilot, lambda: ".env was changed by somebody else" in shown(deck))
    assert project.env_file.read_text() == "APP_DB_PASSWORD=theirs\n"


async def test_an_edit_outside_is_seen_and_the_cursor_stays(project):
    deck = deck_over(FileWorkspace(project))
    async with deck.run_test(size=WIDE) as pilot:
        await on_variable(pilot, deck, "NAME")
        other = project.env_file.with_name("saved-by-an-editor")
        other.write_text(f"FIRST=1\n{ENV}".replace("NAME='x'", "NAME='from outside'"))
        other.chmod(0o600)
        other.replace(project.env_file)
        await until(pilot, lambda: "from outside" in shown(deck))
        assert deck.front.grid.selected_key == "NAME"


async def test_a_variable_is_removed_after_asking(project):
    deck = deck_over(FileWorkspace(project))
    async with deck.run_test(size=(80, 24)) as pilot:
        await on_variable(pilot, deck, "APP_DB_PASSWORD")
        await pilot.press("d")
        await until(pilot, lambda: isinstance(deck.screen, Confirm))
        assert f"APP_DB_PASSWORD={MASK}" in shown(deck)
        await pilot.press("n")
        await until(pilot, lambda: not isinstance(deck.screen, Confirm))
        await on_variable(pilot, deck, "NAME")
        await pilot.press("d")
        await until(pilot, lambda: isinstance(deck.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: project.env_file.read_text() == ENV.replace("NAME='x'\n", ""))


async def test_what_is_wrong_with_the_selected_variable_is_mended_on_a_key(tmp_path):
    project = make_project(tmp_path, f"{ENV}NAME=y\n", TEMPLATE)
    deck = deck_over(FileWorkspace(project))
    async with deck.run_test(size=WIDE) as pilot:
        await on_variable(pilot, deck, "NAME")
        await until(pilot, lambda: "Remove what does not count: line 4" in shown(deck))
        await pilot.press("m")
        await until(pilot, lambda: project.env_file.read_text() == ENV.replace("NAME='x'\n", "NAME=y\n"))


async def test_what_is_not_in_use_yet_is_said_and_mended(project):
    workspace = FileWorkspace(project)
    workspace.stale_now = (
        StaleUse("db", "APP_DB_PORT", "ports", "“5432” is gone", False),
        StaleUse("db", "APP_DB_PASSWORD", "environment.POSTGRES_PASSWORD", "changed", True),
    )
    deck = deck_over(workspace)
    async with deck.run_test(size=WIDE) as pilot:
        await on_variable(pilot, deck, "APP_DB_PASSWORD")
        await until(pilot, lambda: "its volume keeps it" in detail(deck))
        (finding,) = deck.front.banner.findings
        assert finding.code is Code.ENV_VARIABLE_STALE
        assert finding.title == "db still runs with another APP_DB_PORT than is written"
        await pilot.press("f")
        await until(pilot, lambda: ("up", "db") in workspace.fake_services.asked)


async def test_a_secret_is_drawn_only_while_it_is_asked_for(project, monkeypatch):
    monkeypatch.setattr(environment, "REVEALED_FOR", 1.5)
    workspace = FileWorkspace(project)
    workspace.environ = {"APP_DB_PASSWORD": f"{SECRET}-of-the-shell"}
    deck = deck_over(workspace)
    async with deck.run_test(size=WIDE) as pilot:
        await on_variable(pilot, deck, "APP_DB_PASSWORD")
        pictures = [deck.export_screenshot()]
        await pilot.press("w")
        await pilot.pause()
        pictures.append(deck.export_screenshot())
        await pilot.press("escape")
        assert not any(SECRET in picture for picture in pictures)
        await pilot.press("v")
        await until(pilot, lambda: SECRET in shown(deck))
        # By itself after a while
        await until(pilot, lambda: SECRET not in shown(deck))
        monkeypatch.setattr(environment, "REVEALED_FOR", 100)
        # on leaving the row, the screen, and under whatever comes over it.
        for away, back in (("down", "up"), ("1", "3"), ("?", "escape"), ("v", "")):
            await pilot.press("v")
            await until(pilot, lambda: SECRET in shown(deck))
            await pilot.press(away)
            await until(pilot, lambda: SECRET not in shown(deck))
            if back:
                await pilot.press(back)
                await until(pilot, lambda: "Variables of .env" in shown(deck))
            assert SECRET not in deck.export_screenshot()
    assert not any(SECRET in path.read_text() for path in (project.root / "state").rglob("*") if path.is_file())
