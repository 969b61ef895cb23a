"""`up` does exactly what is needed: a project that is as its file says is kept, and every change has its cause."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stack.findings import Code, Severity
from stack.services.compose.dialect import Dialect
from stack.services.compose.hash import config_hash
from stack.services.compose.model import Deploy, Position, UnsupportedKey, Volume
from stack.services.control import Action, Pull, State
from stack.services.engine import plan as planning
from stack.services.engine.observe import NOTHING, Observed, ObservedImage, ObservedMount, ObservedNetwork
from stack.services.engine.observe import ObservedVolume as Held
from stack.services.engine.selection import with_dependencies
from stack.services.engine.steps import FinishRecreate, RecreateContainer, RemoveContainer, describe
from tests.support.compose_model import (
    IMAGE,
    after,
    applied,
    database,
    holding,
    project,
    pulled,
    service,
    up_to_date,
    volume_mount,
)

DB = database(5432)


def make(compose, observed, *, names=(), pull=Pull.MISSING):
    return planning.make_plan(compose, observed, with_dependencies(compose, names), pull=pull, named=bool(names))


def told(plan):
    return [(step.action, step.resource) for step in map(describe, plan.steps)]


def test_an_empty_engine_gets_everything_in_order():
    compose = project(service("web", depends_on=after("db")), DB)
    assert told(make(compose, NOTHING)) == [
        (Action.PULLED, f"image {IMAGE}"),
        (Action.CREATED, "network p_default"),
        (Action.CREATED, "volume p_data"),
        (Action.CREATED, "container p-db-1"),
        (Action.CREATED, "container p-web-1"),
    ]


@pytest.mark.parametrize("dialect", Dialect)
def test_what_any_compose_made_is_kept(dialect):
    compose = project(DB)
    made = up_to_date(compose, DB, config_hash=config_hash(DB, dialect))
    assert told(make(compose, holding(compose, made))) == [(Action.KEPT, "container p-db-1")]


@pytest.mark.parametrize(
    ("state", "action"),
    [
        (State.CREATED, Action.STARTED),
        (State.EXITED, Action.STARTED),
        (State.PAUSED, Action.STARTED),
        (State.RUNNING, Action.KEPT),
        (State.RESTARTING, Action.KEPT),
        (State.DEAD, Action.RECREATED),
    ],
)
def test_a_container_is_started_and_not_made_anew(state, action):
    compose = project(DB)
    assert told(make(compose, holding(compose, up_to_date(compose, DB, state=state)))) == [(action, "container p-db-1")]


@pytest.mark.parametrize(
    ("fields", "cause"),
    [
        ({"image_label": "sha256:old"}, "image: the tag now points elsewhere"),
        ({"networks": frozenset()}, "networks: it is not on p_default"),
        ({"mounts": ()}, "volumes: p_data is not mounted"),
        ({"config_hash": "other"}, "something of which the engine keeps no record"),
    ],
)
def test_each_reason_to_recreate_is_said(fields, cause):
    compose = project(DB)
    (step,) = make(compose, holding(compose, up_to_date(compose, DB, **fields))).steps
    assert isinstance(step, RecreateContainer)
    assert step.cause.startswith(cause)


def test_a_container_of_an_image_that_is_gone_is_kept_until_the_pull_says_otherwise():
    compose = project(DB)
    observed = replace(holding(compose, up_to_date(compose, DB)), images={})
    assert told(make(compose, observed)) == [(Action.PULLED, f"image {IMAGE}"), (Action.KEPT, "container p-db-1")]


def test_the_manifest_of_an_image_is_its_identity_too():
    compose = project(DB)
    observed = holding(compose, up_to_date(compose, DB, image_label="sha256:manifest"))
    observed = replace(observed, images={IMAGE: ObservedImage("sha256:index", "sha256:manifest")})
    assert told(make(compose, observed)) == [(Action.KEPT, "container p-db-1")]


def test_never_pulling_a_missing_image_is_refused_before_anything_is_touched():
    plan = make(project(DB), NOTHING, pull=Pull.NEVER)
    assert [finding.code for finding in plan.errors] == [Code.IMAGE_MISSING]


def test_the_file_itself_can_ask_to_pull_every_time():
    compose = project(replace(DB, pull_policy="always"))
    assert (Action.PULLED, f"image {IMAGE}") in told(make(compose, holding(compose, up_to_date(compose, DB))))


class TestInterruptedRecreates:
    old = "0123456789ab" + "0" * 52
    compose = project(DB)

    def leftover(self, **fields):
        return up_to_date(
            self.compose,
            DB,
            identity="b" * 64,
            name="0123456789ab_p-db-1",
            replaces="db-1",
            state=State.CREATED,
            **fields,
        )

    def test_the_new_container_takes_the_place_of_the_old(self):
        old = up_to_date(self.compose, DB, identity=self.old, config_hash="old")
        (step,) = make(self.compose, holding(self.compose, old, self.leftover())).steps
        assert isinstance(step, FinishRecreate)
        assert (step.replacement.id, step.predecessor, step.name) == ("b" * 64, old, "p-db-1")

    def test_the_old_one_is_gone_already(self):
        (step,) = make(self.compose, holding(self.compose, self.leftover())).steps
        assert isinstance(step, FinishRecreate)
        assert step.predecessor is None

    def test_the_file_has_changed_once_more(self):
        old = up_to_date(self.compose, DB, identity=self.old, config_hash="old")
        steps = make(self.compose, holding(self.compose, old, self.leftover(config_hash="between"))).steps
        assert [type(step) for step in steps] == [RemoveContainer, RecreateContainer]

    def test_a_changed_leftover_that_is_alone_is_what_gets_recreated(self):
        (step,) = make(self.compose, holding(self.compose, self.leftover(config_hash="between"))).steps
        assert isinstance(step, RecreateContainer)
        assert step.name == "p-db-1"


def test_containers_too_many_go_those_out_of_date_first():
    compose = project(DB)
    first = up_to_date(compose, DB, 1, "1" * 64, config_hash="old")
    second = up_to_date(compose, DB, 2, "2" * 64)
    third = up_to_date(compose, DB, 3, "3" * 64)
    plan = make(compose, holding(compose, first, second, third))
    assert set(told(plan)) == {
        (Action.REMOVED, "container p-db-1"),
        (Action.REMOVED, "container p-db-3"),
        (Action.KEPT, "container p-db-2"),
    }


def test_a_dependent_restarts_with_what_is_recreated_under_it():
    web = service("web", depends_on=after("db", restart=True))
    compose = project(web, DB)
    db, running = up_to_date(compose, DB, config_hash="old"), up_to_date(compose, web, identity="c" * 64)
    recreate, start = make(compose, holding(compose, db, running)).steps
    assert isinstance(recreate, RecreateContainer)
    assert recreate.dependents == (running,)
    assert (describe(start).action, start.cause) == (Action.STARTED, "it restarts with db")


def test_a_network_with_other_settings_is_made_anew_and_its_containers_with_it():
    compose = project(DB)
    observed = holding(compose, up_to_date(compose, DB))
    network = ObservedNetwork("n", "p_default", "p", "default", config_hash="other")
    plan = make(compose, replace(observed, networks={"p_default": network}))
    assert told(plan) == [(Action.RECREATED, "network p_default"), (Action.RECREATED, "container p-db-1")]


class TestRefusals:
    def test_a_volume_of_another_project(self):
        compose = project(DB)
        observed = replace(holding(compose), volumes={"p_data": Held("p_data", "other")})
        assert [finding.code for finding in make(compose, observed).errors] == [Code.VOLUME_FOREIGN]

    def test_a_network_that_no_compose_made(self):
        compose = project(DB)
        observed = replace(holding(compose), networks={"p_default": ObservedNetwork("n", "p_default")})
        assert [finding.code for finding in make(compose, observed).errors] == [Code.NETWORK_FOREIGN]

    def test_an_external_volume_that_is_not_there(self):
        compose = replace(project(DB), volumes={"data": Volume("data", "theirs", external=True)})
        plan = make(compose, replace(holding(compose), volumes={}))
        assert [finding.code for finding in plan.errors] == [Code.VOLUME_MISSING]

    odd = service("odd", unsupported=(UnsupportedKey("build", Position(Path("/srv/p/compose.yaml"), 7, 5)),))
    compose = project(odd, service("needy", depends_on=after("odd")), DB)

    def test_a_service_with_unsupported_keys_is_left_out_with_what_needs_it(self):
        plan = make(self.compose, holding(self.compose))
        assert told(plan) == [(Action.CREATED, "container p-db-1")]
        assert plan.left_out == ("odd", "needy")
        assert {finding.severity for finding in plan.findings} == {Severity.WARNING}
        assert "compose.yaml:7" in plan.findings[0].cause

    def test_asked_for_by_name_it_is_an_error(self):
        plan = make(self.compose, holding(self.compose), names=["needy"])
        assert [finding.code for finding in plan.errors] == [Code.COMPOSE_KEY_UNSUPPORTED]

    def test_once_it_exists_it_is_started_and_never_recreated(self):
        made = up_to_date(self.compose, self.odd, config_hash="whatever", state=State.EXITED)
        assert told(make(self.compose, holding(self.compose, made), names=["odd"])) == [
            (Action.STARTED, "container p-odd-1")
        ]

    def test_orphans_are_named_and_left_alone(self):
        compose = project(DB)
        stray = up_to_date(compose, service("gone"), identity="d" * 64)
        plan = make(compose, holding(compose, up_to_date(compose, DB), stray))
        assert told(plan) == [(Action.KEPT, "container p-db-1")]
        assert [finding.code for finding in plan.findings] == [Code.CONTAINERS_ORPHANED]


def test_anonymous_volumes_are_inherited_where_image_or_service_declare_them():
    it = service(volumes=(volume_mount(None, "/scratch"), volume_mount("data", "/data")))
    compose = project(it)
    container = up_to_date(compose, it).mounts
    mounts = (
        *container,
        ObservedMount("/scratch", "a1", None, read_only=False),
        ObservedMount("/declared", "a2", None, read_only=False),
        ObservedMount("/elsewhere", "a3", None, read_only=False),
    )
    observed = replace(
        holding(compose), images={IMAGE: ObservedImage("sha256:1", volumes=frozenset({"/declared", "/data"}))}
    )
    inherited = planning.inherited_mounts(compose, observed, it, up_to_date(compose, it, mounts=mounts))
    assert [mount.volume for mount in inherited] == ["a1", "a2"]


@st.composite
def situations(draw):
    """A project of some services, and an engine in any state that earlier and interrupted runs may have left."""
    names = draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=4, unique=True))
    services = []
    for index, name in enumerate(names):
        needed = draw(st.lists(st.sampled_from(names[:index]), unique=True)) if index else []
        services.append(
            service(
                name,
                depends_on=after(*needed, restart=draw(st.booleans())),
                volumes=(volume_mount(name, "/data"),) if draw(st.booleans()) else (),
                deploy=draw(st.sampled_from([None, Deploy(replicas=2), Deploy(replicas=0)])),
            )
        )
    compose = project(*services)
    everything = holding(compose)
    containers = []
    for it in services:
        for number in range(1, draw(st.integers(0, 3)) + 1):
            identity = f"{len(containers) + 1:012x}".ljust(64, "0")
            stale = draw(st.sampled_from([{}, {"config_hash": "old"}, {"image_label": None}, {"mounts": ()}]))
            state = draw(st.sampled_from([State.RUNNING, State.CREATED, State.EXITED, State.PAUSED, State.DEAD]))
            container = up_to_date(compose, it, number, identity, state=state, **stale)
            containers.append(container)
            if draw(st.booleans()):
                containers.append(
                    up_to_date(
                        compose,
                        it,
                        number,
                        f"e{len(containers):011x}".ljust(64, "0"),
                        name=f"{identity[:12]}_{container.name}",
                        replaces="x",
                        state=State.CREATED,
                        config_hash=draw(st.sampled_from(["between", container.config_hash])),
                    )
                )
                if draw(st.booleans()):
                    containers.remove(container)
    present = {key: value for key, value in everything.networks.items() if draw(st.booleans())}
    volumes = {key: value for key, value in everything.volumes.items() if draw(st.booleans())}
    images = everything.images if draw(st.booleans()) else {}
    return compose, Observed(tuple(containers), present, volumes, images)


@settings(deadline=None)
@given(situations())
def test_what_a_plan_makes_is_kept_by_the_next(situation):
    compose, observed = situation
    observed = pulled(observed, make(compose, observed))
    plan = make(compose, observed)
    assert not plan.errors
    after_it = applied(compose, observed, plan)
    again = make(compose, after_it)
    assert {action for action, _ in told(again)} <= {Action.KEPT}
    names = [container.name for container in after_it.containers]
    assert len(set(names)) == len(names)
    for it in compose.services.values():
        assert len(after_it.of(it.name)) == planning.replicas(it)


@settings(deadline=None)
@given(situations())
def test_dependencies_come_before_what_depends_on_them(situation):
    compose, observed = situation
    order = [it.name for it in make(compose, observed).services]
    for it in compose.services.values():
        assert all(order.index(name) < order.index(it.name) for name in it.depends_on)


@settings(deadline=None)
@given(situations())
def test_no_container_is_handled_twice(situation):
    compose, observed = situation
    resources = [resource for _, resource in told(make(compose, observed))]
    assert len(set(resources)) == len(resources)
