"""What the engine refused, told as findings."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

from stack.findings import Code, Failure, Finding, Fix, Severity
from stack.services.engine.refusals import image_missing

if TYPE_CHECKING:
    from docker.errors import APIError

    from stack.services.engine.reader import Refusal

Refused: TypeAlias = "APIError | Refusal"
"""What the engine answered with an error: what the SDK raises, and what a look does."""

_NO_IMAGE: Final = "no such image"
_NO_READING: Final = "driver does not support reading"
_NO_SPACE: Final = ("no space left on device", "disk quota exceeded")


class Conflict(Exception):  # noqa: N818 - no error, but a reason to look again
    """Somebody else changed the project meanwhile: look again, then plan again."""


def words(error: Refused) -> str:
    """Return the engine's own words."""
    return str(error.explanation or error)


def refused(doing: str, error: Refused) -> Failure:
    """Return the failure of what the engine refused while `doing`, such as ``creating container app-db-1``."""
    if error.status_code == 404 and _NO_IMAGE in words(error).lower():
        return Failure(image_missing(_image(error), "It was gone when it was needed.", words(error)))
    if has_no_space(words(error)):
        return Failure(disk_full(doing, words(error)))
    return Failure(
        Finding(
            Code.ENGINE_ERROR,
            f"The engine failed at {doing}",
            words(error),
            evidence=words(error),
            fixes=(Fix("Try again; what is done already is kept", "stackdeck up"),),
        )
    )


def log_unreadable(container: str, error: Refused) -> Failure:
    """Return the failure of reading the log of `container`."""
    if _NO_READING not in words(error):
        return refused(f"reading the log of {container}", error)
    return Failure(
        Finding(
            Code.ENGINE_ERROR,
            f"The log of {container} cannot be read",
            words(error),
            fixes=(Fix("Give its service a logging driver that keeps what it says, such as json-file or local"),),
        )
    )


def has_no_space(evidence: str) -> bool:
    """Return whether `evidence`, the engine's words, are those of a disk that is full."""
    return any(mark in evidence.lower() for mark in _NO_SPACE)


def disk_full(doing: str, evidence: str) -> Finding:
    """Return the finding of an engine without room."""
    return Finding(
        Code.ENGINE_DISK_FULL,
        "The engine's disk is full",
        f"There was no space left at {doing}.",
        evidence=evidence,
        fixes=(
            Fix("See what takes the space", "docker system df"),
            Fix("Remove images that nothing uses", "docker image prune", destructive=True),
        ),
    )


def name_taken(name: str, owner: str) -> Failure:
    """Return the failure of a container's name that `owner`, no container of this service, has already."""
    return Failure(
        Finding(
            Code.CONTAINER_NAME_TAKEN,
            f"The container name {name} is taken",
            f"It belongs to {owner}.",
            fixes=(
                Fix("Rename that container", f"docker rename {name} {name}-old"),
                Fix("Remove that container", f"docker rm --force {name}", destructive=True),
            ),
        )
    )


def network_in_use(name: str, users: Iterable[str], severity: Severity) -> Finding:
    """Return the finding of a network that cannot be removed since the containers `users` are on it."""
    listed = sorted(users)
    return Finding(
        Code.NETWORK_IN_USE,
        f"The network {name} is still in use",
        f"{_names(listed)} on it, and nothing here stops what belongs to somebody else.",
        severity,
        fixes=tuple(Fix(f"Take {user} off the network", f"docker network disconnect {name} {user}") for user in listed),
    )


def volume_in_use(name: str, users: Iterable[str], severity: Severity) -> Finding:
    """Return the finding of a volume that cannot be removed since the containers `users` have it."""
    listed = sorted(users)
    return Finding(
        Code.VOLUME_IN_USE,
        f"The volume {name} is still in use",
        f"{_names(listed)} using it, so it stays with all that it holds.",
        severity,
        fixes=tuple(Fix(f"Remove {user}, then run this again", f"docker rm --force {user}") for user in listed),
    )


def _names(listed: Sequence[str]) -> str:
    if not listed:
        return "Another container is"
    return f"{', '.join(listed)} {'is' if len(listed) == 1 else 'are'}"


def _image(error: Refused) -> str:
    # «No such image: postgres:99»
    return words(error).partition(": ")[2] or "of the service"
