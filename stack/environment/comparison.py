"""`.env` beside its template: what one has and the other has not, and what still is the template's. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from stack.environment.readings import Readings
from stack.environment.secrecy import is_placeholder


class Kind(StrEnum):
    """How a variable of the file stands to the template: not there, only there, not filled in, or of its own value."""

    MISSING = "missing"
    EXTRA = "extra"
    PLACEHOLDER = "placeholder"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Difference:
    """A variable that is not in the file as it is in the template."""

    name: str
    kind: Kind


def against_template(readings: Readings) -> tuple[Difference, ...]:
    """Return every variable that differs, in the order of the template, then of the file; none without a template.

    Names that the template only shows in a comment are not extra.
    """
    if not readings.template:
        return ()
    written = {**readings.compose_values, **_read_by_python(readings)}
    names = dict.fromkeys((*readings.template, *written))
    found = ((name, _kind(readings, name, written.get(name))) for name in names)
    return tuple(Difference(name, kind) for name, kind in found if kind)


def _read_by_python(readings: Readings) -> dict[str, str]:
    return {name: entry.value for name, entry in readings.python.effective.items() if entry.value is not None}


def _kind(readings: Readings, name: str, value: str | None) -> Kind | None:
    if value is None:
        return None if f"{name}_FILE" in readings.python.effective else Kind.MISSING
    if name not in readings.template:
        return None if name in readings.examples else Kind.EXTRA
    if is_placeholder(value):
        return Kind.PLACEHOLDER
    return Kind.CHANGED if value != readings.template[name] else None
