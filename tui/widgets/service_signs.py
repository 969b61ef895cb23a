"""How a service stands, in a word and a tone."""

from typing import Final

from stack.services.control import Health, ServiceStatus, State
from tui.vitals import Sign, Tone

_BY_HEALTH: Final = {
    Health.NONE: Sign("running", Tone.GOOD),
    Health.HEALTHY: Sign("healthy", Tone.GOOD),
    Health.STARTING: Sign("starting", Tone.NOTICE),
    Health.UNHEALTHY: Sign("unhealthy", Tone.BAD),
}

_BY_STATE: Final = {
    State.ABSENT: Tone.UNKNOWN,
    State.CREATED: Tone.UNKNOWN,
    State.EXITED: Tone.BAD,
    State.DEAD: Tone.BAD,
}


def sign_of(service: ServiceStatus) -> Sign:
    """Say the state, or while it runs what the health check says."""
    if service.state is State.RUNNING:
        return _BY_HEALTH[service.health]
    return Sign(service.state.value, _BY_STATE.get(service.state, Tone.NOTICE))
