"""Which database a workspace is about, where the Compose file says it, does not, or cannot be read."""

import pytest

from stack.findings import Code, Failure
from stack.project import Options, RuntimeName
from stack.workspace import open_workspace

TYPO = "services: {db: {imag: postgres, ports: ['5432:5432']}}\n"
UNPUBLISHED = "services: {db: {image: postgres, environment: {POSTGRES_PASSWORD: x}}}\n"
ASKING = "services: {db: {image: postgres, environment: {POSTGRES_PASSWORD: '${APP_DB_PASSWORD:?}'}}}\n"


@pytest.fixture
def opened(tmp_path):
    """Open a workspace on `compose` and `env`, on a machine without an engine."""
    environ = {"DOCKER_HOST": f"unix://{tmp_path}/no.sock", "HOME": str(tmp_path)}

    def open_it(compose=None, env=None, template=None):
        for name, text in (("compose.yaml", compose), (".env", env), (".env.example", template)):
            if text is not None:
                (tmp_path / name).write_text(text)
        return open_workspace(Options(tmp_path), environ)

    return open_it


async def address_refused(opening):
    async with opening as workspace:
        with pytest.raises(Failure) as caught:
            workspace.address()
    return caught.value.finding


async def test_a_typo_in_the_compose_file_makes_nobody_elses_server_of_a_local_database(opened):
    async with opened(TYPO, "APP_DB_PASSWORD=secret12\n") as workspace:
        assert (await workspace.runtime()).name is RuntimeName.EMBEDDED
    async with opened(TYPO, "APP_DB_URL=postgresql://a:b@db.example.com/a\n") as workspace:
        assert (await workspace.runtime()).name is RuntimeName.EXTERNAL


async def test_without_a_compose_file_a_local_server_is_somebody_elses(opened):
    async with opened(env="APP_DB_PASSWORD=secret12\n") as workspace:
        assert (await workspace.runtime()).name is RuntimeName.EXTERNAL


@pytest.mark.parametrize(
    ("compose", "env", "template", "code"),
    [
        (TYPO, "", None, Code.COMPOSE_FILE_INVALID),
        (UNPUBLISHED, "", None, Code.DATABASE_UNREACHABLE),
        ("services: {web: {image: nginx}}\n", "", None, Code.COMPOSE_NO_POSTGRES),
        (ASKING, None, "APP_DB_PASSWORD=change-me\n", Code.SETTING_MISSING),
        (None, None, None, Code.SETTING_MISSING),
    ],
)
async def test_an_address_that_nobody_says_has_the_cause_and_not_a_symptom(opened, compose, env, template, code):
    assert (await address_refused(opened(compose, env, template))).code is code
