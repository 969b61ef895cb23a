"""Published ports become addresses that a browser can open, and pgAdmin is found by its image and by its answer."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.services.control import EngineStatus, Health, ServiceStatus, State
from stack.services.web import is_pgadmin, pings, web_addresses

HERE = "unix:///var/run/docker.sock"


def addresses(*ports, endpoint=HERE, state=State.RUNNING):
    service = ServiceStatus("web", "p-web-1", "nginx", state, Health.NONE, ports)
    return web_addresses(service, EngineStatus(True, endpoint, "a test", "28"))


@pytest.mark.parametrize(
    ("port", "address"),
    [
        ("127.0.0.1:5050->5050/tcp", "http://127.0.0.1:5050"),
        ("127.0.0.1:8080->80/tcp", "http://127.0.0.1:8080"),
        ("0.0.0.0:8080->80/tcp", "http://localhost:8080"),
        ("[::]:8080->80/tcp", "http://localhost:8080"),
        ("[::1]:8080->80/tcp", "http://[::1]:8080"),
        ("192.168.1.5:8080->80/tcp", "http://192.168.1.5:8080"),
        ("127.0.0.1:5051->443/tcp", "https://127.0.0.1:5051"),
    ],
)
def test_where_a_browser_finds_it(port, address):
    assert addresses(port) == (address,)


@pytest.mark.parametrize(
    "port", ["127.0.0.1:15432->5432/tcp", "0.0.0.0:6379->6379/tcp", "0.0.0.0:80->80/udp", "80/tcp"]
)
def test_what_no_browser_opens(port):
    assert addresses(port) == ()


def test_both_families_are_one_address_and_nothing_runs_without_a_container():
    both = ("0.0.0.0:8080->80/tcp", "[::]:8080->80/tcp")
    assert addresses(*both) == ("http://localhost:8080",)
    assert addresses(*both, state=State.EXITED) == ()


@pytest.mark.parametrize(
    ("endpoint", "everywhere", "loopback"),
    [
        ("tcp://10.0.0.9:2376", ("http://10.0.0.9:80",), ()),
        ("ssh://me@build.example.com", ("http://build.example.com:80",), ()),
        ("tcp://[fd00::9]:2376", ("http://[fd00::9]:80",), ()),
        ("tcp://localhost:2375", ("http://localhost:80",), ("http://127.0.0.1:80",)),
        (None, ("http://localhost:80",), ("http://127.0.0.1:80",)),
    ],
)
def test_the_ports_of_an_engine_elsewhere_are_not_this_machines(endpoint, everywhere, loopback):
    assert addresses("0.0.0.0:80->80/tcp", endpoint=endpoint) == everywhere
    assert addresses("127.0.0.1:80->80/tcp", endpoint=endpoint) == loopback


@given(st.text(max_size=40))
def test_no_port_text_is_taken_for_what_it_is_not(text):
    assert all(address.startswith(("http://", "https://")) for address in addresses(text))


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("dpage/pgadmin4:9", True),
        ("dpage/pgadmin4", True),
        ("registry.example.com:5000/dpage/pgadmin4@sha256:0", True),
        ("postgres:16-alpine", False),
        ("me/pgadmin4-theme:1", False),
        (None, False),
    ],
)
def test_pgadmin_is_known_by_its_image(image, expected):
    assert is_pgadmin(ServiceStatus("x", None, image, State.ABSENT, Health.NONE)) is expected


async def answered(reply: bytes | None) -> bool:
    """What is said of a server that answers every request with `reply`, or never."""
    asked = []
    done = asyncio.Event()

    async def handle(reader, writer):
        asked.append(await reader.readline())
        if reply is None:
            await done.wait()
        else:
            writer.write(reply)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        answer = await pings(f"http://127.0.0.1:{port}")
        done.set()
        await asyncio.sleep(0)
    assert asked == [b"GET /misc/ping HTTP/1.0\r\n"]
    return answer


async def test_it_answers_or_not_yet():
    assert await answered(b"HTTP/1.1 200 OK\r\n\r\nPING")
    assert not await answered(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
    assert not await answered(b"")


async def test_who_never_answers_is_given_a_second():
    async with asyncio.timeout(30):
        assert not await answered(None)


async def test_nobody_there_does_not_answer():
    assert not await pings("http://127.0.0.1:1")
    assert not await pings("http://localhost:99999")
