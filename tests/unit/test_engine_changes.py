"""Events change a snapshot by what they say, and ask for a look where they do not say enough; no others do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.services.control import Health, State
from stack.services.engine.changes import changes
from stack.services.engine.events import Event, Kind
from stack.services.engine.observe import Observed, ObservedContainer, ObservedImage

REFERENCES = ("postgres:16", "docker.io/library/redis", "ghcr.io/me/app:1")


def container(identity: str, state: State = State.RUNNING, service: str = "db") -> ObservedContainer:
    return ObservedContainer(identity, f"p-{service}-1", service, 1, "postgres:16", state, Health.STARTING)


HELD = Observed(
    containers=(container("a"), container("b", State.EXITED, "web")),
    images={"postgres:16": ObservedImage("sha256:1", "sha256:m")},
)


def of_container(action: str, identity: str = "a", **attributes: str) -> Event:
    return Event(Kind.CONTAINER, action, identity, attributes)


def told(*events: Event):
    return changes(HELD, events, REFERENCES)


@pytest.mark.parametrize(
    ("action", "attributes", "fields"),
    [
        ("health_status: healthy", {}, (State.RUNNING, Health.HEALTHY, "p-db-1")),
        ("health_status: unhealthy", {}, (State.RUNNING, Health.UNHEALTHY, "p-db-1")),
        ("pause", {}, (State.PAUSED, Health.NONE, "p-db-1")),
        ("rename", {"name": "other"}, (State.RUNNING, Health.STARTING, "other")),
    ],
)
def test_some_events_say_it_all(action, attributes, fields):
    found = told(of_container(action, **attributes))
    assert found.containers == frozenset()
    (changed,) = found.observed.of("db")
    assert (changed.state, changed.health, changed.name) == fields


@pytest.mark.parametrize(
    "action", ["create", "start", "die", "unpause", "rename", "health_status: ", "health_status: odd"]
)
def test_others_ask_for_one_look(action):
    assert told(of_container(action), of_container(action)).containers == {"a"}
    assert told(of_container(action)).observed == HELD


def test_what_is_gone_is_not_looked_at():
    found = told(of_container("die"), of_container("destroy"))
    assert found.containers == frozenset()
    assert [it.id for it in found.observed.containers] == ["b"]
    assert told(of_container("destroy", "a"), of_container("create", "a")).containers == {"a"}


def test_what_is_new_is_looked_at_whatever_is_said_of_it():
    assert told(of_container("health_status: healthy", "new")).containers == {"new"}
    # Its health counts only while it runs, and that it does is not known here.
    assert told(of_container("health_status: healthy", "b")).containers == {"b"}


@pytest.mark.parametrize(("identity", "looked_at"), [("a", {"a"}), ("b", set()), ("stranger", set())])
def test_networks_matter_to_what_runs(identity, looked_at):
    event = Event(Kind.NETWORK, "disconnect", "n", {"container": identity, "name": "p_default"})
    assert told(event).containers == looked_at


@pytest.mark.parametrize(
    ("action", "identity", "name", "images"),
    [
        ("tag", "sha256:9", "postgres:16", {"postgres:16"}),
        ("pull", "postgres:16", "postgres", {"postgres:16"}),
        ("pull", "redis:latest", "redis", {"docker.io/library/redis"}),
        ("tag", "sha256:9", "ghcr.io/me/app:1", {"ghcr.io/me/app:1"}),
        ("tag", "sha256:9", "ghcr.io/me/app:2", set()),
        ("untag", "sha256:1", "sha256:1", {"postgres:16"}),
        ("delete", "sha256:m", "sha256:m", {"postgres:16"}),
        ("delete", "sha256:7", "sha256:7", set()),
        ("load", "sha256:7", "sha256:7", set(REFERENCES)),
    ],
)
def test_images_are_looked_at_where_the_reference_may_have_moved(action, identity, name, images):
    assert told(Event(Kind.IMAGE, action, identity, {"name": name})).images == images


EVENTS = st.builds(
    Event,
    st.sampled_from(Kind),
    st.sampled_from(
        ["create", "start", "die", "destroy", "rename", "pause", "connect", "health_status: healthy", "tag"]
    ),
    st.sampled_from(["a", "b", "c", "sha256:1"]),
    st.dictionaries(st.sampled_from(["name", "container"]), st.sampled_from(["a", "b", "postgres:16", "p-db-2"])),
)


@given(st.lists(EVENTS, max_size=12), st.integers(0, 12))
def test_cutting_a_burst_in_two_is_the_same_for_who_looks_in_between(events, cut):
    whole = changes(HELD, events, REFERENCES)
    first = changes(HELD, events[:cut], REFERENCES)
    second = changes(first.observed, events[cut:], REFERENCES)
    assert second.images | first.images == whole.images
    # Nothing that the whole burst looks at is forgotten by the parts, and what was destroyed last is in neither.
    assert whole.containers <= first.containers | second.containers
    known = {it.id for it in whole.observed.containers}
    assert {it.id for it in second.observed.containers} == known
