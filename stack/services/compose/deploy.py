"""``deploy:`` of a service."""

from typing import Final

from stack.services.compose.model import Deploy, Placement, Resources, RestartPolicy, UpdateConfig
from stack.services.compose.nodes import ScalarNode
from stack.services.compose.reading import Cursor, Fields

_KNOWN: Final = (
    "mode",
    "labels",
    "update_config",
    "rollback_config",
    "placement",
    "resources",
    "restart_policy",
    "endpoint_mode",
    "replicas",
)


def read_deploy(cursor: Cursor) -> Deploy | None:
    """Read ``deploy:``, which Compose allows to be empty.

    Raises:
        InvalidNode: a value is not what Compose's schema wants there.
    """
    if isinstance(cursor.node, ScalarNode) and cursor.node.value is None:
        return None
    fields = cursor.fields(_KNOWN)
    halves = fields.get("resources", lambda resources: resources.fields(("limits", "reservations"))) or Fields({})
    return Deploy(
        mode=fields.get("mode", Cursor.text) or None,
        labels=fields.mapping("labels", Cursor.labels),
        update_config=fields.get("update_config", _update_config),
        rollback_config=fields.get("rollback_config", _update_config),
        placement=fields.get("placement", _placement),
        limits=halves.get("limits", _limits),
        reservations=halves.get("reservations", _reservations),
        restart_policy=fields.get("restart_policy", _restart_policy),
        endpoint_mode=fields.get("endpoint_mode", Cursor.text) or None,
        replicas=fields.get("replicas", Cursor.integer),
    )


def _limits(cursor: Cursor) -> Resources:
    return _resources(cursor.fields(("cpus", "memory", "pids")))


def _reservations(cursor: Cursor) -> Resources:
    return _resources(cursor.fields(("cpus", "memory"), ("devices", "generic_resources")))


def _resources(fields: Fields) -> Resources:
    return Resources(
        cpus=fields.get("cpus", Cursor.number) or None,
        memory=fields.get("memory", Cursor.size_text) or None,
        pids=fields.get("pids", Cursor.integer) or None,
    )


def _restart_policy(cursor: Cursor) -> RestartPolicy:
    fields = cursor.fields(RestartPolicy.__slots__)
    return RestartPolicy(
        condition=fields.get("condition", Cursor.text) or None,
        delay=fields.get("delay", Cursor.duration),
        max_attempts=fields.get("max_attempts", Cursor.natural),
        window=fields.get("window", Cursor.duration),
    )


def _update_config(cursor: Cursor) -> UpdateConfig:
    fields = cursor.fields(UpdateConfig.__slots__)
    return UpdateConfig(
        parallelism=fields.get("parallelism", Cursor.natural),
        delay=fields.get("delay", Cursor.duration),
        failure_action=fields.get("failure_action", Cursor.text) or None,
        monitor=fields.get("monitor", Cursor.duration),
        max_failure_ratio=fields.get("max_failure_ratio", Cursor.number) or None,
        order=fields.get("order", Cursor.text) or None,
    )


def _placement(cursor: Cursor) -> Placement:
    fields = cursor.fields(Placement.__slots__)
    return Placement(
        constraints=fields.many("constraints", Cursor.texts),
        preferences=fields.many("preferences", _preferences),
        max_replicas_per_node=fields.get("max_replicas_per_node", Cursor.natural) or None,
    )


def _preferences(cursor: Cursor) -> tuple[str, ...]:
    return tuple(item.fields(("spread",)).get("spread", Cursor.text) or "" for item in cursor.items())
