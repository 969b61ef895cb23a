"""The lines of the overview: what each part of the stack is like, and the digit of the screen that says more."""

from typing import TYPE_CHECKING

from textual.content import Content

from stack.amounts import size
from stack.services.control import EngineStatus, ServiceStatus, State
from stack.services.web import is_pgadmin, web_addresses
from tui.outside import line
from tui.vitals import Tone, revision_sign
from tui.widgets.service_signs import sign_of

if TYPE_CHECKING:
    from stack.database.probe import Ping
    from stack.doctor.overview import Overview
    from stack.doctor.sizes import Sizes
    from stack.tables.catalogue import Table


def overview_rows(seen: "Overview", sizes: "Sizes | None") -> list[Content]:
    """Return what is known: services, database, pool, revision, and the sizes where they have been measured."""
    rows = [_service(service, seen.engine) for service in seen.services if service.state is not State.ABSENT]
    if seen.database:
        rows.append(_row("database", _database(seen.database, sizes), "4"))
    pool = seen.pool
    rows.append(
        _row("pool", f"up to {pool.size} + {pool.max_overflow} connections, {pool.checked_out} in use here", "4")
    )
    if seen.migrations:
        sign = revision_sign(seen.migrations)
        rows.append(_row("revision", sign.text, "5", sign.tone))
    if sizes and (biggest := [_table(table) for table in sizes.tables if table.bytes]):
        rows.append(_row("tables", ", ".join(biggest), "6"))
    if sizes:
        rows += [_row("volume", f"{volume.name}, {size(volume.size)}", "2") for volume in sizes.volumes]
    return rows


def _service(service: ServiceStatus, engine: EngineStatus) -> Content:
    sign = sign_of(service)
    reached = (web_addresses(service, engine) if is_pgadmin(service) else ()) or tuple(
        _port(port) for port in service.ports
    )
    return _row(service.service, ", ".join((sign.text, *reached)), "2", sign.tone)


def _port(port: str) -> str:
    return port.replace("->", " → ").removesuffix("/tcp")


def _database(ping: "Ping", sizes: "Sizes | None") -> str:
    large = f", {size(sizes.database)}" if sizes and sizes.database is not None else ""
    return f"PostgreSQL {ping.server_version}, {ping.latency_ms:.1f} ms{large}"


def _table(table: "Table") -> str:
    return f"{table.path} {size(table.bytes or 0)}"


def _row(name: str, value: str, key: str, tone: Tone = Tone.GOOD) -> Content:
    return Content.assemble(
        (f" {key} ", "bold $accent"), line(f"{name:<10.10} ", "$muted"), ("● ", tone.value), line(value)
    )
