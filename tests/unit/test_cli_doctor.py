"""``doctor --fix`` mends all of one name and says what it did and what is left; ``--report`` never overwrites."""

import io
import json

import pytest

from stack.cli.doctor import Mend
from stack.cli.main import main
from stack.cli.output import Console, render
from stack.doctor.examination import CheckResult, CheckStatus, Report, Stage
from stack.findings import Code, Failure, Finding, Fix, Loss
from stack.services.approval import lose_all, lose_nothing
from tests.support.fake_workspace import FakeWorkspace

STAGE = Stage("environment", "Settings", "What they are for.", headline="a")
CODE = Code.ENV_VARIABLE_DUPLICATE


class Sick(FakeWorkspace):
    """A workspace of which `wrong` is wrong, each by its title with the fixes that it has."""

    def __init__(self, **wrong: Fix | tuple[Fix, ...]) -> None:
        super().__init__()
        self.wrong = wrong
        self.mended: list[str] = []

    def heal(self, title: str, **how: object) -> Fix:
        async def apply(_progress):
            self.mended.append(title)
            del self.wrong[title]

        return Fix(f"Mend {title}", apply=apply, **how)

    async def examine(self) -> Report:
        fixes = {title: fix if isinstance(fix, tuple) else (fix,) for title, fix in self.wrong.items()}
        found = [Finding(CODE, title, "Because.", fixes=ways) for title, ways in fixes.items()]
        checks = [CheckResult(f.title, STAGE, CheckStatus.FAIL, f.title, f) for f in found]
        return Report((CheckResult("a", STAGE, CheckStatus.PASS, "well"), *checks))


def console():
    return Console(io.StringIO(), io.StringIO())


async def mend(workspace, *, confirmed=False, dump=None, way=None):
    return await Mend(CODE, confirmed, dump, way).run(workspace, console())


async def test_all_findings_of_one_name_are_mended():
    sick = Sick()
    sick.wrong = {title: sick.heal(title) for title in ("one", "two")}
    outcome = await mend(sick)
    assert sick.mended == ["one", "two"]
    assert outcome.exit_status == 0
    assert outcome.text.splitlines()[:2] == ["Done: Mend one", "Done: Mend two"]
    assert outcome.fields["ok"]


async def test_another_way_is_taken_where_a_person_names_it():
    sick = Sick()
    by_hand, first, second = Fix("Do it by hand"), sick.heal("never"), sick.heal("one")
    sick.wrong = {"one": (by_hand, first, second)}
    shown = render((await sick.examine()).findings[0])
    assert "  fix: Do it by hand\n  fix 1: Mend never\n  fix 2: Mend one" in shown
    outcome = await mend(sick, way=3)
    assert outcome.exit_status == 1
    assert "It has no way 3, but 2: one" in outcome.text
    assert sick.mended == []
    assert (await mend(sick, way=2)).exit_status == 0
    assert sick.mended == ["one"]


async def test_what_comes_to_light_by_another_way_is_not_mended_by_it():
    sick = Sick()

    async def uncover(_progress):
        del sick.wrong["one"]
        sick.wrong["two"] = (sick.heal("none"), sick.heal("two"))

    sick.wrong = {"one": (sick.heal("one"), Fix("Uncover", apply=uncover))}
    outcome = await mend(sick, way=2)
    assert outcome.exit_status == 1
    assert outcome.text.splitlines()[:2] == ["Done: Uncover", "Left: two"]
    assert sick.mended == []


async def test_what_is_not_found_needs_no_fix():
    outcome = await mend(Sick())
    assert outcome.exit_status == 0
    assert "env-variable-duplicate is not found" in outcome.text


async def test_a_fix_that_did_not_help_is_not_repeated():
    sick, tried = Sick(), []

    async def apply(_progress):
        tried.append(1)

    sick.wrong = {"one": Fix("Try", apply=apply)}
    outcome = await mend(sick)
    assert tried == [1]
    assert outcome.exit_status == 1
    assert "It is still found after that: one" in outcome.text


async def test_a_fix_that_fails_says_why_and_what_is_left():
    sick = Sick()

    async def apply(_progress):
        raise Failure(Finding(Code.ENV_WRITE_FAILED, "it cannot be written", "Read-only."))

    sick.wrong = {"one": sick.heal("one"), "two": Fix("Write", apply=apply)}
    outcome = await mend(sick)
    assert outcome.exit_status == 1
    assert outcome.text.startswith("Done: Mend one\n")
    assert [finding.title for finding in outcome.findings] == ["it cannot be written", "two"]


async def test_what_only_a_person_can_mend_is_said_and_fails():
    sick = Sick(one=Fix("Ask somebody"))
    outcome = await mend(sick)
    assert outcome.exit_status == 1
    assert "Only a person can mend this: one" in outcome.text


async def test_a_destructive_fix_waits_for_consent_and_says_what_is_lost():
    sick = Sick()
    losses = (Loss("The volume data is deleted", 48_000_000),)
    sick.wrong = {"one": sick.heal("one", destructive=True, losses=losses)}
    outcome = await mend(sick)
    assert sick.mended == []
    assert outcome.findings[0].code is Code.CONFIRMATION_NEEDED
    assert "The volume data is deleted (48.0 MB)." in outcome.findings[0].cause
    assert outcome.findings[0].fixes[1].command == "stackdeck doctor --fix env-variable-duplicate --yes"
    chosen = await mend(sick, way=1)
    assert chosen.findings[0].fixes[1].command == "stackdeck doctor --fix env-variable-duplicate --way 1 --yes"
    assert sick.approval is lose_nothing
    assert (await mend(sick, confirmed=True)).exit_status == 0
    assert sick.mended == ["one"]
    assert sick.approval is lose_all


async def test_a_dump_comes_first_once_and_without_it_nothing_is_done(tmp_path):
    sick = Sick()
    sick.wrong = {title: sick.heal(title, destructive=True) for title in ("one", "two")}
    file = tmp_path / "before.dump"
    await mend(sick, confirmed=True, dump=file)
    assert sick.fake_services.asked == [("dump", str(file))]
    assert sick.mended == ["one", "two"]

    async def no_dump(_file, *, progress):
        raise Failure(Finding(Code.DUMP_FAILED, "no room", "Full."))

    sick.wrong, sick.fake_services.dump = {"one": sick.heal("one", destructive=True)}, no_dump
    outcome = await mend(sick, confirmed=True, dump=file)
    assert "one" in sick.wrong
    assert outcome.findings[0].code is Code.DUMP_FAILED


@pytest.mark.parametrize(
    "argv",
    [
        ["doctor", "--yes"],
        ["doctor", "--dump", "x"],
        ["doctor", "--way", "2"],
        ["doctor", "--fix", "env-missing", "--way", "0"],
        ["doctor", "--fix", "env-missing", "--report", "x"],
        ["doctor", "--fix", "no-such-thing"],
    ],
)
def test_options_that_mean_nothing_together_are_wrong_usage(argv, capsys):
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_a_report_goes_to_stdout_or_to_a_new_file_of_its_owner(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PWD", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    (tmp_path / ".env").write_text("APP_DB_PASSWORD=canary-in-the-file\n", encoding="utf-8")
    assert main(["doctor", "--report", "-"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("# Stackdeck report")
    assert "canary" not in printed
    assert main(["doctor", "--report", "bug.md", "--json"]) == 0
    path = tmp_path / "bug.md"
    assert json.loads(capsys.readouterr().out)["file"] == str(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert main(["doctor", "--report", "bug.md"]) == 1
    assert "[report-file-exists]" in capsys.readouterr().err
    assert main(["doctor", "--report", "no/such/place.md"]) == 1
    assert "[report-not-saved]" in capsys.readouterr().err
    assert [it.name for it in tmp_path.iterdir() if it.name.startswith(".") and it.name != ".env"] == []
