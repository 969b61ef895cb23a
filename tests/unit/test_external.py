"""A database that is none of the project's services: looked at without a finding, and every action says why not."""

import pytest

from stack.environment.url import DatabaseURL
from stack.findings import Code, Failure, silent
from stack.project import RuntimeName
from stack.services.control import Pull, ServiceControl, Volumes
from stack.services.external import ExternalServices
from stack.text import SecretStr

SECRET = "of-somebody-else"


def external() -> ServiceControl:
    return ExternalServices(DatabaseURL("db.example.com", 6432, "app", "app", SecretStr(SECRET)))


async def test_it_has_no_services_and_nothing_wrong():
    services = external()
    status = await services.status()
    assert services.runtime is RuntimeName.EXTERNAL
    assert (status.services, status.findings, status.engine.reachable) == ((), (), False)


async def test_a_watch_tells_it_once_and_there_is_nothing_to_measure():
    services = external()
    assert [status async for status in services.watch()] == [await services.status()]
    assert [used async for used in services.usage([])] == []
    assert await services.probes("db") == ()


async def perform(services: ServiceControl, action: str) -> None:
    match action:
        case "plan":
            await services.plan([], pull=Pull.MISSING)
        case "up":
            await services.up([], pull=Pull.MISSING, timeout=1, progress=silent)
        case "stop":
            await services.stop([], progress=silent)
        case "restart":
            await services.restart([], progress=silent)
        case "down":
            await services.down(volumes=Volumes.REMOVE, progress=silent)
        case "logs":
            services.logs([], tail=None, since=None)
        case "follow":
            services.follow([], tail=None, since=None)


@pytest.mark.parametrize("action", ["plan", "up", "stop", "restart", "down", "logs", "follow"])
async def test_every_action_names_the_server_and_the_ways_out(action):
    with pytest.raises(Failure) as caught:
        await perform(external(), action)
    finding = caught.value.finding
    assert finding.code is Code.RUNTIME_UNSUPPORTED
    assert "db.example.com:6432" in finding.cause
    assert any(fix.command for fix in finding.fixes)
    assert SECRET not in repr(finding)
