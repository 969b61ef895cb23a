"""Are the settings there, do all who read them read the same, and is the file nobody else's business?"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from stack.doctor.examination import Check, Passed
from stack.doctor.facts import Facts
from stack.doctor.stages import ENVIRONMENT
from stack.findings import Code, Failure, Finding, Severity

if TYPE_CHECKING:
    from stack.environment.report import EnvironmentReport

_FILE: Final = frozenset({Code.ENV_MISSING, Code.ENV_UNREADABLE, Code.ENV_SYNTAX})
_GRAMMARS: Final = frozenset({Code.ENV_GRAMMARS_DIFFER})
_SHELL: Final = frozenset({Code.ENV_VARIABLE_HIDDEN})
_PRIVACY: Final = frozenset({Code.ENV_READABLE_BY_OTHERS})
_GIT: Final = frozenset({Code.ENV_TRACKED, Code.ENV_NOT_IGNORED})
_WRITING: Final = frozenset({Code.ENV_LINE_ENDS, Code.ENV_BYTE_ORDER_MARK})
_ELSEWHERE: Final = _FILE | _GRAMMARS | _SHELL | _PRIVACY | _GIT | _WRITING


def _about(codes: frozenset[Code], words: str) -> Callable[[Facts], Awaitable[Passed]]:
    """Return the check that fails with what the report has of `codes`, and else passes with `words`."""

    async def run(facts: Facts) -> Passed:
        _raise([finding for finding in (await facts.environment()).findings if finding.code in codes])
        return Passed(words)

    return run


async def _file(facts: Facts) -> Passed:
    report = await facts.environment()
    _raise([finding for finding in report.findings if finding.code in _FILE])
    return Passed(f"{report.file.name} can be read" if report.file.exists() else "There is no .env, and none is needed")


async def _environment(facts: Facts) -> Passed:
    report = await facts.environment()
    # Whatever no other check is about, so that nothing is passed over.
    _raise([finding for finding in report.findings if finding.code not in _ELSEWHERE])
    return Passed(_complete(report))


def _complete(report: "EnvironmentReport") -> str:
    return f"{report.file.name} is complete: {len(report.variables)} variables"


def _raise(findings: list[Finding]) -> None:
    # The worst come first, and what is only worth knowing is no failure.
    if findings and findings[0].severity is not Severity.INFO:
        raise Failure(*findings)


CHECKS: Final[tuple[Check[Facts], ...]] = (
    Check("env-file", ENVIRONMENT, "The file .env", (), _file),
    Check("environment", ENVIRONMENT, "Settings", ("env-file",), _environment),
    Check(
        "env-grammars",
        ENVIRONMENT,
        "Two readings",
        ("env-file",),
        _about(_GRAMMARS, "Compose and Python read the same"),
    ),
    Check("env-shell", ENVIRONMENT, "The shell", ("env-file",), _about(_SHELL, "The shell hides nothing of the file")),
    Check("env-privacy", ENVIRONMENT, "Who can read it", ("env-file",), _about(_PRIVACY, "Nobody else can read it")),
    Check("env-git", ENVIRONMENT, "Version control", ("env-file",), _about(_GIT, "It is not under version control")),
    Check("env-writing", ENVIRONMENT, "How it is written", ("env-file",), _about(_WRITING, "It is plain text")),
)
