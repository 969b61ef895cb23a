"""What `up` has to do, from what there is: pure."""

from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from stack.services.control import Action, PlanStep
from stack.services.embedded.area import Area
from stack.services.embedded.binaries import Binaries
from stack.services.embedded.postmaster import Postmaster


@dataclass(frozen=True, slots=True)
class Stopped:
    """A project whose server does not run.

    `cluster` is the major version of its data, None where there are none yet. The server is run from `programs`; where
    they are not there yet, they are to be copied from `source`. `port_free` is about the port of the settings.
    """

    cluster: int | None
    programs: Path
    source: Binaries | None
    port_free: bool


class Work(Enum):
    """What a step takes."""

    NOTHING = auto()
    STAGE = auto()
    INITIALISE = auto()
    START = auto()
    CREATE_DATABASE = auto()


@dataclass(frozen=True, slots=True)
class Step:
    """One step, and how it is shown."""

    work: Work
    shown: PlanStep


def plan(observed: Postmaster | Stopped, *, area: Area, service: str, port: int, database: str) -> tuple[Step, ...]:
    """Return the steps from `observed` to a server of `service` that has `database`, by preference on `port`."""
    kept = Step(Work.NOTHING, PlanStep(Action.KEPT, f"cluster {area.data}", "it is there, and keeps its data"))
    if isinstance(observed, Postmaster):
        how = "runs" if observed.ready else "is starting or stopping"
        return kept, Step(Work.NOTHING, PlanStep(Action.KEPT, f"server {service}", f"it {how} on port {observed.port}"))
    new = observed.cluster is None
    where = f"on port {port}" if observed.port_free else f"on a free port, since {port} is taken"
    start = PlanStep(Action.CREATED if new else Action.STARTED, f"server {service}", f"it does not run; starts {where}")
    steps = []
    if observed.source is not None:
        cause = f"the account that runs the server cannot enter {observed.source.directory}"
        steps.append(Step(Work.STAGE, PlanStep(Action.CREATED, f"copy of PostgreSQL {observed.source.version}", cause)))
    if new:
        made = PlanStep(Action.CREATED, f"cluster {area.data}", "this project has none yet")
        steps.append(Step(Work.INITIALISE, made))
    else:
        steps.append(kept)
    steps.append(Step(Work.START, start))
    if new:
        steps.append(missing_database(database))
    return tuple(steps)


def missing_database(name: str) -> Step:
    """Return the step for a database that the cluster does not have."""
    return Step(Work.CREATE_DATABASE, PlanStep(Action.CREATED, f"database {name}", "the cluster has none of that name"))
