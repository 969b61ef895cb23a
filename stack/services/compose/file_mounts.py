"""``secrets:`` and ``configs:`` of a service: which of the file's own it sees, and where."""

from dataclasses import replace
from typing import Final

from stack.services.compose.model import FileMount
from stack.services.compose.nodes import ScalarNode
from stack.services.compose.reading import Cursor

_SECRETS: Final = "/run/secrets"


def read_secrets(cursor: Cursor) -> tuple[FileMount, ...]:
    """Read ``secrets:``. Of entries with one target, the last counts.

    Raises:
        InvalidNode: an entry is no secret.
    """
    mounts = (_file_mount(item) for item in cursor.items())
    targeted = (replace(mount, target=mount.target or f"{_SECRETS}/{mount.source}") for mount in mounts)
    return tuple({mount.target: mount for mount in targeted}.values())


def read_configs(cursor: Cursor) -> tuple[FileMount, ...]:
    """Read ``configs:``. Of entries with one target, the last counts.

    Raises:
        InvalidNode: an entry is no config.
    """
    mounts = (_file_mount(item) for item in cursor.items())
    return tuple({mount.target or f"/{mount.source}": mount for mount in mounts}.values())


def _file_mount(cursor: Cursor) -> FileMount:
    if isinstance(cursor.node, ScalarNode):
        return FileMount(cursor.text())
    fields = cursor.fields(FileMount.__slots__)
    source = fields.get("source", Cursor.text)
    if not source:
        raise cursor.invalid("expected a source, a name under the file's own secrets or configs")
    return FileMount(
        source=source,
        target=fields.get("target", Cursor.text) or None,
        uid=fields.get("uid", Cursor.text) or None,
        gid=fields.get("gid", Cursor.text) or None,
        mode=fields.get("mode", _mode),
    )


def _mode(cursor: Cursor) -> int:
    """Read a file mode: a number, or a text with an octal one."""
    match cursor.node:
        case ScalarNode(value=str(text)):
            try:
                return int(text, 8)
            except ValueError:
                raise cursor.invalid("expected a file mode in octal digits, such as 0440") from None
    return cursor.integer()
