"""`up` of some services is about them and what they need, in an order in which they can start."""

import pytest

from stack.findings import Code, Failure
from stack.services.compose.model import Dependency
from stack.services.engine.selection import every_service, named, with_dependencies
from tests.support.compose_model import after, project, service

COMPOSE = project(
    service("web", depends_on=after("api")),
    service("api", depends_on=after("db")),
    service("db"),
    service("cache"),
    disabled=[
        service("pgadmin", profiles=("tools",), depends_on=after("db", "proxy")),
        service("proxy", profiles=("tools", "edge")),
        service("debug", profiles=("debug",), depends_on=after("proxy")),
    ],
)


def names(services):
    return [it.name for it in services]


def test_without_names_it_is_all_that_is_enabled():
    order = names(with_dependencies(COMPOSE, []))
    assert set(order) == {"web", "api", "db", "cache"}
    assert order.index("db") < order.index("api") < order.index("web")


def test_names_bring_what_they_need_and_nothing_else():
    assert names(with_dependencies(COMPOSE, ["api"])) == ["db", "api"]


def test_naming_a_service_enables_it_and_its_profile():
    assert set(names(with_dependencies(COMPOSE, ["pgadmin"]))) == {"db", "proxy", "pgadmin"}


def test_a_dependency_under_another_profile_is_an_error_as_in_compose():
    with pytest.raises(Failure) as caught:
        with_dependencies(COMPOSE, ["debug"])
    assert "proxy" in caught.value.finding.title


def test_an_optional_dependency_that_is_not_enabled_is_left_out():
    compose = project(
        service("web", depends_on={"extra": Dependency(required=False)}), disabled=[service("extra", profiles=("x",))]
    )
    assert names(with_dependencies(compose, [])) == ["web"]


def test_an_optional_dependency_counts_only_where_it_is_among_those_that_start_as_in_compose():
    web = service("web", depends_on={"db": Dependency(), "extra": Dependency(required=False)})
    compose = project(web, service("db"), disabled=[service("extra", profiles=("x",))])
    for chosen in (with_dependencies(compose, []), with_dependencies(compose, ["web"])):
        assert list(chosen[-1].depends_on) == ["db"]
    assert list(every_service(compose)["web"].depends_on) == ["db"]
    assert list(with_dependencies(compose, ["web", "extra"])[-1].depends_on) == ["db", "extra"]


def test_an_unknown_name_says_what_was_meant():
    with pytest.raises(Failure) as caught:
        named(COMPOSE, ["pgadmim"])
    assert caught.value.finding.code is Code.SERVICE_UNKNOWN
    assert caught.value.finding.fixes[0].title == "Did you mean pgadmin?"


def test_a_circle_is_an_error_that_shows_it():
    with pytest.raises(Failure) as caught:
        with_dependencies(project(service("a", depends_on=after("b")), service("b", depends_on=after("a"))), [])
    assert caught.value.finding.code is Code.COMPOSE_FILE_INVALID
    assert "a → b" in caught.value.finding.cause
