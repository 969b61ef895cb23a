"""A plan says what data it loses, and says nothing where it loses none."""

from dataclasses import replace

import pytest

from stack.findings import Code, Failure, Loss
from stack.services.approval import lose_all, lose_nothing, lose_only, losses_of, losses_text
from stack.services.compose.model import Deploy, Mount, MountType
from stack.services.compose.orphans import Orphans, orphans_of
from stack.services.control import Action, PlanStep, Pull, State, Volumes
from stack.services.engine import plan as planning
from stack.services.engine.down import removals
from stack.services.engine.losses import losses
from stack.services.engine.observe import ObservedImage, ObservedMount, ObservedVolume, Recorded
from stack.services.engine.steps import describe
from tests.support.compose_model import IMAGE, database, holding, project, service, up_to_date, volume_mount

ANONYMOUS = "ab" * 32
DATA = "/var/lib/postgresql/data"
DB = database(5432)


def anonymous(target, read_only=False):
    return ObservedMount(target, ANONYMOUS, None, read_only=read_only)


def lost(compose, observed):
    plan = planning.make_plan(compose, observed, tuple(compose.services.values()), pull=Pull.MISSING, named=False)
    return [entry.what for entries in losses(compose, observed, plan.steps) for entry in entries]


def lost_by_recreating(it, changed, *mounts, declared=(), **fields):
    """What is lost where the container of `it`, with `mounts` besides its own, becomes one of `changed`."""
    compose = project(changed)
    made = up_to_date(project(it), it, config_hash="old", **fields)
    observed = holding(compose, replace(made, mounts=(*made.mounts, *mounts)))
    image = ObservedImage("sha256:1", volumes=frozenset(declared))
    return lost(compose, replace(observed, images={IMAGE: image}))


def test_a_recreate_that_keeps_its_volumes_loses_nothing():
    scratch = replace(DB, volumes=(*DB.volumes, volume_mount(None, "/scratch")))
    assert lost_by_recreating(DB, replace(DB, user="0")) == []
    assert lost_by_recreating(scratch, replace(scratch, user="0"), anonymous("/scratch")) == []
    assert lost_by_recreating(service(), service(user="0"), anonymous(DATA), declared=[DATA]) == []


def test_an_anonymous_volume_that_is_not_taken_over():
    (what,) = lost_by_recreating(service(), service(user="0"), anonymous(DATA))
    assert what.startswith(f"The anonymous volume at {DATA} of p-db-1 is not mounted again")


def test_an_anonymous_volume_that_a_named_one_takes_the_place_of():
    (what,) = lost_by_recreating(service(), DB, anonymous(DATA), declared=[DATA])
    assert "gives way to p_data" in what


def test_a_volume_under_another_name_begins_empty():
    changed = replace(DB, volumes=(volume_mount("other", DATA),))
    compose = project(changed)
    made = up_to_date(project(DB), DB, config_hash="old")
    observed = replace(holding(compose, made), volumes={"p_data": ObservedVolume("p_data", "p")})
    (what,) = lost(compose, observed)
    assert what.startswith(
        f"The volume p_data, mounted at {DATA} of p-db-1, gives way to p_other, which is new and empty"
    )


def test_a_volume_that_is_mounted_no_more_or_elsewhere():
    (gone,) = lost_by_recreating(DB, replace(DB, volumes=()))
    assert "is not mounted again" in gone
    (moved,) = lost_by_recreating(DB, replace(DB, volumes=(volume_mount("data", "/elsewhere"),)))
    assert moved.endswith("moves to /elsewhere")


def test_a_directory_counts_where_the_image_keeps_data():
    def bound(source, target):
        return service(volumes=(Mount(MountType.BIND, target, source),))

    seen = ObservedMount(DATA, None, "/host_mnt/srv/one", read_only=False)
    assert lost_by_recreating(bound("/srv/one", DATA), bound("/srv/one", DATA), seen, declared=[DATA]) == []
    (what,) = lost_by_recreating(bound("/srv/one", DATA), bound("/srv/two", DATA), seen, declared=[DATA])
    assert "gives way to /srv/two" in what
    config = ObservedMount("/conf", None, "/srv/one", read_only=False)
    assert lost_by_recreating(bound("/srv/one", "/conf"), bound("/srv/two", "/conf"), config) == []


def test_what_is_read_only_or_was_never_used_is_no_data():
    assert lost_by_recreating(service(), service(user="0"), anonymous("/x", read_only=True)) == []
    assert lost_by_recreating(service(), service(user="0"), anonymous("/x"), state=State.CREATED) == []


def test_a_server_that_is_told_to_look_elsewhere_for_its_data():
    recorded = Recorded("a" * 64, {"Env": [f"PGDATA={DATA}"]}, {}, {})
    moved = replace(DB, environment={**DB.environment, "PGDATA": f"{DATA}/inner"})
    (what,) = lost_by_recreating(DB, moved, recorded=recorded)
    assert what == f"The data directory of p-db-1 moves from {DATA} to {DATA}/inner, where it begins empty"


def test_a_container_too_many_leaves_its_anonymous_volume_behind():
    one = service(deploy=Deploy(replicas=1))
    compose = project(one)
    extra = up_to_date(compose, one, 2, "2" * 64, mounts=(anonymous(DATA),))
    (what,) = lost(compose, holding(compose, up_to_date(compose, one), extra))
    assert what.startswith(f"The anonymous volume at {DATA} of p-db-2")


def test_a_volume_that_another_container_has_too_is_not_lost():
    one = service(deploy=Deploy(replicas=1))
    compose = project(one)
    both = (up_to_date(compose, one, n, str(n) * 64, mounts=(anonymous(DATA),)) for n in (1, 2))
    assert lost(compose, holding(compose, *both)) == []


def test_orphans_are_removed_where_that_is_asked_for_and_lose_what_only_they_had():
    compose = project(DB)
    stray = up_to_date(compose, service("gone"), identity="d" * 64)
    stray = replace(stray, mounts=(ObservedMount("/d", "p_gone", None, read_only=False),))
    observed = holding(compose, up_to_date(compose, DB), stray)
    assert lost(compose, observed) == []
    removing = replace(compose, orphans=Orphans.REMOVE)
    (what,) = lost(removing, observed)
    assert what.startswith("Only p-gone-1 uses the volume p_gone")
    plan = planning.make_plan(replace(compose, orphans=Orphans.IGNORE), observed, (DB,), pull=Pull.MISSING, named=False)
    assert not plan.findings


@pytest.mark.parametrize(
    ("shell", "env_file", "expected"),
    [
        ({}, {}, Orphans.WARN),
        ({"COMPOSE_REMOVE_ORPHANS": "1"}, {}, Orphans.REMOVE),
        ({"COMPOSE_REMOVE_ORPHANS": "no"}, {}, Orphans.WARN),
        ({}, {"COMPOSE_REMOVE_ORPHANS": "1"}, Orphans.WARN),
        ({}, {"COMPOSE_IGNORE_ORPHANS": "True"}, Orphans.IGNORE),
        ({"COMPOSE_IGNORE_ORPHANS": "0"}, {"COMPOSE_IGNORE_ORPHANS": "1"}, Orphans.WARN),
        ({"COMPOSE_REMOVE_ORPHANS": "1", "COMPOSE_IGNORE_ORPHANS": "1"}, {}, Orphans.IGNORE),
    ],
)
def test_who_may_ask_for_what_with_orphans(shell, env_file, expected):
    assert orphans_of(shell, env_file) is expected


@pytest.mark.parametrize("volumes", Volumes)
def test_down_names_what_it_deletes_or_leaves(volumes):
    compose = project(DB)
    made = up_to_date(compose, DB)
    observed = holding(compose, replace(made, mounts=(*made.mounts, anonymous("/scratch"))))
    steps = removals(compose, observed, volumes)
    found = [entry.what for entries in losses(compose, observed, steps) for entry in entries]
    kept = ["The anonymous volume at /scratch of p-db-1 belongs to nothing then: it stays behind, and nothing uses it"]
    deleted = [
        "The anonymous volume at /scratch of p-db-1 is deleted",
        f"The volume p_data, in which p-db-1 keeps {DATA}, is deleted",
    ]
    assert found == (deleted if volumes is Volumes.REMOVE else kept)
    resources = ["container p-db-1", "network p_default", *(["volume p_data"] if volumes is Volumes.REMOVE else [])]
    assert [describe(step).resource for step in steps] == resources


class TestApproval:
    plan = (
        PlanStep(Action.RECREATED, "container a", "x", (Loss("One is gone", 1_500_000), Loss("Two is gone", None))),
        PlanStep(Action.KEPT, "container b", "y"),
    )

    async def test_without_consent_nothing_may_be_lost(self):
        await lose_nothing(self.plan[1:])
        with pytest.raises(Failure) as caught:
            await lose_nothing(self.plan)
        finding = caught.value.finding
        assert finding.code is Code.CONFIRMATION_NEEDED
        assert "One is gone (1.5 MB). Two is gone." in finding.cause
        assert any("--dump" in (fix.command or "") for fix in finding.fixes)

    async def test_consent_is_for_what_was_shown(self):
        await lose_all(self.plan)
        await lose_only(self.plan)(self.plan)
        with pytest.raises(Failure):
            await lose_only(self.plan[1:])(self.plan)

    def test_nothing_lost_is_nothing_said(self):
        assert losses_text(losses_of(self.plan[1:])) == ""
