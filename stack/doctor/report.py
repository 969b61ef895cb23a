"""A report for a bug tracker, in Markdown: what there is, what was found, what would be done, what was logged.

All that comes from outside stands in code blocks, which no line of it can end, and has no control character. Every
secret is taken out in the end, of the whole.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from stack.background import in_thread
from stack.crash import state_directory
from stack.doctor.evidence import Evidence, gather
from stack.doctor.examination import CheckStatus, Report
from stack.doctor.facts import Examined
from stack.doctor.redaction import known_secrets, redactor
from stack.environment.report import masked
from stack.findings import Code, Failure, Finding, Fix
from stack.publish import write_new
from stack.services.control import LogLine, PlanStep, ServicesStatus
from stack.text import clean, clean_line

MARKS: Final = {CheckStatus.PASS: "✓", CheckStatus.WARN: "!", CheckStatus.FAIL: "✗", CheckStatus.SKIP: "·"}


async def write(stack: Examined, report: Report, environ: Mapping[str, str]) -> str:
    """Return a report on `stack` and what its checks found, in Markdown, without the secrets of its files and shell."""
    environment = await in_thread(stack.environment)
    evidence = await gather(stack, report, environment, environ)
    return markdown(evidence, redactor(await in_thread(partial(known_secrets, stack, environ))))


def markdown(evidence: Evidence, redact: Callable[[str], str]) -> str:
    """Return `evidence` as a document whose every part went through `redact`."""
    parts = [
        f"# Stackdeck report\n\nMade {evidence.made:%Y-%m-%d %H:%M:%S} UTC. Secrets are taken out; look it through.",
        "## Versions\n\n" + _block(f"{name:18}{value}" for name, value in evidence.versions),
        "## Runtime\n\n" + _block(_runtime(evidence)),
        "## Checks\n\n"
        + _block(f"{MARKS[check.status]} {check.id:20} {check.title}" for check in evidence.report.checks),
        *(f"### {finding.code.value}\n\n" + _block(_finding(finding)) for finding in evidence.report.findings),
        "## What `stackdeck up` would do\n\n" + _block(_plan(evidence.plan)),
        "## Settings\n\n" + _block(_settings(evidence)),
        *(
            f"## Last health check of {_name(name)}\n\n" + _block(_probe(run.exit_code, run.output))
            for name, run in evidence.probes
        ),
        *_logs(evidence.log),
    ]
    return redact("\n\n".join(parts) + "\n")


def save(text: str, file: Path | None, project: str) -> Path:
    """Write a report to the new `file`, by default one in the state directory, and return where it is; blocking.

    Raises:
        Failure: there is something of that name, or it cannot be written. Nothing is left of it.
    """
    target = file.expanduser().absolute() if file else _default_file(project)
    try:
        if file is None:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_new(target, [text])
    except FileExistsError:
        raise Failure(
            Finding(
                Code.REPORT_FILE_EXISTS,
                f"{target.name} exists already",
                f"{target} is not written over.",
                fixes=(Fix("Name another file", "stackdeck doctor --report FILE"),),
            )
        ) from None
    except OSError as error:
        raise Failure(
            Finding(
                Code.REPORT_NOT_SAVED,
                "The report could not be saved",
                f"{target} cannot be written: {error.strerror or error}. Nothing is left of it.",
                fixes=(
                    Fix("Save to a directory that you may write to, on a disk with room"),
                    Fix("Print it", "stackdeck doctor --report -"),
                ),
            )
        ) from None
    return target


def _default_file(project: str) -> Path:
    return state_directory() / "reports" / f"{_name(project)}-{datetime.now().astimezone():%Y%m%d-%H%M%S}.md"


def _runtime(evidence: Evidence) -> list[str]:
    runtime, services = evidence.runtime, evidence.services
    lines = [f"runtime   {runtime if isinstance(runtime, str) else f'{runtime.name.value}: {runtime.reason}'}"]
    if isinstance(services, ServicesStatus):
        engine = services.engine
        lines.append(f"engine    {engine.endpoint or 'none'} ({engine.source or 'nobody names one'})")
    lines.append(f"database  {evidence.url}")
    if isinstance(services, str):
        return [*lines, f"services  {services}"]
    return [
        *lines,
        *(
            f"service   {it.service}: {it.state.value}, {it.health.value}, {it.image}, {' '.join(it.ports)}".rstrip(
                ", "
            )
            for it in services.services
        ),
    ]


def _finding(finding: Finding) -> list[str]:
    lines = [f"{finding.severity.value}: {finding.title}", finding.cause]
    lines += [f"| {line}" for line in (finding.evidence or "").splitlines()]
    return [*lines, *(f"fix: {fix.title}{f'  $ {fix.command}' if fix.command else ''}" for fix in finding.fixes)]


def _plan(plan: Sequence[PlanStep] | str) -> list[str]:
    if isinstance(plan, str):
        return [plan]
    return [f"{step.action.value:10} {step.resource}: {step.cause}" for step in plan]


def _settings(evidence: Evidence) -> list[str]:
    return [
        f"{variable.name}={masked(variable.value) or ''}  "
        f"({variable.source.value}{f', line {variable.line}' if variable.line else ''})"
        for variable in evidence.environment.variables
    ]


def _probe(exit_code: int, output: str) -> list[str]:
    return [f"exit status {exit_code}", output.strip()]


def _logs(log: Sequence[LogLine] | str) -> list[str]:
    if isinstance(log, str):
        return ["## Logs\n\n" + _block([log])]
    names = dict.fromkeys(line.service for line in log)
    return [
        f"## Last lines of {_name(name)}\n\n"
        + _block(
            f"{line.time.isoformat(timespec='seconds') if line.time else '-':25} {line.text}"
            for line in log
            if line.service == name
        )
        for name in names
    ]


def _name(text: str) -> str:
    """Return what stands outside of a block, or in a file's name."""
    return re.sub(r"[^\w.-]", "_", clean_line(text)) or "stack"


def _block(lines: Iterable[str]) -> str:
    text = "\n".join(clean(line) for line in lines)
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"
