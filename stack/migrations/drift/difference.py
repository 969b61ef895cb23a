"""Two readings of the catalogue, compared: what the migrations make, and what is there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from stack.migrations.drift.aspects import Aspect
from stack.migrations.drift.catalogue import Described
from stack.text import clean_line

_SHORT: Final = 160
_PARENTS: Final = ("table", "view", "materialized view", "sequence")


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is otherwise than it should be, in a sentence, clean."""

    aspect: Aspect
    sentence: str


def differences(made: Sequence[Described], there: Sequence[Described]) -> tuple[Difference, ...]:
    """Return how `there`, the database, differs from what the migrations have `made` in an empty one.

    What belongs to a table that is on one side alone goes with the table.
    """
    return tuple(_differences({each.name: each for each in made}, {each.name: each for each in there}))


def _differences(made: dict[str, Described], there: dict[str, Described]) -> Iterator[Difference]:
    for name, each in sorted(made.items(), key=_order):
        found = there.get(name)
        if found is None:
            if _stands_alone(each, there):
                yield _say(each, f"The {name} is made by the migrations, and is not in the database.")
        elif found.definition != each.definition:
            yield from _changed(each, found)
    for name, each in sorted(there.items(), key=_order):
        if name not in made and _stands_alone(each, made):
            yield _say(each, f"The {name} is in the database, and no migration makes it{_as_it_is(each)}.")


def _order(entry: tuple[str, Described]) -> tuple[int, str]:
    return list(Aspect).index(entry[1].aspect), entry[0]


def _stands_alone(each: Described, others: dict[str, Described]) -> bool:
    """Say whether what is missing among `others` is more than a part of what is missing there."""
    if each.parent is not None and not any(f"{kind} {each.parent}" in others for kind in _PARENTS):
        return False
    # Everything has these, so they are missing with what has them alone; of a column only grants, where there are some.
    return not each.name.startswith(("owner of ", "storage of ", "row-level security of ")) and (
        not each.name.startswith("grants of ") or each.name.startswith("grants of column ")
    )


def _changed(made: Described, there: Described) -> Iterator[Difference]:
    if made.aspect is Aspect.RELATIONS:
        # Of columns that are missing or too many, each is told by itself.
        if sorted(made.definition.split(", ")) == sorted(there.definition.split(", ")):
            order = f"{there.definition} in the database, and {made.definition} by the migrations"
            yield _say(made, f"The columns of the {made.name} are in another order: {order}.")
    elif max(len(made.definition), len(there.definition)) <= _SHORT and "\n" not in made.definition + there.definition:
        is_, by = there.definition or "as by default", made.definition or "as by default"
        yield _say(made, f"The {made.name} is «{is_}» in the database, and «{by}» by the migrations.")
    else:
        yield _say(made, f"The {made.name} is defined otherwise in the database than by the migrations.")


def _as_it_is(each: Described) -> str:
    short = each.definition and len(each.definition) <= _SHORT and "\n" not in each.definition
    return f": «{each.definition}»" if short and each.aspect is not Aspect.RELATIONS else ""


def _say(each: Described, sentence: str) -> Difference:
    return Difference(each.aspect, clean_line(sentence))
