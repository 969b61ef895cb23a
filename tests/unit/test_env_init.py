"""`env init` makes a private file out of the template, whole or not at all, and never over one that is there."""

import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.environment import compose_grammar, python_grammar
from stack.environment.report import check_environment
from stack.environment.settings import load_settings
from stack.environment.template import fill, generate_password, init_env, is_port_free
from stack.findings import Code, Failure
from tests.support.projects import make_project, names

TEMPLATE = Path(__file__).parents[2] / ".env.example"


def always_free(_port):
    return True


def filled(text, is_free=always_free):
    numbers = iter(range(100))
    return fill(text, password=lambda: f"generated{next(numbers)}", is_free=is_free)


def test_this_repositorys_template_becomes_a_healthy_env(tmp_path):
    project = make_project(tmp_path, template=TEMPLATE.read_text())
    result = init_env(project)
    assert result.path == tmp_path / ".env"
    assert result.generated == ("APP_DB_PASSWORD", "PGADMIN_PASSWORD")
    assert stat.S_IMODE(result.path.stat().st_mode) == 0o600
    assert check_environment(project, {}).findings == ()
    settings = load_settings(project, {})
    assert settings.database.password != settings.pgadmin.password
    assert names(tmp_path) == [".env", ".env.example"]


def test_the_template_itself_is_valid_in_both_grammars(tmp_path):
    text = TEMPLATE.read_text()
    python = python_grammar.parse(text, lambda _name: None)
    assert python.unreadable == ()
    assert {n: e.value for n, e in python.effective.items()} == compose_grammar.parse(text, lambda _n: None).values
    project = make_project(tmp_path, env=text, template=text)
    assert {f.code for f in check_environment(project, {}).findings} == {Code.ENV_VARIABLE_PLACEHOLDER}
    load_settings(project, {})


def test_only_passwords_change_and_comments_stay():
    text = "APP_DB_PASSWORD=change-me # why\nNAME=x\n\nAPI_KEY=change-me\nSECRET_KEY='<secret>'\nSMTP_PASSWORD=\n"
    result = filled(text)
    assert result.generated == ("APP_DB_PASSWORD", "SECRET_KEY")
    assert result.text == (
        "APP_DB_PASSWORD=generated0 # why\nNAME=x\n\nAPI_KEY=change-me\nSECRET_KEY='generated1'\nSMTP_PASSWORD=\n"
    )


def test_an_empty_database_password_is_generated_unless_a_file_holds_it():
    assert filled("APP_DB_PASSWORD=\n").text == "APP_DB_PASSWORD=generated0\n"
    assert filled("APP_DB_PASSWORD=\nAPP_DB_PASSWORD_FILE=x\n").generated == ()


def test_a_url_that_repeats_the_placeholder_gets_the_databases_password():
    text = "PGADMIN_PASSWORD=changeme\nPOSTGRES_PASSWORD=changeme\nDATABASE_URL=postgres://app:changeme@localhost/app\n"
    assert filled(text).text == (
        "PGADMIN_PASSWORD=generated0\nPOSTGRES_PASSWORD=generated1\n"
        "DATABASE_URL=postgres://app:generated1@localhost/app\n"
    )


def test_taken_ports_give_way_to_the_next_free_ones_and_not_to_each_other():
    taken = {5432, 5433, 5050}
    result = filled("APP_DB_PORT=5432\nPGADMIN_PORT=5434\nPORT=5050\n", lambda port: port not in taken)
    assert result.text == "APP_DB_PORT=5435\nPGADMIN_PORT=5434\nPORT=5050\n"
    assert [(c.name, c.taken, c.chosen) for c in result.ports] == [("APP_DB_PORT", 5432, 5435)]


def test_a_port_that_somebody_listens_on_is_not_free():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        assert not is_port_free(server.getsockname()[1])
    with socket.socket() as server:
        server.bind(("0.0.0.0", 0))
        server.listen()
        assert not is_port_free(server.getsockname()[1])


def test_generated_passwords_differ_and_need_no_quotes():
    made = {generate_password() for _ in range(50)}
    assert len(made) == 50
    assert all(password.isalnum() and password.isascii() and len(password) == 32 for password in made)


@pytest.mark.parametrize("kind", ["file", "empty", "directory", "dangling link"])
def test_what_is_there_is_never_overwritten(tmp_path, kind):
    project = make_project(tmp_path, template="APP_DB_PASSWORD=change-me\n")
    env = tmp_path / ".env"
    {
        "file": lambda: env.write_text("APP_DB_PASSWORD=the-only-copy\n"),
        "empty": env.touch,
        "directory": env.mkdir,
        "dangling link": lambda: env.symlink_to(tmp_path / "nowhere"),
    }[kind]()
    before = env.read_text() if env.is_file() else None
    with pytest.raises(Failure) as caught:
        init_env(project)
    assert caught.value.finding.code is Code.ENV_EXISTS
    assert (env.read_text() if env.is_file() else None) == before
    assert names(tmp_path) == [".env", ".env.example"]


def test_of_many_at_once_one_makes_it(tmp_path):
    project = make_project(tmp_path, template="APP_DB_PASSWORD=change-me\n" * 50)
    barrier, outcomes = threading.Barrier(8), []

    def run():
        barrier.wait()
        try:
            init_env(project)
            outcomes.append("made")
        except Failure as failure:
            outcomes.append(failure.finding.code)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes, key=str) == [*[Code.ENV_EXISTS] * 7, "made"]
    assert (tmp_path / ".env").read_text().count("\n") == 50
    assert names(tmp_path) == [".env", ".env.example"]


def test_no_template(tmp_path):
    with pytest.raises(Failure) as caught:
        init_env(make_project(tmp_path))
    assert caught.value.finding.code is Code.ENV_TEMPLATE_MISSING


def test_a_template_that_compose_cannot_read(tmp_path):
    with pytest.raises(Failure) as caught:
        init_env(make_project(tmp_path, template="APP_DB_PASSWORD=change-me\nA B=1\n"))
    assert caught.value.finding.code is Code.ENV_SYNTAX
    assert ".env.example" in caught.value.finding.cause
    assert "line 2" in caught.value.finding.cause
    assert not (tmp_path / ".env").exists()


def test_a_full_disk_leaves_nothing_behind(tmp_path):
    """A file size limit makes the real write fail half-way, as a full disk or quota would."""
    make_project(tmp_path, template="APP_DB_PASSWORD=change-me\n" + "# long\n" * 2000)
    script = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from stack.environment.template import init_env\n"
        "from stack.findings import Failure\n"
        "from stack.project import Options, open_project\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try:\n    init_env(open_project(Options(Path(sys.argv[1]))))\n"
        "except Failure as failure:\n    print(failure.finding.code.value)\n"
    )
    ran = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    assert ran.stdout == "env-write-failed\n"
    assert names(tmp_path) == [".env.example"]


def test_a_directory_that_is_not_there(tmp_path):
    from stack.project import Options, open_project

    make_project(tmp_path, template="A=1\n")
    with pytest.raises(Failure) as caught:
        init_env(open_project(Options(tmp_path, env_file=tmp_path / "no" / ".env")))
    assert caught.value.finding.code is Code.ENV_WRITE_FAILED
    assert "No such file" in caught.value.finding.cause


@given(st.lists(st.sampled_from(["A=1", "P_PASSWORD=changeme", "B='x' # c", "", "# c", "SECRET=<x>", "export C=${A}"])))
def test_everything_but_the_placeholders_stays(lines):
    text = "\n".join(lines)
    result = filled(text)
    for name in result.generated:
        assert python_grammar.parse(result.text, lambda _n: None).effective[name].value.startswith("generated")
    assert [line for line in result.text.split("\n") if "generated" not in line] == [
        line
        for index, line in enumerate(lines)
        if not any(line.startswith(f"{name}=") and line not in lines[index + 1 :] for name in result.generated)
    ] or not lines
