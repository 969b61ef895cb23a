"""Where the interpreter begins, which is given this file's path."""

import gc
import importlib
import importlib.util
import sys
from pathlib import Path

_NAME = "stackdeck_worker"


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


if __name__ == "__main__":
    gc.disable()  # until the project is loaded: nothing of that is garbage
    _import_package(Path(__file__).parent)
    sys.exit(importlib.import_module(f"{_NAME}.process").main())
