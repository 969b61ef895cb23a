"""What ``env_file:``, ``environment:`` and the variables around become in a container is what Compose makes of them.

The hash that a container is labelled with has these values in it, so that any difference would recreate it.
"""

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from stack.services.compose.dialect import Dialect, dialect_of
from stack.services.compose.load import load_compose
from stack.services.compose.model import Service
from tests.support.compose import project_in
from tests.support.compose_strategies import Value, yaml
from tests.support.docker_compose import ENVIRONMENT, compose_version, docker_compose, require_docker_compose

EXAMPLES = int(os.environ.get("STACKDECK_INTEROP_EXAMPLES", "6"))

NAMES = ["A", "B", "C", "AROUND", "SHELL"]
TEMPLATES = [
    "x", "", " lead", "trail  ", "x # c", "x#c", "# c", "'lit $A'", '"q $A\\n"', '"a\\$A"', "$A", "${B}-$C", "${C:-d}",
    "${C-}", "${A:+yes}", "$$A", "p@ss$word", "'it\\'s'", '"two\nlines"', "a\\nb", "é", "$AROUND$SHELL", "${GONE}", "=",
    "a=b", "\"x\"junk=1", "`a`", "${B:-${C:-deep}}", "1.50", "\tx",
]  # fmt: skip
ASSIGNMENTS = st.tuples(
    st.sampled_from(["", "export ", "  "]),
    st.sampled_from(NAMES),
    st.sampled_from(["=", " = ", ": ", ":"]),
    st.sampled_from(TEMPLATES),
).map("".join)
LINES = st.one_of(ASSIGNMENTS, ASSIGNMENTS, st.sampled_from([*NAMES, "# c", "", "export A"]))
TEXTS = st.tuples(
    st.sampled_from(["", "\ufeff"]), st.lists(LINES, max_size=6).map("\n".join), st.sampled_from(["\n", "\r\n"])
).map(lambda parts: (parts[0] + parts[1] + "\n").replace("\n", parts[2]))
ENVIRONMENTS = st.dictionaries(
    st.sampled_from(NAMES), st.sampled_from(["", "service", "$AROUND", "${A:-here}", None, 5, True]), max_size=3
)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(
    cases=st.lists(st.tuples(TEXTS, TEXTS, ENVIRONMENTS), min_size=20, max_size=30),
    around=st.fixed_dictionaries({}, optional={"AROUND": st.just("dot"), "A": st.just("dot a")}),
)
def test_generated_env_files_mean_what_compose_makes_of_them(
    cases: list[tuple[str, str, dict[str, Value]]], around: dict[str, str]
) -> None:
    require_docker_compose()
    dialect = dialect_of(compose_version())
    assert dialect is not None
    with TemporaryDirectory(prefix="stackdeck-interop-") as name:
        directory = Path(name)
        services: dict[str, Value] = {}
        files = {".env": "".join(f"{key}={value}\n" for key, value in around.items())}
        for index, (first, second, environment) in enumerate(cases):
            files |= {f"{index}.1.env": first, f"{index}.2.env": second}
            services[f"s{index}"] = {
                "image": "a",
                "env_file": [f"{index}.1.env", {"path": f"{index}.2.env"}, {"path": "gone.env", "required": False}],
                "environment": environment,
            }
        files["compose.yaml"] = yaml({"name": "p", "services": services})
        shell = {"SHELL": "sh", "COMPOSE_FILE": "compose.yaml"}
        compose = load_compose(project_in(directory, files), {**ENVIRONMENT, **shell})
        answer = docker_compose(directory, "config", "--format", "json", variables=shell)
        assert answer.returncode == 0, answer.stderr
        theirs = json.loads(answer.stdout)["services"]
        for key, service in compose.services.items():
            assert ours(service, dialect) == read(theirs[key].get("environment") or {}), (services[key], files)


def ours(service: Service, dialect: Dialect) -> dict[str, str | None]:
    older = service.environment_until_2_34
    newer = older is None or dialect.reads_env_files_with_environment
    return dict(service.environment if newer else older)


def read(environment: dict[str, str | None]) -> dict[str, str | None]:
    """Return what `config` prints: a file that means the same, so that a dollar is doubled."""
    return {name: None if value is None else value.replace("$$", "$") for name, value in environment.items()}
