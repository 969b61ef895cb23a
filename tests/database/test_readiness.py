"""A server that answers is known to without its driver; whatever else there is, is left to those who can explain it."""

from dataclasses import replace

import pytest

from stack.database.readiness import answers_now
from stack.text import SecretStr
from tests.support.engine import free_port
from tests.support.wire import answering, refusal


async def test_a_database_that_answers(database):
    assert await answers_now(database)
    assert await answers_now(replace(database, host="localhost"))


@pytest.mark.parametrize("mode", ["disable", "prefer"])
async def test_with_a_mode_that_is_no_obstacle(database, mode):
    assert await answers_now(replace(database, options=(("sslmode", mode),)))


@pytest.mark.parametrize("mode", ["require", "verify-full"])
async def test_with_one_that_is(database, mode):
    assert not await answers_now(replace(database, options=(("sslmode", mode),)))


async def test_a_log_in_that_is_refused(database):
    assert not await answers_now(replace(database, password=SecretStr("wrong")))
    assert not await answers_now(replace(database, database="nowhere"))
    assert not await answers_now(replace(database, user="nobody"))


async def test_no_server(database):
    assert not await answers_now(replace(database, port=free_port()))
    assert not await answers_now(replace(database, host="no.such.invalid"))


@pytest.mark.parametrize("reply", [refusal("57P03", "starting up"), b"HTTP/1.1 400 Bad Request\r\n\r\n", b""])
async def test_what_answers_something_else(database, reply):
    async with answering([reply]) as port:
        assert not await answers_now(replace(database, port=port, options=(("sslmode", "disable"),)))
