"""The report says where each variable comes from and what is wrong, with a fix; it is silent where all is well."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.environment.assignments import Source
from stack.environment.report import check_environment, masked
from stack.environment.template import init_env
from stack.findings import Code, Severity
from stack.text import MASK, SecretStr
from tests.support.projects import make_project

CANARY = "canary-hunter2"
OURS = "APP_DB_PASSWORD=pw\n"


def codes(report):
    return [finding.code for finding in report.findings]


def only(report):
    (finding,) = report.findings
    assert finding.fixes
    assert finding.title
    assert finding.cause
    return finding


def variable(report, name):
    (found,) = [variable for variable in report.variables if variable.name == name]
    return found


def check(tmp_path, env=None, template=None, **environ):
    return check_environment(make_project(tmp_path, env, template), environ)


def test_provenance(tmp_path):
    report = check(
        tmp_path,
        "# c\nAPP_DB_PASSWORD=pw\nAPP_DB_PORT=6000\n\nAPP_DB_HOST=\nOTHER=x\n",
        "APP_DB_PASSWORD=change-me\nAPP_DB_PORT=5432\nNEW=value\n",
        APP_DB_NAME="shell",
    )
    places = {v.name: (masked(v.value), v.source, v.line, masked(v.template_value)) for v in report.variables}
    assert places["APP_DB_PASSWORD"] == (MASK, Source.FILE, 2, "change-me")
    assert places["APP_DB_PORT"] == ("6000", Source.FILE, 3, "5432")
    assert places["APP_DB_HOST"] == ("localhost", Source.DEFAULT, 5, None)
    assert places["APP_DB_NAME"] == ("shell", Source.SHELL, None, None)
    assert places["APP_DB_USER"] == ("app", Source.DEFAULT, None, None)
    assert places["OTHER"] == ("x", Source.FILE, 6, None)
    assert places["NEW"] == (None, Source.TEMPLATE, None, "value")
    assert [v.name for v in report.variables][:3] == ["APP_DB_PASSWORD", "APP_DB_PORT", "NEW"]
    assert variable(report, "APP_DB_PORT").description
    assert variable(report, "NEW").problem == "NEW is not set"


def test_secrets_are_masked_and_can_be_asked_for(tmp_path):
    report = check(tmp_path, f"APP_DB_PASSWORD={CANARY}\nREDIS=redis://:{CANARY}@h\nAPI_TOKEN={CANARY}\nX=1\n")
    assert {v.name for v in report.variables if isinstance(v.value, SecretStr)} == {
        "APP_DB_PASSWORD",
        "REDIS",
        "API_TOKEN",
    }
    assert variable(report, "APP_DB_PASSWORD").value == SecretStr(CANARY)
    assert CANARY not in repr(report)


def test_what_refers_to_a_secret_through_hundreds_of_others_is_one(tmp_path):
    """It is told in one walk: with one a variable, this took minutes."""
    chain = "".join(f'K{number}="a${{K{number - 1}}}"\n' for number in range(1, 400))
    report = check(tmp_path, f"K0=postgresql://app:{CANARY}@localhost/app\nPLAIN=${{HOME}}\n{chain}", HOME="/root")
    assert {name for name in ("K0", "K200", "K399") if variable(report, name).secret} == {"K0", "K200", "K399"}
    assert not variable(report, "PLAIN").secret


def test_what_refers_to_a_secret_is_one(tmp_path):
    report = check(
        tmp_path, f"APP_DB_PASSWORD={CANARY}\nA=x${{APP_DB_PASSWORD}}\nB=$A\nC: ${{B}}\nD=${{C}}\nE=${{F}}\n", F="x"
    )
    assert {v.name for v in report.variables if v.secret} - {"APP_DB_URL", "PGADMIN_PASSWORD"} == {
        "APP_DB_PASSWORD",
        "A",
        "B",
        "C",
        "D",
    }
    assert CANARY not in repr(report)


def test_a_healthy_env_is_silent(tmp_path):
    project = make_project(tmp_path, template="APP_DB_PASSWORD=change-me\nAPP_DB_PORT=5432\nX=1\n")
    init_env(project)
    assert check_environment(project, {"PATH": "/bin", "HOME": "/root"}).findings == ()


def test_a_project_of_another_kind_is_silent(tmp_path):
    assert check(tmp_path).findings == ()
    assert check(tmp_path).variables == ()
    report = check(tmp_path, "POSTGRES_PASSWORD=pw\nDB_PORT=1\nDATABASE_URL=sqlite:///x\n", "POSTGRES_PASSWORD=\n")
    assert report.findings == ()
    assert [v.name for v in report.variables] == ["POSTGRES_PASSWORD", "DB_PORT", "DATABASE_URL"]


async def test_missing_file(tmp_path):
    project = make_project(tmp_path, template="APP_DB_PASSWORD=change-me\n")
    finding = only(check_environment(project, {}))
    assert (finding.code, finding.fixes[0].command) == (Code.ENV_MISSING, "stackdeck env init")
    assert check_environment(project, {"APP_DB_PASSWORD": "pw"}).findings == ()
    assert check_environment(project, {"APP_DB_URL": "postgres://a:b@h/d"}).findings == ()
    await finding.fixes[0].apply(lambda _line: None)
    assert check_environment(project, {}).findings == ()


def test_unreadable_file(tmp_path):
    (tmp_path / ".env").write_bytes(b"\xff")
    report = check_environment(make_project(tmp_path), {})
    assert codes(report) == [Code.ENV_UNREADABLE]
    assert report.variables == ()


def test_syntax(tmp_path):
    finding = only(check(tmp_path, f"{OURS}A B=1\n"))
    assert (finding.code, finding.severity) == (Code.ENV_SYNTAX, Severity.ERROR)
    assert ".env, line 2" in finding.cause
    assert "Compose" in finding.title


def test_unterminated_quote(tmp_path):
    report = check(tmp_path, f"APP_DB_PASSWORD='{CANARY}\n")
    assert set(codes(report)) == {Code.ENV_SYNTAX}
    assert all(".env, line 1" in finding.cause for finding in report.findings)
    assert CANARY not in repr(report) + "".join(f.cause + f.title for f in report.findings)


def test_missing_password(tmp_path):
    assert only(check(tmp_path, "APP_DB_PORT=1\n")).code is Code.SETTING_MISSING
    (tmp_path / "secret").write_text("x")
    assert check(tmp_path, "APP_DB_PASSWORD_FILE=secret\n", "APP_DB_PASSWORD=change-me\n").findings == ()


def test_invalid_setting(tmp_path):
    report = check(tmp_path, f"{OURS}APP_DB_PORT=x\n")
    assert only(report).code is Code.SETTING_INVALID
    assert variable(report, "APP_DB_PORT").problem == "APP_DB_PORT cannot be used"


async def test_missing_variable(tmp_path):
    project = make_project(
        tmp_path, OURS, "APP_DB_PASSWORD=change-me\nAPP_DB_PORT=5432\nEMPTY=\nNEW='a b'\nNEW_KEY=<yours>\n"
    )
    first, second = check_environment(project, {"X": "1"}).findings
    assert (first.code, first.severity) == (Code.ENV_VARIABLE_MISSING, Severity.WARNING)
    assert first.fixes[0].command == "stackdeck env set 'NEW=a b'"
    assert second.fixes[0].command == "stackdeck env set NEW_KEY"
    await first.fixes[0].apply(lambda _line: None)
    assert only(check_environment(project, {})).title == second.title
    assert check_environment(project, {"NEW_KEY": "x"}).findings == ()


@pytest.mark.parametrize("value", ["change-me", "changeme", "<password>", "CHANGE_THIS_NOW", "your-password", "xxx"])
def test_placeholder(tmp_path, value):
    finding = only(check(tmp_path, f"APP_DB_PASSWORD='{value}'\n"))
    assert (finding.code, finding.severity) == (Code.ENV_VARIABLE_PLACEHOLDER, Severity.WARNING)


@pytest.mark.parametrize("value", ["changes", "xx", "replaced", "your", "a<b>", "todolist"])
def test_no_placeholder(tmp_path, value):
    assert check(tmp_path, f"APP_DB_PASSWORD='{value}'\n").findings == ()


# Line, what Compose reads, what Python reads; None is nothing. B is 1 by an earlier line.
DIFFERENT = [
    ("A=pa$word1", "pa", "pa$word1"),
    ("A=pa$$word", "pa$word", "pa$$word"),
    ("A=x$B", "x1", "x$B"),
    ("A='x${B}'", "x${B}", "x1"),
    ('A="x\\$B"', "x$B", "x\\$B"),
    ("A=x\\$B", "x\\1", "x\\$B"),
    ("A='a\\\\b'", "a\\\\b", "a\\b"),
    ("A=${N-d}", "d", ""),
    ("A=${B:+yes}", "yes", "${B:+yes}"),
    ("A=${N:-${B}}", "1", "${B}"),
    ("A= # c", "# c", ""),
    ("A=foo\t# c", "foo\t# c", "foo"),
    ("A: foo", "foo", None),
    ('A="foo"bar', "foo", None),
]
ALIKE = [
    ("A=foo", "foo"), ("A=foo # c", "foo"), ("A=foo#c", "foo#c"), ("A = foo", "foo"), ("export A=foo", "foo"),
    ('A="a\\nb"', "a\nb"), ("A='a\nb'", "a\nb"), ("A=${B}", "1"), ("A=${N:-d}", "d"), ("A='it\\'s'", "it's"),
    ("A='pa$word'", "pa$word"), ("A=1\nA=1", "1"), ("A=", ""),
]  # fmt: skip


@pytest.mark.parametrize(("line", "compose", "python"), DIFFERENT)
async def test_grammars_that_differ(tmp_path, line, compose, python):
    project = make_project(tmp_path, f"B=1\n{line}\n")
    report = check_environment(project, {})
    finding = only(report)
    assert (finding.code, finding.severity) == (Code.ENV_GRAMMARS_DIFFER, Severity.WARNING)
    found = variable(report, "A")
    assert (found.as_compose, found.as_python, found.line) == (compose, python, 2)
    assert ".env, line 2" in finding.cause
    assert repr(compose) in finding.cause
    # Each fix leaves a spelling that both read alike, and nothing else to complain of.
    for number, fix in enumerate(finding.fixes):
        if fix.apply is None:
            continue
        project = make_project(tmp_path, f"B=1\n{line}\n")
        await check_environment(project, {}).findings[0].fixes[number].apply(lambda _line: None)
        mended = check_environment(project, {})
        assert mended.findings == ()
        kept = variable(mended, "A")
        assert kept.as_compose == kept.as_python
        assert kept.as_python == (python if "Python" in fix.title else compose)


@pytest.mark.parametrize(("line", "value"), ALIKE)
def test_grammars_that_agree(tmp_path, line, value):
    report = check(tmp_path, f"B=1\n{line}\n")
    assert report.findings == ()
    assert variable(report, "A").as_compose == variable(report, "A").as_python == value


def test_a_bare_name_is_read_alike(tmp_path):
    assert check(tmp_path, "A\nB=1\n").findings == ()
    assert check(tmp_path, "A\nB=1\n", A="shell").findings == ()


def test_readings_of_a_secret_are_not_quoted(tmp_path):
    report = check(tmp_path, f"APP_DB_PASSWORD={CANARY}$X{CANARY}\n")
    finding = only(report)
    assert finding.code is Code.ENV_GRAMMARS_DIFFER
    assert CANARY not in repr(finding) + finding.cause
    assert all(fix.command is None for fix in finding.fixes)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("APP_DB_PASS", "APP_DB_PASSWORD"),
        ("APP_DB_PORTS", "APP_DB_PORT"),
        ("app_db_port", "APP_DB_PORT"),
        ("PGADMIN_MAIL", "PGADMIN_EMAIL"),
        ("APP_DB_USERNAME", "APP_DB_USER"),
        ("ACCOUTN", "ACCOUNT"),
    ],
)
def test_misspelled(tmp_path, wrong, right):
    template = "APP_DB_PASSWORD=change-me\n# ACCOUNT=7\n"
    report = check(
        tmp_path, f"{wrong}=6000\n", template, **({} if right == "APP_DB_PASSWORD" else {"APP_DB_PASSWORD": "x"})
    )
    finding = next(finding for finding in report.findings if finding.code is Code.ENV_VARIABLE_MISSPELLED)
    assert wrong in finding.title
    assert right in finding.title
    assert ".env, line 1" in finding.cause


@pytest.mark.parametrize("name", ["APP_DB_IMAGE", "COMPOSE_FILE", "MY_PORT", "APP_DEBUG", "PGADMIN_DEFAULT_EMAIL"])
def test_not_misspelled(tmp_path, name):
    assert check(tmp_path, f"{OURS}{name}=x\n").findings == ()


def test_duplicates(tmp_path):
    finding = only(check(tmp_path, f"X=1\n{OURS}X=2\nX=2\n"))
    assert finding.code is Code.ENV_VARIABLE_DUPLICATE
    assert "line 4 counts" in finding.cause
    assert check(tmp_path, f"X=1\n{OURS}X=1\n").findings == ()


def test_the_shell_hides_the_file(tmp_path):
    report = check(tmp_path, f"APP_DB_PASSWORD={CANARY}\n", APP_DB_PASSWORD=f"other-{CANARY}")
    finding = only(report)
    assert finding.code is Code.ENV_VARIABLE_HIDDEN
    assert CANARY not in finding.title + finding.cause
    found = variable(report, "APP_DB_PASSWORD")
    assert (found.source, found.line, found.value) == (Source.SHELL, 1, SecretStr(f"other-{CANARY}"))
    assert check(tmp_path, OURS, APP_DB_PASSWORD="pw").findings == ()


def test_a_url_that_contradicts_the_pieces(tmp_path):
    env = f"APP_DB_PASSWORD={CANARY}\nAPP_DB_PORT=6000\nAPP_DB_URL=postgres://app:other{CANARY}@127.0.0.1:5432/app\n"
    finding = only(check(tmp_path, env))
    assert finding.code is Code.ENV_URL_CONTRADICTED
    assert finding.title == "APP_DB_URL says something else than APP_DB_PASSWORD, APP_DB_PORT"
    assert CANARY not in finding.cause
    assert check(tmp_path, f"{OURS}APP_DB_URL=postgres://app:pw@127.0.0.1:5432/app\n").findings == ()
    assert check(tmp_path, f"{OURS}APP_DB_URL=postgres://u:x@db.example.com/app\n").findings == ()


@pytest.mark.parametrize("address", ["admin@app.local", "admin@x.test", "admin@localhost"])
async def test_an_address_that_pgadmin_refuses(tmp_path, address):
    project = make_project(tmp_path, f"{OURS}PGADMIN_EMAIL={address}\n")
    finding = only(check_environment(project, {}))
    assert finding.severity is Severity.WARNING
    await finding.fixes[0].apply(lambda _line: None)
    assert check_environment(project, {}).findings == ()


def test_errors_come_first(tmp_path):
    report = check(tmp_path, "APP_DB_PASSWORD=change-me\nX=1\nX=2\nAPP_DB_PORT=x\n")
    severities = [finding.severity for finding in report.findings]
    assert severities == sorted(severities, key=list(Severity).index)
    assert Severity.ERROR in severities


HOSTILE = st.sampled_from(
    ["APP_DB_PASSWORD", "APP_DB_URL", "X", "A", "=", ":", " ", "\n", "'", '"', "\\", "$", "${A}", "#", "é", "\r",
     "${APP_DB_PASSWORD}", "$APP_DB_PASSWORD", "\nA=", "\nX: "]
)  # fmt: skip


@given(st.lists(HOSTILE, max_size=25).map("".join))
def test_no_file_makes_it_fail_or_tell_a_password(tmp_path_factory, text):
    project = make_project(tmp_path_factory.mktemp("p"), f"APP_DB_PASSWORD='{CANARY}'\n" + text)
    report = check_environment(project, {})
    assert CANARY not in repr(report) + repr([fix.command for finding in report.findings for fix in finding.fixes])
