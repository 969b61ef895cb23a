"""The worker's files run on a stranger's interpreter."""

import ast
from pathlib import Path

import pytest

from stack.migrations import worker

FILES = sorted(Path(worker.__file__).parent.glob("*.py"))


def imported(tree):
    """The modules that are imported when `tree` runs, by their whole names; a dot begins one beside it."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")
        else:
            yield from imported(node)


@pytest.mark.parametrize("path", FILES, ids=[path.name for path in FILES])
def test_it_is_written_for_an_old_python_and_needs_nothing_of_ours(path):
    tree = ast.parse(path.read_bytes(), feature_version=(3, 9))
    names = set(imported(tree))
    assert not {name.split(".")[0] for name in names} & {"stack", "tui"}
    assert not any(name.startswith("..") for name in names)
