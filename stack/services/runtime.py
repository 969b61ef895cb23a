"""Which runtime a project is on: a pure choice out of what was asked for, what is written and what answers."""

from dataclasses import dataclass

from stack.environment.url import DatabaseURL
from stack.findings import Code, Finding
from stack.project import RuntimeName


@dataclass(frozen=True, slots=True)
class RuntimeInUse:
    """The runtime in use, why it is this one, and how to get another; both in a few words."""

    name: RuntimeName
    reason: str
    other: str


@dataclass(frozen=True, slots=True)
class EngineAnswer:
    """What an engine said when asked for its version: where it is, and the finding where it did not answer.

    `others` are then the addresses of engines that do answer.
    """

    endpoint: str | None
    version: str | None
    problem: Finding | None = None
    others: tuple[str, ...] = ()


def is_external(written: DatabaseURL | None, published: DatabaseURL | None) -> bool:
    """Return whether the written address is a server that the Compose file does not publish.

    `written` is what the settings say in so many words, `published` the address of the file's own Postgres service.
    """
    if written is None:
        return False
    if published is None or not written.is_local:
        return True
    return written.port != published.port


def choose_runtime(
    *,
    wanted: RuntimeName | None,
    written: DatabaseURL | None,
    published: DatabaseURL | None,
    engine: EngineAnswer | None,
) -> RuntimeInUse:
    """Return the runtime that was asked for, else the one that fits; `engine` is None where it was not asked."""
    if wanted is not None:
        return RuntimeInUse(wanted, "chosen", "without --runtime it is detected")
    if written is not None and is_external(written, published):
        return RuntimeInUse(
            RuntimeName.EXTERNAL,
            f"{written.host}:{written.port} is no service of this project",
            "take APP_DB_URL out of .env for a local one",
        )
    if engine is not None and engine.problem is None:
        return RuntimeInUse(RuntimeName.DOCKER, f"an engine answers at {engine.endpoint}", "--runtime embedded")
    if engine is not None and engine.problem is not None and engine.problem.code is not Code.ENGINE_UNREACHABLE:
        # An engine is named or there, and something keeps us from it: that is to be mended, not to be passed over.
        return RuntimeInUse(RuntimeName.DOCKER, engine.problem.title, "--runtime embedded")
    reason = engine.problem.title if engine and engine.problem else "no engine was asked"
    return RuntimeInUse(RuntimeName.EMBEDDED, reason, "start Docker, then it is used")
