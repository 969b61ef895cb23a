"""Make `.venv` from ``uv.lock``, with nothing but a Python: no pip, no venv package, no uv on the machine.

The lock file names uv itself, with the address and the SHA-256 of its wheel for every platform. That wheel is fetched,
checked and unpacked, and uv does the rest. Run by ``make setup``; ``python3 tools/bootstrap.py`` does the same.
"""

import hashlib
import io
import os
import platform
import shutil
import ssl
import subprocess
import sys
import tempfile
import tomllib
import urllib.error
import urllib.request
import zipfile
from pathlib import Path
from typing import NamedTuple, NoReturn

ROOT = Path(__file__).resolve().parent.parent
FLOOR = (3, 11)
SYSTEMS = {"Linux": "linux", "Darwin": "macosx", "Windows": "win"}
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


class Wheel(NamedTuple):
    """Where a wheel is, and the SHA-256 that it must have."""

    url: str
    digest: str


def fail(reason: str) -> NoReturn:
    """End with a reason and status 1."""
    sys.exit(f"setup: {reason}")


def uv_wheel() -> Wheel:
    """Return the wheel of uv that the lock file names for this machine."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    uv = next(package for package in lock["package"] if package["name"] == "uv")
    system = SYSTEMS.get(platform.system(), platform.system())
    if system == "linux":
        # The C library decides: glibc names itself here, musl does not.
        system = "manylinux" if platform.libc_ver()[0] == "glibc" else "musllinux"
    machine = MACHINES.get(platform.machine().lower(), platform.machine().lower())
    for wheel in uv["wheels"]:
        tags = wheel["url"].rsplit("-", 1)[-1].replace("arm64", "aarch64").replace("amd64", "x86_64")
        if system in tags and machine in tags:
            return Wheel(wheel["url"], wheel["hash"].removeprefix("sha256:"))
    fail(f"no uv is made for {platform.system()} on {platform.machine()}; install the dependencies by other means")


def download(wheel: Wheel) -> bytes:
    """Return the wheel's content, which has the digest that the lock names."""
    try:
        content = fetch(wheel.url, ssl.create_default_context())
    except urllib.error.URLError as error:
        if not isinstance(error.reason, ssl.SSLCertVerificationError):
            fail(f"cannot fetch {wheel.url}: {error.reason}")
        # A bare Debian has no certificates to check with. The digest from the lock file is what is trusted.
        content = fetch(wheel.url, ssl._create_unverified_context())  # noqa: S323, SLF001 - see above
    if hashlib.sha256(content).hexdigest() != wheel.digest:
        fail(f"{wheel.url} is not what uv.lock says: its SHA-256 differs")
    return content


def fetch(url: str, context: ssl.SSLContext) -> bytes:
    """Return what an https address serves."""
    with urllib.request.urlopen(url, timeout=60, context=context) as response:  # noqa: S310 - https, from the lock
        return bytes(response.read())


def unpack(content: bytes, directory: Path) -> Path:
    """Unpack the uv executable of a wheel into `directory`."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        member = next(name for name in archive.namelist() if Path(name).name in {"uv", "uv.exe"})
        executable = directory / Path(member).name
        executable.write_bytes(archive.read(member))
    executable.chmod(0o755)
    return executable


def sync(uv: Path, environment: Path) -> None:
    """Make `environment` hold exactly what the lock names."""
    command = [str(uv), "sync", "--frozen", "--all-extras", "--python", sys.executable, "--no-python-downloads"]
    # Compiled once here, in parallel, and not bit by bit when things are first opened; nor each time anew, where
    # PYTHONDONTWRITEBYTECODE is set.
    command += ["--compile-bytecode"]
    variables = {**os.environ, "UV_PROJECT_ENVIRONMENT": str(environment), "UV_LINK_MODE": "copy"}
    variables.pop("VIRTUAL_ENV", None)
    if subprocess.run(command, cwd=ROOT, env=variables, check=False).returncode:
        fail("uv could not make the environment; what it said is above")
    python = environment / "bin" / "python"
    subprocess.run([python, "-m", "compileall", "-q", "stack", "tui", "migrations"], cwd=ROOT, check=False)


def main() -> None:
    """Make or renew the environment named by the first argument, `.venv` by default."""
    if sys.version_info < FLOOR:
        fail(f"Python {FLOOR[0]}.{FLOOR[1]} or newer is needed, this is {platform.python_version()}: make PYTHON=…")
    environment = ROOT / (sys.argv[1] if len(sys.argv) > 1 else ".venv")
    own = environment / "bin" / "uv"
    with tempfile.TemporaryDirectory() as directory:
        # A copy, because uv may replace its own file in the environment.
        uv = Path(shutil.copy(own, directory)) if own.exists() else unpack(download(uv_wheel()), Path(directory))
        sync(uv, environment)


if __name__ == "__main__":
    main()
