"""``ports:``, in the short form that ``docker run -p`` has too, and in the long one."""

import ipaddress
import re
from typing import Final

from stack.services.compose.model import Port
from stack.services.compose.nodes import Entry, InvalidNode, MappingNode, Node, ScalarNode
from stack.services.compose.reading import Cursor

_EXPECTED: Final = "expected [[IP:]HOST:]CONTAINER[/PROTOCOL], such as 127.0.0.1:5432:5432 or 8000-8010:8000-8010/udp"
_RANGE: Final = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")
_BRACKETED: Final = re.compile(r"\[(.*)\]")
_PROTOCOLS: Final = ("tcp", "udp", "sctp")
_MAX_PORT: Final = 65535

MAX_PORTS: Final = 1 << 15
"""Of a service, and of a project: a few characters can ask for all that there are."""

_ANY_ADDRESS: Final = "0.0.0.0"  # noqa: S104 - what no address means to Compose; nothing is bound here


def read_ports(cursor: Cursor) -> tuple[Port, ...]:
    """Read ``ports:``. Where a later entry is the same as an earlier one in all but its mode, it takes its place.

    Raises:
        InvalidNode: an entry is no port.
    """
    ports: dict[tuple[str, str | None, bool, int, str], Port] = {}
    for item in cursor.items():
        by_number = _is_published_by_number(item.node)
        for port in [_long(item)] if isinstance(item.node, MappingNode) else _short(item):
            ports[port.host_ip or _ANY_ADDRESS, port.published, by_number, port.target, port.protocol] = port
        if len(ports) > MAX_PORTS:
            raise _too_many(cursor)
    if len(set(ports.values())) < len(ports):
        cursor.note()
    return tuple(ports.values())


def _too_many(cursor: Cursor) -> InvalidNode:
    return cursor.invalid(f"expected at most {MAX_PORTS} ports")


def _is_published_by_number(node: Node) -> bool:
    # To Compose that is not what the same digits in a text are, and so both stay. Newer versions may learn.
    match node:
        case MappingNode(entries={"published": Entry(node=ScalarNode(value=int()))}):
            return True
    return False


def read_expose(cursor: Cursor) -> tuple[str, ...]:
    """Read ``expose:``, as texts such as ``8000-8010/udp``, each of them once.

    Raises:
        InvalidNode: an entry is no port and no range of ports.
    """
    exposed: dict[str, None] = {}
    for item in cursor.items():
        text = item.loose_text()
        ports, _, protocol = text.partition("/")
        _range(ports, item, "expected a port or a range of ports, such as 8000 or 8000-8010/udp")
        if protocol and protocol.lower() not in _PROTOCOLS:
            raise item.invalid(f"expected the protocol to be one of {', '.join(_PROTOCOLS)}")
        exposed[text] = None
    return tuple(exposed)


def _long(cursor: Cursor) -> Port:
    fields = cursor.fields(("name", "mode", "host_ip", "target", "published", "protocol", "app_protocol"))
    target = fields.get("target", Cursor.integer)
    if target is None:
        raise cursor.malformed("expected a target, the port in the container")
    if not 0 <= target <= _MAX_PORT:
        raise cursor.invalid(f"expected a target from 0 to {_MAX_PORT}")
    return Port(
        target=target,
        published=fields.get("published", Cursor.loose_text) or None,
        host_ip=fields.get("host_ip", Cursor.text) or None,
        protocol=fields.get("protocol", Cursor.text) or "tcp",
        mode=fields.get("mode", Cursor.text) or "ingress",
        name=fields.get("name", Cursor.text) or None,
        app_protocol=fields.get("app_protocol", Cursor.text) or None,
    )


def _short(cursor: Cursor) -> list[Port]:
    text = cursor.loose_text()
    left, _, container = text.rpartition(":")
    address, _, host = left.rpartition(":")
    container, _, protocol = container.partition("/")
    protocol = protocol.lower() or "tcp"
    if protocol not in _PROTOCOLS:
        raise cursor.malformed(f"expected the protocol to be one of {', '.join(_PROTOCOLS)}")
    first, last = _range(container, cursor)
    if last - first >= MAX_PORTS:
        raise _too_many(cursor)
    published = _published(host, last - first, cursor)
    host_ip = _address(address, cursor) if address else None
    ports = [
        Port(target=target, published=shown, host_ip=host_ip, protocol=protocol)
        for target, shown in zip(range(first, last + 1), published, strict=True)
    ]
    # Compose sorts what one text expands to, and sorts it as texts.
    return sorted(ports, key=lambda port: f"{port.target}/{port.protocol}")


def _published(host: str, span: int, cursor: Cursor) -> list[str | None]:
    if not host:
        return [None] * (span + 1)
    first, last = _range(host, cursor)
    if last - first == span:
        return [str(port) for port in range(first, last + 1)]
    if span == 0:
        return [f"{first}-{last}"]
    raise cursor.malformed("expected as many ports on the host as in the container")


def _range(text: str, cursor: Cursor, expected: str = _EXPECTED) -> tuple[int, int]:
    bounds = _RANGE.fullmatch(text)
    if bounds is None:
        raise cursor.malformed(expected)
    first = int(bounds[1])
    last = int(bounds[2] or first)
    if not first <= last <= _MAX_PORT:
        raise cursor.malformed(f"expected ports from 0 to {_MAX_PORT}, the lower one first")
    return first, last


def _address(text: str, cursor: Cursor) -> str:
    bracketed = _BRACKETED.fullmatch(text)
    bare = bracketed[1] if bracketed else text
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        raise cursor.malformed(f"{_EXPECTED}; what is before the ports is no IP address") from None
    if address.version == 6 and bracketed is None:
        raise cursor.malformed("expected brackets around an IPv6 address, as in [::1]:80:80")
    return bare
