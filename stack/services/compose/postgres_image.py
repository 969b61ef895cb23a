"""Where an image of Postgres keeps its data, and of which major version it is. Pure.

The rules are those of the official image and of what is built on it: up to 17 the data directory is
``/var/lib/postgresql/data``, from 18 on it is ``/var/lib/postgresql/MAJOR/docker`` (``docker-library/postgres``, pull
request 1259). ``PGDATA`` overrides both.
"""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Final

from stack.services.compose.model import Mount, Service

PARENT: Final = "/var/lib/postgresql"
OLD_DIRECTORY: Final = f"{PARENT}/data"
FIRST_NEW: Final = 18
"""The first version that keeps its data below the parent, in a directory of its own."""

_NAMED: Final = re.compile(r"pg(?P<major>[0-9]{1,2})(?![0-9])")
_LEADING: Final = re.compile(r"(?P<major>[0-9]{1,2})(?:\.[0-9]+)*(?=[\-_]|$)")
_OWN_NUMBERS: Final = frozenset({"postgres", "postgresql", "postgis"})
"""Repositories whose tags begin with the server's version; others begin with that of an extension."""

_NEW_DIRECTORY: Final = re.compile(rf"{PARENT}/([0-9]+)/")


def major_version(reference: str, environment: Mapping[str, str]) -> int | None:
    """Return the major version of the server in the image `reference`, which gives `environment` to its containers.

    An image that is not here gives none, and then only its tag may tell.
    """
    if (given := environment.get("PG_MAJOR", "")).isdecimal():
        return int(given)
    if found := _NEW_DIRECTORY.match(environment.get("PGDATA", "")):
        return int(found[1])
    found = _version(reference)
    return int(found["major"]) if found else None


def with_major(reference: str, major: int) -> str | None:
    """Return the image that is like `reference`, with the server of version `major`; None where its tag names none."""
    found = _version(reference)
    if found is None or "@" in reference:
        return None
    # The number of a minor version, too, is left out: the other one may not have it.
    named = found[0].startswith("pg")
    return f"{reference[: found.start()]}{'pg' if named else ''}{major}{reference[found.end() :]}"


def data_directory(major: int, service: Service, environment: Mapping[str, str]) -> str:
    """Return where the server of version `major` keeps its data in a container of `service`.

    `environment` is what its image gives.
    """
    default = OLD_DIRECTORY if major < FIRST_NEW else f"{PARENT}/{major}/docker"
    return service.environment.get("PGDATA") or environment.get("PGDATA") or default


def holder(service: Service, path: str) -> Mount | None:
    """Return which mount of `service` holds `path`: the innermost one."""
    holding = [mount for mount in service.volumes if PurePosixPath(path).is_relative_to(mount.target)]
    return max(holding, key=lambda mount: len(mount.target), default=None)


def meant_for_data(service: Service, path: str) -> Mount | None:
    """Return the mount of `service` that is meant for its data: what holds `path`, or is where any version looks."""
    usual = (mount for mount in service.volumes if mount.target.rstrip("/") in {PARENT, OLD_DIRECTORY})
    return holder(service, path) or next(usual, None)


def _version(reference: str) -> re.Match[str] | None:
    """Return where the tag of an image names the version of the server."""
    repository, separator, tag = reference.partition("@")[0].rpartition(":")
    if not separator or "/" in tag:
        return None
    begin, end = len(repository) + 1, len(repository) + 1 + len(tag)
    if found := _NAMED.search(reference, begin, end):
        return found
    is_own = repository.rpartition("/")[2] in _OWN_NUMBERS
    return _LEADING.match(reference, begin, end) if is_own else None
