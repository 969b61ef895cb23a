"""How a service stands, in a word and a tone."""

from stack.services.control import Health, ServiceStatus, State
from tui.vitals import Sign, Tone


def sign_of(service: ServiceStatus) -> Sign:
    """Say the state, or while it runs what the health check says."""
    match service.state, service.health:
        case State.RUNNING, Health.HEALTHY:
            return Sign("healthy", Tone.GOOD)
        case State.RUNNING, Health.STARTING:
            return Sign("starting", Tone.NOTICE)
        case State.RUNNING, Health.UNHEALTHY:
            return Sign("unhealthy", Tone.BAD)
        case State.RUNNING, Health.NONE:
            return Sign("running", Tone.GOOD)
        case ((State.ABSENT | State.CREATED), _):
            return Sign(service.state.value, Tone.UNKNOWN)
        case ((State.DEAD | State.EXITED), _):
            return Sign(service.state.value, Tone.BAD)
        case _:
            return Sign(service.state.value, Tone.NOTICE)
