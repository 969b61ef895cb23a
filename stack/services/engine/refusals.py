"""What a plan may not do, and says before anything is touched. Pure."""

from collections.abc import Iterator, Mapping

from stack.findings import Code, Finding, Fix, Severity
from stack.services.compose.hash import volume_hash
from stack.services.compose.model import ComposeProject, MountType, Service, Volume
from stack.services.compose.orphans import Orphans
from stack.services.control import Pull
from stack.services.engine import labels
from stack.services.engine.causes import changed, changed_keys
from stack.services.engine.observe import Observed
from stack.services.engine.selection import orphaned


def left_out(services: tuple[Service, ...], observed: Observed) -> Mapping[str, Finding]:
    """Return the services that we may not create, and whatever needs them, with a warning each.

    `services` have dependencies first.
    """
    found: dict[str, Finding] = {}
    for service in services:
        missing = next((name for name, terms in service.depends_on.items() if terms.required and name in found), None)
        if service.unsupported and not observed.of(service.name):
            found[service.name] = _unsupported(service, Severity.WARNING)
        elif missing is not None:
            found[service.name] = Finding(
                Code.COMPOSE_KEY_UNSUPPORTED,
                f"{service.name} is left out",
                f"It depends on {missing}, which Stackdeck does not create.",
                Severity.WARNING,
                fixes=(_compose_instead(service.name),),
            )
    return found


def errors(project: ComposeProject, observed: Observed, services: tuple[Service, ...], pull: Pull) -> Iterator[Finding]:
    """Return what stands in the way of bringing up `services`."""
    for service in services:
        if service.unsupported and not observed.of(service.name):
            yield _unsupported(service, Severity.ERROR)
        elif pull is Pull.NEVER and service.image and service.image not in observed.images:
            yield image_missing(service.image, "It is not on this engine, and pulling is ruled out.")
    ours = tuple(service for service in services if not service.unsupported)
    yield from _networks(project, observed, ours)
    yield from _volumes(project, observed, ours)


def orphans(project: ComposeProject, observed: Observed) -> Iterator[Finding]:
    """Return a warning where the project has containers of services that the file no longer has, and they stay."""
    names = [container.name for container in orphaned(project, observed)]
    if names and project.orphans is Orphans.WARN:
        yield Finding(
            Code.CONTAINERS_ORPHANED,
            "Containers are left of services that the Compose file no longer has",
            f"{', '.join(names)}: nothing here touches them.",
            Severity.WARNING,
            fixes=(
                Fix("Remove them, without their volumes", "COMPOSE_REMOVE_ORPHANS=1 stackdeck up", destructive=True),
                Fix("Leave them, and be silent about it", "stackdeck env set COMPOSE_IGNORE_ORPHANS=1"),
            ),
        )


def outdated_volumes(project: ComposeProject, observed: Observed, services: tuple[Service, ...]) -> Iterator[Finding]:
    """Return a warning for each volume whose settings are no longer those of the file; it stays as it is."""
    for volume in _used_volumes(project, services):
        found = observed.volumes.get(volume.name)
        # Compose before 2.32 does not label a volume with its hash, and then nobody looks at its settings.
        if found is None or volume.external or found.config_hash in {None, volume_hash(volume)}:
            continue
        own = {name: value for name, value in found.labels.items() if not name.startswith(labels.PREFIX)}
        differences = (
            *changed("driver", found.driver, volume.driver or "local"),
            *changed_keys("driver_opts", found.options, volume.driver_opts),
            *changed_keys("labels", own, volume.labels),
        )
        yield Finding(
            Code.VOLUME_OUTDATED,
            f"The volume {volume.name} keeps its old settings",
            f"{'; '.join(differences) or 'The file says something else'}. "
            "A volume cannot be changed, and a new one would be empty.",
            Severity.WARNING,
            fixes=(
                Fix(
                    "Dump the database and remove the volume, then run `stackdeck up` and restore the dump",
                    "stackdeck down --volumes --dump FILE --yes",
                    destructive=True,
                ),
                Fix("Or write the old settings into the Compose file again"),
            ),
        )


def image_missing(reference: str, cause: str, evidence: str | None = None) -> Finding:
    """Return the finding of an image that is not on the engine."""
    return Finding(
        Code.IMAGE_MISSING,
        f"The image {reference} is missing",
        cause,
        evidence=evidence,
        fixes=(Fix("Pull it", f"docker pull {reference}"), Fix("Let `up` pull it", "stackdeck up --pull missing")),
    )


def _networks(project: ComposeProject, observed: Observed, services: tuple[Service, ...]) -> Iterator[Finding]:
    for network in (network for key, network in project.networks.items() if any(key in s.networks for s in services)):
        found = observed.networks.get(network.name)
        if network.external and found is None:
            yield Finding(
                Code.NETWORK_MISSING,
                f"The network {network.name} is missing",
                "The Compose file calls it external, so something else has to make it first.",
                fixes=(Fix("Create it", f"docker network create {network.name}"),),
            )
        elif found is not None and not network.external and (found.project, found.key) != (project.name, network.key):
            yield Finding(
                Code.NETWORK_FOREIGN,
                f"The network {network.name} is not this project's",
                f"It belongs to {f'the project {found.project}' if found.project else 'no Compose project'}. "
                "Compose refuses it too.",
                fixes=(
                    Fix("Say `external: true` for it in the Compose file, to share it"),
                    Fix("Remove it, if nothing needs it", f"docker network rm {network.name}", destructive=True),
                ),
            )


def _volumes(project: ComposeProject, observed: Observed, services: tuple[Service, ...]) -> Iterator[Finding]:
    for volume in _used_volumes(project, services):
        found = observed.volumes.get(volume.name)
        if volume.external and found is None:
            yield Finding(
                Code.VOLUME_MISSING,
                f"The volume {volume.name} is missing",
                "The Compose file calls it external, so something else has to make it first.",
                fixes=(Fix("Create it", f"docker volume create {volume.name}"),),
            )
        elif found is not None and not volume.external and found.project not in {None, project.name}:
            yield Finding(
                Code.VOLUME_FOREIGN,
                f"The volume {volume.name} belongs to the project {found.project}",
                "Two servers on one data directory destroy it, so it is not mounted here.",
                fixes=(
                    Fix("Give the volume another name in the Compose file, or the project another name"),
                    Fix("Say `external: true` for it in the Compose file, if it is meant to be shared"),
                ),
            )


def _used_volumes(project: ComposeProject, services: tuple[Service, ...]) -> Iterator[Volume]:
    used = {mount.source for service in services for mount in service.volumes if mount.type is MountType.VOLUME}
    return (volume for key, volume in project.volumes.items() if key in used)


def _unsupported(service: Service, severity: Severity) -> Finding:
    key = service.unsupported[0]
    others = [other.key for other in service.unsupported[1:]]
    more = f" It also uses {', '.join(others)}." if others else ""
    return Finding(
        Code.COMPOSE_KEY_UNSUPPORTED,
        f"{service.name} uses {key.key}, so Stackdeck does not create it",
        f"{key.position.file}:{key.position.line}: a container made without it would not be what the file says.{more} "
        "Once it exists, it can be watched, started and stopped here.",
        severity,
        fixes=(_compose_instead(service.name),),
    )


def _compose_instead(service: str) -> Fix:
    return Fix("Let Compose create it", f"docker compose up --detach {service}")
