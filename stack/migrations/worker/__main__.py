"""Where the interpreter begins, which is given this file's path."""

import atexit
import gc
import importlib
import importlib.util
import os
import sys
from pathlib import Path

_NAME = "stackdeck_worker"
_COLOURS = "mako.ext.pygmentplugin"
"""What Mako, of which Alembic needs the templates, colours its HTML pages of errors with; nobody sees those here."""


def _import_package(directory: Path) -> None:
    """Import `directory` as a package of a name that no project has, without making it a place to import from."""
    if sys.path[0] == str(directory):
        sys.path.pop(0)
    path = directory / "__init__.py"
    spec = importlib.util.spec_from_file_location(_NAME, path, submodule_search_locations=[str(directory)])
    if spec is None or spec.loader is None:
        raise ImportError(str(path))
    package = importlib.util.module_from_spec(spec)
    sys.modules[_NAME] = package
    spec.loader.exec_module(package)


class _Leaving:
    """Ends the process when all else that is done at its end is done, instead of taking every module apart."""

    def __init__(self) -> None:
        """Be called last, as whoever registers first is: after the project's threads and what its code registered."""
        self.status = 1
        atexit.register(self)

    def __call__(self) -> None:
        """End it."""
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(self.status)


if __name__ == "__main__":
    gc.disable()  # until the project is loaded: nothing of that is garbage
    leaving = _Leaving()
    _import_package(Path(__file__).parent)
    sys.modules[_COLOURS] = None  # type: ignore[assignment] # not found then, which Mako is ready for
    process = importlib.import_module(f"{_NAME}.process")
    del sys.modules[_COLOURS]  # the project's own code may have it
    leaving.status = process.main()
