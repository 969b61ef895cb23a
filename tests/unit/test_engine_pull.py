"""A pull tells how far it is, and why it failed with what to do about it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.findings import Code, Gauge, Unit
from stack.services.engine.layers import Layers
from stack.services.engine.pull_errors import pull_failed


def downloading(name, current, total):
    return {"status": "Downloading", "id": name, "progressDetail": {"current": current, "total": total}}


def told(layers, *messages, now=0.0):
    for message in messages:
        layers.take(message)
    return layers.report(now)


def test_layers_add_up():
    layers = Layers(["postgres:16"])
    line, gauges = told(
        layers,
        {"status": "Pulling from library/postgres", "id": "16"},
        {"status": "Pulling fs layer", "id": "a"},
        {"status": "Pulling fs layer", "id": "b"},
        {"status": "Waiting", "id": "b"},
        {"status": "Already exists", "id": "c"},
        downloading("a", 1_000_000, 4_000_000),
    )
    assert line == "Pulling postgres:16: 1 of 3 layers, 1.0 of 4.0 MB"
    assert gauges == (
        Gauge("postgres:16", 1_000_000, 4_000_000),
        Gauge("a", 1_000_000, 4_000_000),
        Gauge("b", 0, None),
        Gauge("c", 1, 1, Unit.STEPS),
    )
    line, gauges = told(layers, downloading("b", 500_000, 1_000_000), now=1.0)
    assert line == "Pulling postgres:16: 1 of 3 layers, 1.5 of 5.0 MB, 0.5 MB/s"
    assert gauges[0] == Gauge("postgres:16", 1_500_000, 5_000_000, rate=500_000)
    line, gauges = told(
        layers,
        {"status": "Download complete", "id": "a"},
        {"status": "Extracting", "id": "b", "progressDetail": {"current": 250_000, "total": 1_000_000}},
        now=2.0,
    )
    assert line == "Pulling postgres:16: 1 of 3 layers, 5.0 of 5.0 MB"
    assert gauges[1:3] == (Gauge("a", 4_000_000, 4_000_000), Gauge("b extracting", 250_000, 1_000_000))
    line, gauges = told(layers, {"status": "Pull complete", "id": "b"}, now=3.0)
    assert line == "Pulling postgres:16: 2 of 3 layers, 5.0 of 5.0 MB"
    assert gauges[2] == Gauge("b", 1_000_000, 1_000_000)


def test_the_rate_falls_when_nothing_comes_any_more():
    layers = Layers(["a:1"])
    told(layers, {"status": "Pulling fs layer", "id": "a"}, downloading("a", 0, 9_000_000))
    assert told(layers, downloading("a", 3_000_000, 9_000_000), now=1.0)[1][0].rate == 3_000_000
    rates = [layers.report(1.0 + step / 10)[1][0].rate for step in range(1, 50)]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] == 0


def test_a_layer_that_is_begun_anew_and_one_whose_extraction_is_counted_in_seconds():
    layers = Layers(["a:1"])
    told(layers, {"status": "Pulling fs layer", "id": "a"}, downloading("a", 700, 1000))
    assert told(layers, {"status": "Retrying in 5 seconds", "id": "a"})[1][1] == Gauge("a", 0, 1000)
    extracting = {"status": "Extracting", "id": "a", "progressDetail": {"current": 2, "units": "s"}}
    assert told(layers, extracting)[1][1] == Gauge("a extracting", 0, 1000)


STATUSES = ["Pulling fs layer", "Already exists", "Waiting", "Verifying Checksum", "Download complete", "Pull complete"]
plain = st.builds(
    lambda status, name: {"status": status, "id": name}, st.sampled_from(STATUSES), st.sampled_from("abc")
)
counted = st.builds(
    lambda status, name, total, part: {
        "status": status,
        "id": name,
        "progressDetail": {"current": total * part // 100, "total": total},
    },
    st.sampled_from(["Downloading", "Extracting"]),
    st.sampled_from("abc"),
    st.sampled_from([1000, 5000]),
    st.integers(0, 100),
)


@given(st.lists(plain | counted))
def test_whatever_the_engine_says_the_gauges_make_sense(messages):
    layers, total = Layers(["a:1", "b:1"]), 0
    for moment, message in enumerate(messages):
        _, (whole, *parts) = told(layers, message, now=float(moment))
        assert len({gauge.name for gauge in parts}) == len(parts) <= 3
        assert all(0 <= gauge.done <= gauge.total for gauge in (whole, *parts) if gauge.total is not None)
        assert (whole.total or 0) >= total
        total = whole.total or 0


@pytest.mark.parametrize(
    ("words", "cause", "command"),
    [
        ("manifest for postgres:99 not found: manifest unknown", "not with this tag", None),
        ("pull access denied for nope, repository does not exist or may require login", "is private", "docker login"),
        ('Head "https://h/v2/": no basic auth credentials', "is private", "docker login"),
        ("unauthorized: incorrect username or password", "does not accept the login", "docker login"),
        ("toomanyrequests: You have reached your pull rate limit", "enough requests", "docker login"),
        (
            'Get "https://registry-1.docker.io/v2/": dial tcp: lookup h: no such host',
            "name is not known",
            "stackdeck up",
        ),
        ('Get "https://h/v2/": dial tcp 10.0.0.1:443: i/o timeout', "does not answer", "stackdeck up"),
        (
            'Get "https://h/v2/": proxyconnect tcp: dial tcp 10.0.0.1:3128: connection refused',
            "its proxy",
            "stackdeck up",
        ),
        ("tls: failed to verify certificate: x509: certificate signed by unknown authority", "does not trust", None),
        ("http: server gave HTTP response to HTTPS client", "HTTP without TLS", None),
        ("filesystem layer verification failed for digest sha256:1", "on its way", "stackdeck up"),
        ("unexpected EOF", "on its way", "stackdeck up"),
        ("no matching manifest for linux/arm64/v8 in the manifest list entries", "this kind of machine", None),
        ("invalid reference format", "no image's name", None),
        ("something that nobody has seen before", "gave up", "stackdeck up"),
    ],
)
def test_each_failure_has_its_cause_and_fix(words, cause, command):
    finding = pull_failed("postgres:99", words).finding
    assert finding.code is Code.IMAGE_PULL_FAILED
    assert cause in finding.cause
    assert command in [fix.command for fix in finding.fixes]
    assert finding.evidence == words


def test_a_full_disk_is_no_matter_of_the_registry():
    finding = pull_failed("postgres:99", "write /var/lib/docker/tmp/x: no space left on device").finding
    assert finding.code is Code.ENGINE_DISK_FULL
    assert finding.fixes[0].command == "docker system df"


def test_the_image_s_own_name_is_no_reason():
    finding = pull_failed("tls:denied", "manifest for tls:denied not found: manifest unknown").finding
    assert "not with this tag" in finding.cause


@pytest.mark.parametrize(
    ("reference", "command"),
    [("postgres:16", "docker login"), ("me/app", "docker login"), ("ghcr.io/me/app:1", "docker login ghcr.io")],
)
def test_the_login_is_for_the_image_s_registry(reference, command):
    assert pull_failed(reference, "toomanyrequests").finding.fixes[0].command == command
