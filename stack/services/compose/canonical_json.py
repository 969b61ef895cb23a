"""JSON as Go's ``encoding/json`` writes it: no spaces, HTML escaped, floats of 32 bits as short as they can be."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from stack.services.compose.scalars import single_precision

Json: TypeAlias = "str | int | float | Sequence[Json] | Mapping[str, Json] | None"
"""What can be written; a float is one of 32 bits, and a mapping's members stay in their order."""

_ESCAPES: Final = str.maketrans({character: f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"})


def encode(value: Json) -> str:
    """Write `value`."""
    match value:
        case str():
            return json.dumps(value, ensure_ascii=False).translate(_ESCAPES)
        case float():
            return single_precision(value)
        case Mapping():
            return "{" + ",".join(f"{encode(key)}:{encode(member)}" for key, member in value.items()) + "}"
        case Sequence():
            return "[" + ",".join(map(encode, value)) + "]"
        case _:
            return json.dumps(value)


def struct(members: Mapping[str, Json], always: Iterable[str] = ()) -> Mapping[str, Json]:
    """Return a Go struct's members: those that are None are left out, but for those that are written `always`."""
    kept = frozenset(always)
    return {key: member for key, member in members.items() if member is not None or key in kept}


def go_map(members: Mapping[str, Json]) -> Mapping[str, Json] | None:
    """Return a Go map's members, sorted by the bytes of their keys; None, to be left out, where there are none."""
    return {key: members[key] for key in sorted(members, key=str.encode)} or None


def go_list(items: Iterable[Json]) -> Sequence[Json] | None:
    """Return a Go slice's items; None, to be left out, where there are none."""
    return tuple(items) or None
