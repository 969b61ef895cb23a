"""The engines' words for how a container stands. Podman, which speaks the same API, has a few of its own."""

from collections.abc import Mapping
from typing import Final

from stack.services.control import Health, State

# Podman's `LibpodToContainer` lists a container by libpod's own state; one that is stopping still runs.
_STATES: Final[Mapping[str, State]] = {
    **{state.value: state for state in State},
    "configured": State.CREATED,
    "initialized": State.CREATED,
    "stopped": State.EXITED,
    "stopping": State.RUNNING,
}

_HEALTHS: Final[Mapping[str, Health]] = {health.value: health for health in Health}


def read_state(word: str) -> State:
    """Return the state that an engine calls `word`; one that is unknown is of no use."""
    return _STATES.get(word, State.DEAD)


def read_health(word: str) -> Health:
    """Return the health that an engine calls `word`; an empty or unknown one is none."""
    return _HEALTHS.get(word, Health.NONE)
