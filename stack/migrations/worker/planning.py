"""Which steps an upgrade or a downgrade takes, by the revisions that are loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic.script.revision import ResolutionError, RevisionError

from .failures import Refused
from .loading import said_by
from .steps import downgrade_steps, upgrade_steps

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    from stack.migrations.protocol import Event, Question

    from .process import Teller


def plan(question: Question, config: Config, script: ScriptDirectory, tell: Teller) -> None:
    """Tell the steps that are asked for, in order, or why there are none."""
    if config.get_main_option("databases") or getattr(script, "sourceless", False):
        text = "it is of several databases, or of compiled revisions, and neither is supported"
        raise Refused("environment", text, script.env_py_location)
    known = {revision.revision for revision in script.walk_revisions()}
    for name in question["current"]:
        if name not in known:
            tell({"event": "unknown", "revision": name})
            return
    try:
        find = downgrade_steps if question["command"] == "downgrade" else upgrade_steps
        names = find(script.revision_map, question["current"], question["target"])
        steps = [script.get_revision(name) for name in names]
    except ResolutionError as error:
        tell({"event": "unreachable", "text": f"no revision or branch is called {error.argument}"})
    except RevisionError as error:
        tell({"event": "unreachable", "text": str(error)})
    else:
        for step in steps:
            facts: Event = {"is_head": step.is_head, "is_branch_point": step.is_branch_point}
            tell.keep({**said_by(step.module, step.path, step.revision), **facts})
        tell({"event": "planned"})
