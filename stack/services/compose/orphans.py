"""What is to become of the containers of services that the Compose files no longer have."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

_TRUE: Final = frozenset({"1", "t", "true", "y", "yes", "on"})


class Orphans(StrEnum):
    """What `up` and `down` do with them."""

    WARN = "warn"
    IGNORE = "ignore"
    REMOVE = "remove"


def orphans_of(shell: Mapping[str, str], env_file: Mapping[str, str]) -> Orphans:
    """Return what ``COMPOSE_IGNORE_ORPHANS`` and ``COMPOSE_REMOVE_ORPHANS`` ask for.

    As in Compose, only the shell can ask to remove something. Compose refuses both at once; here nothing is touched.
    """
    ignore = shell.get("COMPOSE_IGNORE_ORPHANS", env_file.get("COMPOSE_IGNORE_ORPHANS", ""))
    if ignore.strip().lower() in _TRUE:
        return Orphans.IGNORE
    remove = shell.get("COMPOSE_REMOVE_ORPHANS", "")
    return Orphans.REMOVE if remove.strip().lower() in _TRUE else Orphans.WARN
