"""Is the database's data where its server looks for it, of a version that it can read, and this project's own?"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Final

from stack.background import in_thread
from stack.doctor.examination import Check, Passed
from stack.doctor.facts import Facts
from stack.doctor.fixes import begin_anew, bring_up, start
from stack.doctor.stages import SERVICES
from stack.doctor.storage import Storage
from stack.findings import Code, Failure, Finding, Fix, Progress, Severity
from stack.services.compose.model import Service
from stack.services.compose.postgres_image import FIRST_NEW, OLD_DIRECTORY, PARENT, with_major
from stack.services.compose.written import place, variable_of
from stack.services.control import Health, Pull, State
from stack.services.engine.data_volume import VERSION_FILE, DataFound
from stack.services.engine.inspection import Inspection
from stack.services.engine.observe import ANONYMOUS
from stack.text import clean_line

_HOST: Final = re.compile(r"\s(?:-h|--host)")
_NONE: Final = "Nothing is kept in a volume"


def wrong_version(
    service: Service, storage: Storage, found: DataFound, *, runs: bool, fixes: tuple[Fix, ...]
) -> Finding | None:
    """Say that the data is of another version than the server of the image, which then does not start on it."""
    if found.major == storage.major:
        return None
    where = f"The volume {storage.volume}" if storage.volume else f"What is mounted at {_target(storage)}"
    consequence = "it runs on an older image still, and will not start again" if runs else "it will not start"
    return Finding(
        Code.VOLUME_VERSION,
        f"The data directory of {service.name} is of version {found.major}, the image is {storage.major}",
        f"{where} was made by PostgreSQL {found.major}, and {service.image} is PostgreSQL {storage.major}: a server "
        f"reads only data of its own major version, so {consequence}.",
        Severity.WARNING if runs else Severity.ERROR,
        fixes=fixes,
    )


def misplaced(service: Service, storage: Storage, *, runs: bool) -> Finding | None:
    """Say that the volume is mounted where the image's version does not keep its data."""
    if storage.mount is None:
        return None
    target = storage.mount.target.rstrip("/")
    if storage.is_unseen:
        wanted = PARENT if storage.directory.startswith(f"{PARENT}/") else storage.directory
        return Finding(
            Code.VOLUME_MISPLACED,
            f"The volume of {service.name} is mounted where version {storage.major} does not look",
            f"It is at {target}, and from {FIRST_NEW} on the image keeps its data in {storage.directory}: it refuses "
            "to start, or its data is lost with the container.",
            Severity.WARNING if runs else Severity.ERROR,
            fixes=(_edit(service, f":{target}", f":{wanted}"), _pgdata(service, target)),
        )
    if storage.is_shadowed:
        return Finding(
            Code.VOLUME_MISPLACED,
            f"The data of {service.name} is not in the volume that is mounted for it",
            f"It is mounted at {target}, and up to {FIRST_NEW - 1} the image keeps a nameless volume of its own at "
            f"{OLD_DIRECTORY}, which `down` leaves behind: the next `up` begins with an empty database.",
            Severity.WARNING,
            fixes=(
                Fix(
                    f"In {place(service, f':{target}')}, change `:{target}` to `:{OLD_DIRECTORY}`; the doctor then "
                    "offers to copy the data over",
                    "stackdeck doctor",
                ),
            ),
        )
    return None


def left_in(storage: Storage, server: Inspection | None) -> str | None:
    """Return the nameless volume in which `server` has its data, where the Compose file names another place now."""
    if server is None or not storage.holds or _source(storage) is None:
        return None
    held = next((mount for mount in server.mounts if mount.target.rstrip("/") == storage.directory), None)
    return held.volume if held and held.volume and ANONYMOUS.fullmatch(held.volume) else None


def left_behind(service: Service, storage: Storage, server: Inspection, volume: str, fixes: tuple[Fix, ...]) -> Finding:
    """Say that the data is in a nameless `volume`, and not where the Compose file looks for it now."""
    return Finding(
        Code.VOLUME_MISPLACED,
        f"The data of {service.name} is still in a nameless volume",
        f"{server.name} was made with {volume[:12]}… at {storage.directory}. The Compose file now has "
        f"{storage.volume or _source(storage)} there, which holds no data: a new container would begin with an empty "
        "database.",
        Severity.WARNING if runs_well(server) else Severity.ERROR,
        fixes=fixes,
    )


def passwordless(service: Service, fixes: tuple[Fix, ...]) -> Finding | None:
    """Say that a new cluster would have no password for its superuser, which its image refuses to make."""
    given = service.environment
    if given.get("POSTGRES_PASSWORD") or given.get("POSTGRES_PASSWORD_FILE"):
        return None
    if given.get("POSTGRES_HOST_AUTH_METHOD") == "trust":
        return None
    return Finding(
        Code.SUPERUSER_PASSWORD_EMPTY,
        f"{service.name} has no password to begin with",
        f"POSTGRES_PASSWORD is empty ({place(service, 'POSTGRES_PASSWORD')}), and the image makes no new database "
        "without one.",
        fixes=fixes,
    )


def early_health_check(service: Service) -> Finding | None:
    """Suggest a health check that does not pass while the image initialises a new volume."""
    test = " ".join(service.healthcheck.test) if service.healthcheck else ""
    if "pg_isready" not in test or _HOST.search(test):
        return None
    return Finding(
        Code.HEALTH_CHECK_EARLY,
        f"The health check of {service.name} passes too early on a new volume",
        "While the image initialises a volume it runs a server on the Unix socket alone, which pg_isready finds too; "
        "whatever waits for it is then refused once.",
        Severity.INFO,
        fixes=(Fix(f"In {place(service, 'pg_isready')}, write `pg_isready -h 127.0.0.1`"),),
    )


def _source(storage: Storage) -> str | None:
    return storage.mount.source if storage.mount else None


def _target(storage: Storage) -> str:
    return storage.mount.target if storage.mount else storage.directory


def _edit(service: Service, old: str, new: str) -> Fix:
    return Fix(f"In {place(service, old)}, change `{old}` to `{new}`, then run `stackdeck up`")


def _pgdata(service: Service, target: str) -> Fix:
    return Fix(f"Or keep the mount and say `PGDATA: {target}` under environment: of {service.name}")


def runs_well(server: Inspection | None) -> bool:
    """Return whether the database's container is up: whatever the Compose file says now, it does its work."""
    return server is not None and server.state is State.RUNNING and server.health is not Health.UNHEALTHY


async def _owner(facts: Facts) -> Passed:
    from stack.services.engine.refusals import errors

    snapshot = await facts.snapshot()
    if snapshot is None:
        return Passed(_NONE)
    compose = facts.stack.compose()
    # Nothing is refused for what a container has already.
    refused = [*errors(compose, snapshot, (facts.database_service(),), Pull.MISSING)]
    if refused:
        raise Failure(*(_creating(facts, finding) for finding in refused))
    return Passed("Volumes and networks are this project's own")


def _creating(facts: Facts, finding: Finding) -> Finding:
    """Let the fix of an external volume that is missing make it."""
    if finding.code is not Code.VOLUME_MISSING:
        return finding
    fix = finding.fixes[0]
    volume = (fix.command or "").rpartition(" ")[2]

    async def create(progress: Progress) -> None:
        if containers := await facts.containers():
            await containers.make_volume({"Name": volume})
            progress(f"Created the volume {volume}")

    return replace(finding, fixes=(replace(fix, apply=create), *finding.fixes[1:]))


async def _version(facts: Facts) -> Passed:
    storage, found = await facts.storage(), await facts.data()
    if storage is None or found is None:
        return Passed("There is no data yet" if storage else _NONE)
    if found.major != storage.major:
        fixes = (*_version_fixes(facts, storage, found), *await _anew(facts, storage))
        runs = runs_well(await facts.server())
        if finding := wrong_version(facts.database_service(), storage, found, runs=runs, fixes=fixes):
            raise Failure(finding)
    return Passed(f"The data is of version {found.major}, as the image is")


def _version_fixes(facts: Facts, storage: Storage, found: DataFound) -> Iterator[Fix]:
    service = facts.database_service()
    old = with_major(service.image or "", found.major)
    if storage.is_unseen or storage.is_shadowed:
        finding = misplaced(service, storage, runs=False)
        for fix in finding.fixes[:1] if finding else ():
            yield Fix(f"First, for an upgrade: {fix.title}")
    elif old and storage.volume and found.major < storage.major:
        yield _upgrade(facts, service, storage, found, old)
    elif found.major < storage.major:
        yield _upgrade_by_hand(storage, found)
    if old:
        yield _pin(facts, service, old)
    else:
        yield Fix(f"Name an image of PostgreSQL {found.major} in {place(service, 'image:')}")


async def _anew(facts: Facts, storage: Storage) -> tuple[Fix, ...]:
    return (await begin_anew(facts, storage.volume),) if storage.volume else ()


def _upgrade(facts: Facts, service: Service, storage: Storage, found: DataFound, old: str) -> Fix:
    async def move(progress: Progress) -> None:
        from stack.services.engine.upgrade import Upgrade, upgrade

        containers = await facts.containers()
        if containers is None or storage.volume is None or storage.mount is None:
            return
        kept = await upgrade(
            containers.engine,
            Upgrade(
                project=facts.stack.compose().name,
                service=service,
                volume=storage.volume,
                major=found.major,
                path=found.path,
                old_image=old,
                new_image=service.image or "",
                target=str(PurePosixPath(storage.mount.target)),
                data=storage.directory,
                user=service.environment.get("POSTGRES_USER") or "postgres",
            ),
            progress,
        )
        apply = start(facts).apply
        if apply:
            await apply(progress)
        progress(f"The data of version {found.major} stays in the volume {kept}")

    title = f"Upgrade: dump with {old}, restore into {service.image}, and keep the old data in a volume beside it"
    return Fix(title, "stackdeck doctor --fix volume-version", apply=move)


def _upgrade_by_hand(storage: Storage, found: DataFound) -> Fix:
    why = "the image's tag names no version, and so no older image"
    if storage.volume is None:
        why = f"{_source(storage) or _target(storage)} is no volume with a name, and nothing else is replaced from here"
    return Fix(
        f"Upgrade by hand: {why}. With PostgreSQL {found.major} write a dump; then move the old data away, name the "
        "new image again, start it and restore the dump",
        "stackdeck down --dump before.dump",
    )


def _pin(facts: Facts, service: Service, old: str) -> Fix:
    from stack.environment.edit import set_fix

    variable = variable_of(service, "image")
    if variable is None:
        return Fix(f"Or go back to the old version: name {old} in {place(service, 'image:')}")
    return set_fix(facts.stack.project, variable, old, f"Or go back to the old version: write {variable}={old} to .env")


async def _mount(facts: Facts) -> Passed:
    storage = await facts.storage()
    if storage is None or storage.mount is None:
        return Passed(_NONE)
    service, server = facts.database_service(), await facts.server()
    if finding := misplaced(service, storage, runs=runs_well(server)):
        raise Failure(finding)
    volume = left_in(storage, server)
    if server and volume and await _is_bare(facts, storage, server):
        raise Failure(left_behind(service, storage, server, volume, (_copy(facts, storage, server, volume),)))
    return Passed(f"The data is kept in {storage.volume or storage.mount.source or 'a volume without a name'}")


async def _is_bare(facts: Facts, storage: Storage, server: Inspection) -> bool:
    """Return whether the place that the Compose file names holds no data yet, as far as that can be seen."""
    from stack.services.engine.data_volume import in_volume

    containers, snapshot = await facts.containers(), await facts.snapshot()
    if storage.volume is None:
        return await in_thread(lambda: _is_bare_directory(_source(storage) or "", storage.within))
    if containers is None or snapshot is None or storage.volume not in snapshot.volumes:
        return True
    return await in_volume(containers, storage.volume, server.image, storage.within) is None


def _is_bare_directory(source: str, within: str) -> bool:
    try:
        return not Path(source, within, VERSION_FILE).exists()
    except PermissionError:
        # As a server leaves its data directory.
        return False


def _copy(facts: Facts, storage: Storage, server: Inspection, volume: str) -> Fix:
    service, key = facts.stack.database_service(), _source(storage)
    target = facts.stack.compose().volumes.get(key or "")
    if target is None or storage.within != ".":
        by_hand = f"docker stop {server.name} && docker cp --archive {server.name}:{storage.directory}/. {key}"
        return Fix(f"Copy it by hand, then remove {server.name} and run `stackdeck up`", by_hand)

    async def copy(progress: Progress) -> None:
        from stack.services.engine.copy_data import copy_data

        containers = await facts.containers()
        if containers is None:
            return
        await (await facts.stack.services()).stop((service,), progress=progress)
        progress(clean_line(f"Copying {volume} into {target.name}"))
        await copy_data(containers, server.image, volume, target)
        await containers.remove(server.id)
        await bring_up(facts.stack, service)(progress)

    title = f"Copy the data into the volume {target.name}, and recreate {service} on it"
    return Fix(f"{title}; what is in the nameless volume stays", "stackdeck doctor --fix volume-misplaced", apply=copy)


async def _password(facts: Facts) -> Passed:
    storage = await facts.storage()
    if storage is None or await facts.data() or runs_well(await facts.server()):
        return Passed("The database has its superuser already")
    service = facts.database_service()
    if finding := passwordless(service, tuple(_password_fixes(facts, service))):
        raise Failure(finding)
    return Passed("The new database will have a password", early_health_check(service))


def _password_fixes(facts: Facts, service: Service) -> Iterator[Fix]:
    from stack.environment.edit import set_fix
    from stack.environment.template import generate_password

    if variable := variable_of(service, "POSTGRES_PASSWORD"):
        title = f"Write a generated password to .env, as {variable}"
        # No command: it would have the password in it.
        yield Fix(title, apply=set_fix(facts.stack.project, variable, generate_password(), title).apply)
    else:
        yield Fix(f"Give it one in {place(service, 'POSTGRES_PASSWORD')}: `POSTGRES_PASSWORD: ${{DB_PASSWORD}}`")


CHECKS: Final[tuple[Check[Facts], ...]] = (
    Check("volume-owner", SERVICES, "Whose volume it is", ("compose-file",), _owner),
    Check("volume-version", SERVICES, "Version of the data", ("volume-owner",), _version),
    Check("volume-mount", SERVICES, "Where the volume is mounted", ("volume-version",), _mount),
    Check("superuser-password", SERVICES, "A new database's password", ("volume-version",), _password),
)
