"""Looking at an engine on a Unix socket: whatever answers there, or does not, is a finding or a refusal."""

import asyncio
import json

import pytest

from stack.findings import Code, Failure
from stack.services.engine.connection import Engine
from stack.services.engine.endpoint import Endpoint
from stack.services.engine.reader import Refusal, is_too_old

VERSION = {"Version": "28.1", "ApiVersion": "1.49"}


def answer(document, status="200 OK", head="", body=None) -> bytes:
    content = json.dumps(document).encode() if body is None else body
    return f"HTTP/1.1 {status}\r\n{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


@pytest.fixture
async def engine(tmp_path):
    """An engine that answers each request with the next of `replies`, on one connection; None is silence."""
    replies = []
    asked = []

    async def serve(reader, writer):
        try:
            while True:
                asked.append((await reader.readuntil(b"\r\n\r\n")).decode().split()[1])
                if (reply := replies.pop(0)) is None:
                    await reader.read()
                    break
                writer.write(reply)
                if b"Content-Length" not in reply:  # what is no whole answer ends with the connection
                    break
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    path = tmp_path / "engine.sock"
    async with await asyncio.start_unix_server(serve, str(path)):
        engine = Engine(Endpoint(f"unix://{path}", "a test"), {"HOME": str(tmp_path)}, seconds=1)
        yield engine, replies, asked


async def failure(engine) -> Failure:
    with pytest.raises(Failure) as caught:
        await engine.look(lambda reader: reader.engine_version())
    return caught.value


async def test_several_looks_take_one_connection(engine):
    engine, replies, asked = engine
    replies += [answer(VERSION), answer([]), answer({"Volumes": None})]

    def look(reader):
        return reader.engine_version(), reader.list_networks(), reader.list_volumes()

    assert await engine.look(look) == ("28.1", [], [])
    assert asked == ["/version", "/networks", "/volumes"]


async def test_another_make_says_so(engine):
    engine, replies, _ = engine
    replies.append(answer({**VERSION, "Version": "5.4", "Components": [{"Name": "Podman Engine"}]}))
    assert await engine.look(lambda reader: reader.engine_version()) == "Podman 5.4"


async def test_what_is_not_there_is_none_and_a_name_is_quoted(engine):
    engine, replies, asked = engine
    replies += [answer({"message": "no such container"}, "404 Not Found")] * 2
    assert await engine.look(lambda r: (r.find_container("a b/../c"), r.image("a/b:1"))) == (None, None)
    assert asked == ["/containers/a%20b%2F..%2Fc/json", "/images/a/b:1/json?manifests=1"]


@pytest.mark.parametrize("body", [b'{"message": "out of order"}', b"out of order\n"])
async def test_a_refusal_has_the_engines_words(engine, body):
    engine, replies, _ = engine
    replies.append(answer(None, "500 Internal Server Error", body=body))
    with pytest.raises(Refusal) as caught:
        await engine.look(lambda reader: reader.engine_version())
    assert (caught.value.status_code, caught.value.explanation) == (500, "out of order")


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (None, "in time"),
        (b"\x00\x01 what is this?\r\n\r\n", "as an engine does"),
        (answer(None, body=b"<html>"), "as an engine does"),
        (answer(VERSION)[:-4].replace(b"Content-Length", b"content-length"), "broke off"),
        (b"", "broke off"),
    ],
    ids=["silence", "noise", "no JSON", "half an answer", "a connection that is closed"],
)
async def test_what_is_no_answer_of_an_engine_is_an_unreachable_one(engine, reply, words):
    engine, replies, _ = engine
    replies.append(reply)
    found = (await failure(engine)).finding
    assert found.code is Code.ENGINE_UNREACHABLE
    assert words in found.cause


async def test_an_engine_that_is_too_old(engine):
    engine, replies, _ = engine
    replies.append(answer({"Version": "18.09"}, head="Api-Version: 1.39\r\n"))
    assert (await failure(engine)).finding.code is Code.ENGINE_TOO_OLD


@pytest.mark.parametrize(("version", "old"), [("1.40", True), ("1.41", False), ("1.100", False), ("2.0", False)])
def test_versions_are_compared_as_numbers(version, old):
    assert is_too_old(version) is old
