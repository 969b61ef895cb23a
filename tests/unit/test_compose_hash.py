"""Every hash is the one that Compose itself writes, in each of its dialects."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

import pytest

from stack.services.compose.canonical_json import encode
from stack.services.compose.dialect import NEWEST, Dialect, dialect_of
from stack.services.compose.hash import (
    all_hashes,
    config_hash,
    network_hash,
    network_json,
    service_json,
    volume_hash,
)
from stack.services.compose.model import Network, Volume
from tests.support.compose import load


class Case(TypedDict):
    files: dict[str, str]
    canonical_newest: dict[str, str]
    hash: dict[str, dict[str, str]]


CASES: dict[str, Case] = json.loads((Path(__file__).parent / "data" / "compose_hash_vectors.json").read_text())["cases"]


def expected() -> Iterator[tuple[str, str, str, str]]:
    for name, case in CASES.items():
        for resource, hashes in case["hash"].items():
            for version, digest in hashes.items():
                yield name, resource, version, digest


@pytest.mark.parametrize(("name", "resource", "version", "digest"), list(expected()))
def test_golden_hashes(tmp_path: Path, name: str, resource: str, version: str, digest: str) -> None:
    compose = load(tmp_path, CASES[name]["files"], {"COMPOSE_PROFILES": "tools"})
    dialect = dialect_of(f"{version}.0" if version.count(".") == 1 else version)
    assert dialect is not None
    kind, key = resource.split(".")
    if kind == "services":
        assert config_hash(compose.services[key], dialect) == digest
    else:
        assert network_hash(compose.networks[key], dialect) == digest


@pytest.mark.parametrize("name", CASES)
def test_golden_texts(tmp_path: Path, name: str) -> None:
    compose = load(tmp_path, CASES[name]["files"], {"COMPOSE_PROFILES": "tools"})
    for resource, text in CASES[name]["canonical_newest"].items():
        kind, key = resource.split(".")
        if kind == "services":
            assert service_json(compose.services[key], NEWEST) == text
        else:
            assert network_json(compose.networks[key]) == text


def test_the_default_network_and_a_plain_volume() -> None:
    assert network_hash(Network("default", "p_default"), NEWEST) == (
        "cca2b3a66c94bd18c278d0ace2145197839f42c28f96dcd3878eeb5d03f53510"
    )
    assert network_hash(Network("default", "p_default"), Dialect.V2_24) is None
    assert volume_hash(Volume("data", "p_data")) == "bf2094b43d065b5f7aad7544497a3ed48d6551b83c79e6c2d0827b7337fcdd4b"


def test_a_postgres_service(tmp_path: Path) -> None:
    compose = load(
        tmp_path,
        {
            "compose.yaml": """
            name: p
            services:
              s:
                image: postgres:17-alpine
                environment: {POSTGRES_PASSWORD: secret}
                ports: ["127.0.0.1:5432:5432"]
                volumes: ["pgdata:/var/lib/postgresql/data"]
                healthcheck: {test: pg_isready -U app, interval: 5s, timeout: 3s, retries: 10}
            volumes: {pgdata: }
            """
        },
    )
    digest = "49e5a7094ef482f86bcd92e39e34338a84e3106e55942f022bb6477305c4b564"
    assert set(all_hashes(compose.services["s"]).values()) == {digest}


def test_bind_mounts_differ_between_dialects(tmp_path: Path) -> None:
    text = """
    name: p
    services:
      s:
        image: a:1
        volumes: ["./a:/b:ro", {type: bind, source: /x, target: /y, bind: {create_host_path: false}}]
    """
    service = load(tmp_path, {"compose.yaml": text}).services["s"]
    short, long = service_json(service, Dialect.V2_36).split('"volumes":')[1].split("},{")
    assert short.endswith('"read_only":true,"bind":{"create_host_path":true}')
    assert long == '"type":"bind","source":"/x","target":"/y","bind":{}}]}'
    short, long = service_json(service, Dialect.V5).split('"volumes":')[1].split("},{")
    assert short.endswith('"read_only":true,"bind":{}')
    assert long.endswith('"bind":{"create_host_path":false}}]}')


@pytest.mark.parametrize(
    ("version", "dialect"),
    [
        ("2.23.3", None),
        ("2.24.0", Dialect.V2_24),
        ("2.26.1", Dialect.V2_24),
        ("v2.29.2-desktop.1", Dialect.V2_24),
        ("2.29.3", Dialect.V2_29_3),
        ("2.33.1", Dialect.V2_30_3),
        ("2.40.3", Dialect.V2_36),
        ("5.5.0", Dialect.V5),
        ("7.0.0", Dialect.V5),
        ("unknown", None),
        ("", None),
    ],
)
def test_the_dialect_of_a_version(version: str, dialect: Dialect | None) -> None:
    assert dialect_of(version) is dialect


@pytest.mark.parametrize("dialect", Dialect)
def test_a_dialect_names_a_version_of_its_own(dialect: Dialect) -> None:
    assert dialect_of(dialect.version) is dialect


def test_texts_are_escaped_as_go_escapes_them() -> None:
    assert encode('<a & "b">\n\t\x01\x7f\u2028é') == ('"\\u003ca \\u0026 \\"b\\"\\u003e\\n\\t\\u0001\x7f\\u2028é"')
    assert [encode(number) for number in (0.1, 1.25, 2.0, 0.00001, 1e-7, 1e21, True, 7)] == [
        "0.1", "1.25", "2", "0.00001", "1e-7", "1e+21", "true", "7",
    ]  # fmt: skip


def test_a_hash_is_of_the_text(tmp_path: Path) -> None:
    service = load(tmp_path, CASES["min"]["files"]).services["s"]
    text = service_json(service, NEWEST)
    assert config_hash(service, NEWEST) == hashlib.sha256(text.encode()).hexdigest()
