"""A pull tells how far it is, and why it failed with what to do about it."""

import pytest

from stack.findings import Code
from stack.services.engine.pull import Layers, pull_failed


def test_layers_add_up():
    layers = Layers("postgres:16")
    for message in [
        {"status": "Pulling from library/postgres", "id": "16"},
        {"status": "Pulling fs layer", "id": "a"},
        {"status": "Pulling fs layer", "id": "b"},
        {"status": "Already exists", "id": "c"},
        {"status": "Downloading", "id": "a", "progressDetail": {"current": 1_000_000, "total": 4_000_000}},
        {"status": "Downloading", "id": "b", "progressDetail": {"current": 500_000, "total": 1_000_000}},
    ]:
        layers.take(message)
    assert layers.line == "Pulling postgres:16: 1 of 3 layers, 1.5 of 5.0 MB"
    for message in [
        {"status": "Download complete", "id": "a"},
        {"status": "Extracting", "id": "b", "progressDetail": {"current": 1, "total": 1_000_000}},
        {"status": "Pull complete", "id": "b"},
    ]:
        layers.take(message)
    assert layers.line == "Pulling postgres:16: 2 of 3 layers, 5.0 of 5.0 MB"


@pytest.mark.parametrize(
    ("words", "code", "command"),
    [
        ("manifest for postgres:99 not found: manifest unknown", Code.IMAGE_PULL_FAILED, None),
        ("pull access denied for nope, repository does not exist", Code.IMAGE_PULL_FAILED, "docker login"),
        ("toomanyrequests: You have reached your pull rate limit", Code.IMAGE_PULL_FAILED, "docker login"),
        ("Get https://registry-1.docker.io/v2/: dial tcp: no such host", Code.IMAGE_PULL_FAILED, "stackdeck up"),
        ("write /var/lib/docker/tmp/x: no space left on device", Code.ENGINE_DISK_FULL, "docker system df"),
    ],
)
def test_each_failure_has_its_fix(words, code, command):
    finding = pull_failed("postgres:99", words).finding
    assert finding.code is code
    assert finding.fixes[0].command == command
    assert finding.evidence == words
