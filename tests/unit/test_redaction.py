"""A report holds no secret, however it is spelled; and what it quotes cannot break out of its block."""

import json
import shlex
from datetime import UTC, datetime
from urllib.parse import quote, quote_plus

from hypothesis import assume, given
from hypothesis import strategies as st

from stack.doctor.evidence import Evidence
from stack.doctor.examination import CheckResult, CheckStatus, Report, Stage
from stack.doctor.redaction import redactor, secrets_of, veil
from stack.doctor.report import markdown
from stack.environment.assignments import Source
from stack.environment.report import EnvironmentReport, Variable
from stack.findings import Code, Finding
from stack.services.control import LogLine
from stack.text import MASK, SecretStr
from tests.support.fake_workspace import FakeWorkspace

STAGE = Stage("database", "Connection", "Why.", headline="database")
PASSWORD = "p@ss w/ö:rd`%25'\"\\"

secrets = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=4).filter(lambda s: len(s.strip()) >= 4)


@given(secrets, st.text(), st.text())
def test_a_secret_is_taken_out_in_every_spelling(secret, before, after):
    assume(secret not in MASK)
    in_json = json.dumps(secret, ensure_ascii=False)[1:-1]
    redact = redactor({secret})
    for spelling in (secret, quote(secret, safe=""), quote(secret), quote_plus(secret), in_json):
        assert spelling not in redact(f"{before} {spelling} {after}").replace(MASK, "\0")


def test_percent_signs_of_either_case_and_shells_quotes_are_seen_through():
    redact = redactor({PASSWORD})
    for spelled in (quote(PASSWORD, safe="").lower(), quote(PASSWORD), json.dumps(PASSWORD, ensure_ascii=False)):
        assert "rd" not in redact(f"db-1 | {spelled} end").removeprefix("db-1")
    assert redact(f"psql {shlex.quote('secretly')}") == "psql secretly"


def test_a_short_secret_is_taken_out_where_it_stands_alone():
    redact = redactor({"app"})
    assert redact("user app, application") == f"user {MASK}, application"


def test_the_longer_of_two_secrets_goes_first():
    assert redactor({"pass", "password1"})("=password1=") == f"={MASK}="


def variable(name, value, *, secret=True):
    wrapped = SecretStr(value) if secret else value
    return Variable(name, wrapped, secret, Source.FILE, 1, None, wrapped, wrapped, "", None)


def test_secrets_are_those_of_the_file_the_shell_and_of_addresses():
    environment = EnvironmentReport(
        FakeWorkspace().project.env_file,
        (variable("A_PASSWORD", "from-the-file"), variable("A_HOST", "localhost", secret=False)),
        (),
    )
    shell = {
        "PWD": "/home/me",
        "API_TOKEN": "from-the-shell",
        "OTHER": "postgres://me:of%2Fa-url@host/x",
        "DSN": "host=x password='of a dsn'",
        "A_SECRET_KEY": "first line\nsecond line",
        "USE_PASSWORD": "true",
    }
    found = secrets_of(environment, None, shell)
    assert {"from-the-file", "from-the-shell", "of/a-url", "of%2Fa-url", "of a dsn", "second line"} <= found
    assert not {"localhost", "/home/me", "true"} & found


def evidence(**parts):
    base = {
        "made": datetime(2026, 1, 1, tzinfo=UTC),
        "versions": (("Stackdeck", "1"),),
        "runtime": "not known",
        "url": "postgresql://app@localhost/app",
        "report": Report(()),
        "environment": EnvironmentReport(FakeWorkspace().project.env_file, (), ()),
        "services": "not known",
        "plan": "not known",
        "probes": (),
        "log": (),
    }
    return Evidence(**{**base, **parts})


def test_a_part_that_could_not_be_had_says_why():
    text = markdown(evidence(log="No answer within 5 s"), str)
    assert "## Logs\n\n```text\nNo answer within 5 s\n```" in text


@given(st.text(), st.text())
def test_nothing_that_is_quoted_ends_its_block_or_commands_a_terminal(logged, title):
    found = Finding(Code.DATABASE_ERROR, title, f"```\n# {title}", evidence=logged)
    report = Report((CheckResult("database", STAGE, CheckStatus.FAIL, title, found),))
    lines = (LogLine("db`", "db-1", None, logged), LogLine("db`", "db-1", None, "````\n# Heading"))
    text = markdown(evidence(report=report, log=lines), str)
    assert not [c for c in text if ord(c) < 32 and c not in "\n\t"]
    fence, headings = None, []
    for line in text.split("\n"):
        if fence is None and line.startswith("```"):
            fence = line.removesuffix("text")
        elif fence is not None and line.strip() == fence:
            fence = None
        elif fence is None and line.startswith("#"):
            headings.append(line)
    assert fence is None
    assert headings == [
        "# Stackdeck report",
        "## Versions",
        "## Runtime",
        "## Checks",
        "### database-error",
        "## What `stackdeck up` would do",
        "## Settings",
        "## Last lines of db_",
    ]


def test_a_line_of_a_log_keeps_its_words_and_loses_its_secrets():
    cover = veil({"p@ss/word-1", "app", "postgres"})
    assert cover("user postgres of app: p@ss/word-1, p%40ss%2Fword-1, p%40ss/word-1") == (
        f"user postgres of app: {MASK}, {MASK}, {MASK}"
    )
