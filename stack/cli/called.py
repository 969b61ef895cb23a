"""The commands of fixes, spelled so that they are about the project that this call is about."""

import argparse
import re
import shlex
from dataclasses import replace
from typing import Final

from stack.cli.options import GLOBAL_OPTIONS
from stack.cli.output import Outcome
from stack.findings import Fix

_CALLED: Final = re.compile(r"(?:^|(?<= ))stackdeck(?= |$)")


def as_called(outcome: Outcome, arguments: argparse.Namespace) -> Outcome:
    """Return `outcome` with the global options in `arguments` in the commands of its fixes."""
    given = [(option, getattr(arguments, option.strip("-").replace("-", "_"))) for option in GLOBAL_OPTIONS]
    called = shlex.join(["stackdeck", *(word for option, value in given if value for word in (option, str(value)))])

    def spelled(fix: Fix) -> Fix:
        return replace(fix, command=_CALLED.sub(lambda _: called, fix.command)) if fix.command else fix

    findings = (replace(finding, fixes=tuple(map(spelled, finding.fixes))) for finding in outcome.findings)
    return replace(outcome, findings=tuple(findings))
