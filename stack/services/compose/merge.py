"""Several Compose files into one: what a later file says about what an earlier one said.

Mappings are merged key by key, lists are appended, everything else is replaced; the exceptions are in `_SPECIAL`. What
appending repeats is dropped later, where the entries are understood.
"""

from collections.abc import Callable, Mapping
from typing import Final

from stack.services.compose.nodes import (
    Entry,
    InvalidNode,
    MappingNode,
    Node,
    Overlay,
    ScalarNode,
    SequenceNode,
    Timestamp,
    Value,
    describe,
)
from stack.services.compose.scalars import to_text

Path = tuple[str, ...]


def merge(base: Node, overlay: Node, path: Path = ()) -> Node:
    """Return `base` as `overlay`, of a later file, changes it.

    Raises:
        InvalidNode: the two are of different kinds.
    """
    if overlay.overlay is Overlay.OVERRIDE:
        return overlay
    for pattern, special in _SPECIAL.items():
        if len(pattern) == len(path) and all(want in ("*", key) for want, key in zip(pattern, path, strict=True)):
            return special(base, overlay, path)
    return _merge_plain(base, overlay, path)


def without_resets(node: Node) -> Node:
    """Return `node` without what the tag ``!reset`` takes away."""
    match node:
        case MappingNode():
            entries = {
                key: Entry(entry.key, without_resets(entry.node))
                for key, entry in node.entries.items()
                if entry.node.overlay is not Overlay.RESET
            }
            return MappingNode(node.position, entries)
        case SequenceNode():
            kept = (item for item in node.items if item.overlay is not Overlay.RESET)
            return SequenceNode(node.position, tuple(without_resets(item) for item in kept))
        case ScalarNode():
            return node


def _merge_plain(base: Node, overlay: Node, path: Path) -> Node:
    match base, overlay:
        case _, ScalarNode(value=None):
            return base
        case MappingNode(), MappingNode():
            return _merge_mappings(base, overlay, path)
        case SequenceNode(), SequenceNode():
            return SequenceNode(overlay.position, base.items + overlay.items)
        case ScalarNode(), _:
            return overlay
    where = f"{base.position.file.name}, line {base.position.line}"
    expected = f"{'.'.join(path)}: expected {describe(base)}, as in {where}, got {describe(overlay)}"
    raise InvalidNode(overlay.position, expected)


def _merge_mappings(base: MappingNode, overlay: MappingNode, path: Path) -> MappingNode:
    entries = dict(base.entries)
    for key, entry in overlay.entries.items():
        if entry.node.overlay is Overlay.RESET:
            entries.pop(key, None)
        elif key in entries:
            entries[key] = Entry(entry.key, merge(entries[key].node, entry.node, (*path, key)))
        else:
            entries[key] = entry
    return MappingNode(base.position, entries)


def _replace(_base: Node, overlay: Node, _path: Path) -> Node:
    return overlay


def _append(base: Node, overlay: Node, _path: Path) -> Node:
    return SequenceNode(overlay.position, _as_items(base) + _as_items(overlay))


def _append_missing(base: Node, overlay: Node, _path: Path) -> Node:
    items = _as_items(base)
    known = {_text(item) for item in items}
    return SequenceNode(overlay.position, items + tuple(it for it in _as_items(overlay) if _text(it) not in known))


def _merge_networks(base: Node, overlay: Node, path: Path) -> Node:
    return _merge_plain(_as_mapping(base, {}), _as_mapping(overlay, {}), path)


def _merge_dependencies(base: Node, overlay: Node, path: Path) -> Node:
    # A mere name says the condition too, and so takes back what an earlier file demanded.
    short: dict[str, Value] = {"condition": "service_started", "required": True}
    return _merge_plain(_as_mapping(base, short), _as_mapping(overlay, short), path)


def _merge_logging(base: Node, overlay: Node, path: Path) -> Node:
    """Merge the options of one driver; another driver takes none of them over."""
    match base, overlay:
        case MappingNode(), MappingNode():
            drivers = {
                _text(mapping.entries["driver"].node) for mapping in (base, overlay) if "driver" in mapping.entries
            }
            return overlay if len(drivers) > 1 else _merge_mappings(base, overlay, path)
    return _merge_plain(base, overlay, path)


def _merge_ulimit(base: Node, overlay: Node, path: Path) -> Node:
    return _merge_plain(base, overlay, path) if isinstance(base, type(overlay)) else overlay


def _merge_subnets(base: Node, overlay: Node, path: Path) -> Node:
    """Merge ``ipam.config`` by subnet."""
    if not (isinstance(base, SequenceNode) and isinstance(overlay, SequenceNode)):
        return _merge_plain(base, overlay, path)
    items: dict[str | int, Node] = {_subnet(item) or index: item for index, item in enumerate(base.items)}
    for index, item in enumerate(overlay.items, len(items)):
        key = _subnet(item) or index
        items[key] = _merge_plain(items[key], item, path) if key in items else item
    return SequenceNode(overlay.position, tuple(items.values()))


def _subnet(node: Node) -> str | None:
    if isinstance(node, MappingNode) and "subnet" in node.entries:
        return _text(node.entries["subnet"].node)
    return None


def _as_items(node: Node) -> tuple[Node, ...]:
    """Return a list's items, a mapping as sorted ``key=value`` texts, or a lone text as a list of it."""
    match node:
        case SequenceNode():
            return node.items
        case MappingNode():
            pairs = []
            for key, entry in sorted(node.entries.items()):
                value = _text(entry.node)
                pairs.append(ScalarNode(entry.node.position, key if value is None else f"{key}={value}"))
            return tuple(pairs)
        case ScalarNode(value=None):
            return ()
        case ScalarNode():
            return (node,)


def _as_mapping(node: Node, short: Mapping[str, Value]) -> Node:
    """Return a list of names as a mapping with the values that a mere name stands for in each of them."""
    if not isinstance(node, SequenceNode):
        return node
    entries: dict[str, Entry] = {}
    for item in node.items:
        name = _text(item)
        if name is None:
            raise InvalidNode(item.position, f"expected a name, got {describe(item)}")
        values = {key: Entry(item.position, ScalarNode(item.position, value)) for key, value in short.items()}
        content = MappingNode(item.position, values) if values else ScalarNode(item.position, None)
        entries[name] = Entry(item.position, content)
    return MappingNode(node.position, entries)


def _text(node: Node) -> str | None:
    match node:
        case ScalarNode(value=Timestamp(text)):
            return text
        case ScalarNode(value=str() | int() | float() as value):
            return to_text(value)
        case ScalarNode():
            return None
    raise InvalidNode(node.position, f"expected a text, got {describe(node)}")


_SPECIAL: Final[dict[Path, Callable[[Node, Node, Path], Node]]] = {
    ("services", "*", "command"): _replace,
    ("services", "*", "entrypoint"): _replace,
    ("services", "*", "healthcheck", "test"): _replace,
    ("services", "*", "depends_on"): _merge_dependencies,
    ("services", "*", "networks"): _merge_networks,
    ("services", "*", "extra_hosts"): _append_missing,
    ("services", "*", "logging"): _merge_logging,
    ("services", "*", "ulimits", "*"): _merge_ulimit,
    ("networks", "*", "ipam", "config"): _merge_subnets,
    **{
        ("services", "*", key): _append
        for key in (
            "annotations",
            "dns",
            "dns_opt",
            "dns_search",
            "env_file",
            "environment",
            "labels",
            "sysctls",
            "tmpfs",
        )
    },
    ("services", "*", "deploy", "labels"): _append,
    ("networks", "*", "labels"): _append,
    ("volumes", "*", "labels"): _append,
}
